"""Open a network on one Edge TPU: through Google's PyCoral where that is installed, else with LiteRT alone.

Both put libedgetpu into a TFLite interpreter, as the delegate that runs what was compiled. PyCoral brings the
interpreter that Google's builds of the library were made for; those crash in newer ones (google-coral/edgetpu#812).
Google's own wheels of it end with Python 3.9; github.com/feranick/pycoral has the same function for later ones. Neither
way was ever run on a device, and PyCoral not at all: its `make_interpreter` was read, in 2.0.0 and 2.0.3.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tomopy_edge.errors import BackendError
from tomopy_edge.networks.edge_tpu_library import HOW_TO_GET, VARIABLE, Device, ask_library, library_file

MARK = Path("utils", "edgetpu.py")
"""A file of Google's PyCoral. PyPI's package of that name, a program about reefs, has no such file."""

TOO_NEW = "Package requires runtime version"
"""How the library begins to refuse what was compiled for a newer one (its `driver/package_registry.cc`)."""

FREE_IT = (
    "see that no other program has it and that your user may open it (group plugdev), or unplug it and plug it in again"
)


def uses_pycoral() -> bool:
    """Return whether PyCoral opens networks: it is installed, and no library is named, for it takes the system's only.

    That the package called pycoral is Google's is told from its files: another must not be imported.
    """
    found = None if os.environ.get(VARIABLE) else find_spec("pycoral")
    places = found.submodule_search_locations if found else None
    return any((Path(place) / MARK).is_file() for place in places or ())


def interpreter_name() -> str:
    """Return what interprets a network's operators, and hands those that were compiled to the library."""
    return "PyCoral" if uses_pycoral() else "LiteRT"


def find_device(name: str) -> Device:
    """Return the device of a name.

    Raises
    ------
    BackendError : where there is none, or no library that could see it
    """
    return _seen("name", name, name)


def open_interpreter(content: bytes, device: Device, threads: int) -> Any:
    """Return a TFLite interpreter whose compiled operators run on an Edge TPU, its tensors allocated.

    Parameters
    ----------
    content : of the .tflite file
    device : at the place of which it is looked for anew, because its number may have changed
    threads : for operators that run on the CPU; PyCoral uses one

    Raises
    ------
    BackendError : where the device, or the library, refuses
    """
    # Asked first for another reason too: where load_delegate meets a library that cannot be loaded, the delegate that
    # it half made fails once more while Python takes it down, and a traceback is printed that nobody can catch.
    option = _seen("place", device.place, device.name).option
    try:
        interpreter = _of_pycoral(content, option) if uses_pycoral() else _of_litert(content, option, threads)
        interpreter.allocate_tensors()
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        # The library says nothing of why it refuses a device: the message is then that of load_delegate alone.
        told = " ".join(str(error).split()) or type(error).__name__
        remedy = HOW_TO_GET if TOO_NEW in told else FREE_IT
        raise BackendError(
            f"the Edge TPU {device.name} cannot be used through {interpreter_name()} ({told}); {remedy}"
        ) from None
    return interpreter


def _seen(field: str, value: str, name: str) -> Device:
    for device in ask_library().devices:
        if getattr(device, field) == value:
            return device
    raise BackendError(f"the Edge TPU {name} is not there any more; plug it in again")


def _of_pycoral(content: bytes, option: str) -> Any:
    from pycoral.utils.edgetpu import make_interpreter

    return make_interpreter(content, device=option)


def _of_litert(content: bytes, option: str, threads: int) -> Any:
    from ai_edge_litert.interpreter import Interpreter, load_delegate

    delegates = [load_delegate(library_file(), {"device": option})]
    return Interpreter(model_content=content, experimental_delegates=delegates, num_threads=threads)

"""Open a network on one Edge TPU: through Google's PyCoral where that is installed, else with LiteRT alone.

Both put libedgetpu into a TFLite interpreter, as the delegate that runs what was compiled. PyCoral brings the
interpreter that Google's builds of the library were made for; those crash in newer ones (google-coral/edgetpu#812). Its
functions are those of its release 2.0, which are all that is used here; neither way was ever run on a device.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tomopy_edge.errors import BackendError
from tomopy_edge.networks.edge_tpu_library import ask_library, library_file

MARK = Path("utils", "edgetpu.py")
"""A file of Google's PyCoral. PyPI's package of that name, a program about reefs, has no such file."""


def has_pycoral() -> bool:
    """Return whether the package called pycoral is Google's, told from its files: another must not be imported."""
    found = find_spec("pycoral")
    places = found.submodule_search_locations if found else None
    return any((Path(place) / MARK).is_file() for place in places or ())


def interpreter_name() -> str:
    """Return what interprets a network's operators, and hands those that were compiled to the library."""
    return "PyCoral" if has_pycoral() else "LiteRT"


def open_interpreter(content: bytes, device: str, threads: int) -> Any:
    """Return a TFLite interpreter whose compiled operators run on an Edge TPU, its tensors allocated.

    Parameters
    ----------
    content : of the .tflite file
    device : "usb:0", "pci:1", ...
    threads : for operators that run on the CPU; PyCoral uses one

    Raises
    ------
    BackendError : where the device, or the library, refuses
    """
    try:
        interpreter = _of_pycoral(content, device) if has_pycoral() else _of_litert(content, device, threads)
        interpreter.allocate_tensors()
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        # The library says nothing of why it refuses a device: the message is then that of load_delegate alone.
        raise BackendError(
            f"the Edge TPU {device} cannot be used through {interpreter_name()} ({_flat(error)}); see that no other "
            "program has it and that your user may open it (group plugdev), or unplug it and plug it in again"
        ) from None
    return interpreter


def _of_pycoral(content: bytes, device: str) -> Any:
    from pycoral.utils.edgetpu import make_interpreter

    return make_interpreter(content, device=device)


def _of_litert(content: bytes, device: str, threads: int) -> Any:
    from ai_edge_litert.interpreter import Interpreter, load_delegate

    # Asked first: where load_delegate meets a library that cannot be loaded, the delegate that it half made fails once
    # more while Python takes it down, and a traceback is printed that nobody can catch.
    ask_library()
    delegates = [load_delegate(library_file(), {"device": device})]
    return Interpreter(model_content=content, experimental_delegates=delegates, num_threads=threads)


def _flat(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__

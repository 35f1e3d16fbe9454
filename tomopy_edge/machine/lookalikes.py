"""Which packages go by a name that something else is known by: told from their contents, and never imported."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tomopy_edge.installed import Installed
from tomopy_edge.tomopy_library import FAMILIAR

LITERT = "pip install ai-edge-litert"
LIBEDGETPU = "libedgetpu, which is all that Edge TPUs need"

IMPORTED = ("tomopy", "dxchange", "pycoral", "ai_edge_litert", "tflite_runtime")
"""Names that are imported here, so that another package of the name stands in the way."""

LARGEST_FILE = 1_000_000
"""Bytes; no file that says what a package is comes near."""

State = Literal["absent", "genuine", "broken", "other"]


@dataclass(frozen=True)
class Name:
    """A name that is known for one package, and taken by others too.

    Attributes
    ----------
    module : as it is imported
    known : what the name is known for
    functions : that the known package defines somewhere
    files : that it has
    instead : what to have in place of something else that took the name
    distribution : as it is installed
    """

    module: str
    known: str
    functions: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    instead: str = ""
    distribution: str = ""


NAMES = (
    Name("tomopy", "TomoPy", FAMILIAR, instead="conda install -c conda-forge tomopy"),
    Name(
        "dxchange",
        "the reader of beamlines' formats",
        ("read_als_832h5", "write_tiff_stack"),
        instead="conda install -c conda-forge dxchange",
    ),
    Name("pycoral", "Google's PyCoral", files=("utils/edgetpu.py",), instead=LIBEDGETPU),
    Name("coral", "Google's PyCoral", files=("utils/edgetpu.py",), instead=LIBEDGETPU),
    Name("edgetpu", "Google's former Edge TPU library", files=("basic/basic_engine.py",), instead=LIBEDGETPU),
    Name("libedgetpu", "Google's library", files=("libedgetpu.so.1",), instead=LIBEDGETPU),
    Name(
        "edgetpu_compiler",
        "Google's compiler",
        files=("edgetpu_compiler",),
        instead="edgetpu_compiler from Google's apt repository",
        distribution="edgetpu-compiler",
    ),
    Name("ai_edge_litert", "LiteRT", files=("interpreter.py",), instead=LITERT, distribution="ai-edge-litert"),
    Name("tflite_runtime", "TensorFlow Lite", files=("interpreter.py",), instead=LITERT, distribution="tflite-runtime"),
    Name("tflite", "TensorFlow Lite", files=("interpreter.py",), instead=LITERT),
    Name("litert", "LiteRT", files=("interpreter.py",), instead=LITERT),
)
"""PyPI has other packages called pycoral, dxchange, coral and tflite; edgetpu, edgetpu-compiler, libedgetpu and litert
are free there, for anyone to take."""


@dataclass(frozen=True)
class Verdict:
    """What goes by a name here.

    Attributes
    ----------
    module : the name, as it is imported
    state : "absent"; "genuine" where it is what the name is known for; "broken" where it is that and does not import;
        "other" where it is something else
    version : of what is installed; "" where nothing is, or nothing says
    place : its folder or file; "" where it is absent
    told : what it is, and where it is something else, what to install instead: one sentence
    """

    module: str
    state: State
    version: str
    place: str
    told: str


def judge_all(installed: Installed) -> tuple[Verdict, ...]:
    """Return what goes by each of `NAMES`."""
    return tuple(judge(name, installed) for name in NAMES)


def judge(name: Name, installed: Installed) -> Verdict:
    """Return what goes by a name, by reading its files."""
    place = installed.place(name.module)
    if place is None:
        return Verdict(name.module, "absent", "", "", f"not installed; {name.instead}")
    version = installed.version(name.distribution or name.module)
    lacks = _lacks(name, place)
    if not lacks:
        return Verdict(name.module, "genuine", version, str(place), name.known)
    named = f"the package {name.module} {version}".rstrip()
    pip = f" (pip uninstall {name.distribution or name.module})" if version else ""
    what = f"remove it{pip}" if name.module in IMPORTED else "nothing here uses it"
    told = f"{named} at {place} is not {name.known}: it has no {lacks}; {what}; the real thing: {name.instead}"
    return Verdict(name.module, "other", version, str(place), told)


def _lacks(name: Name, place: Path) -> str:
    """Return the first thing that the known package has and what is at `place` has not; "" where it has all."""
    for file in name.files:
        if not (place / file).is_file():
            return file
    wanted = set(name.functions)
    for text in _sources(place) if wanted else ():
        wanted -= {function for function in wanted if re.search(rf"^def {function}\b", text, re.MULTILINE)}
        if not wanted:
            break
    return next((f"{function}()" for function in name.functions if function in wanted), "")


def _sources(place: Path) -> Iterator[str]:
    for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
        if os.access(file, os.R_OK) and file.stat().st_size <= LARGEST_FILE:
            yield file.read_text(encoding="utf-8", errors="replace")

"""Try what may end its process in another one, and say what became of it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tomopy_edge.networks.beginning import beginning
from tomopy_edge.networks.ending import last_line, signal_name
from tomopy_edge.system_files import ROOT

PATIENCE = 60.0
"""Seconds after which a process that has not ended is given up; TomoPy takes many to import from a memory card."""

MARK = "tomopy-edge found: "
"""Begins the lines that a script tells; libraries print what they like around them."""

TELL = f"""
import json, sys
def tell(**found):
    print({MARK!r} + json.dumps(found), flush=True)
"""

LOAD = """
from ctypes import *
try:
    library = CDLL(sys.argv[1])
except OSError as error:
    told = str(error)
    tell(fault=told, absent=told.startswith(sys.argv[1] + ":") and "No such file" in told)
    raise SystemExit
"""


@dataclass(frozen=True)
class Answer:
    """What a script told.

    Attributes
    ----------
    found : what it told, in order
    ended : how its process ended where that was not well, such as "ended the process that tried it (SIGABRT)"
    """

    found: tuple[dict[str, Any], ...] = ()
    ended: str = ""

    def said(self, key: str, otherwise: Any = None) -> Any:
        """Return what was told last under `key`."""
        return next((found[key] for found in reversed(self.found) if key in found), otherwise)


def ask_library(name: str, script: str, root: Path = ROOT) -> Answer:
    """Return what `script` finds out about a shared library; raise nothing.

    Parameters
    ----------
    name : of the library, as the loader knows it
    script : Python that has the `library` as ctypes loads it, all of ctypes, and `tell(key=value)`
    root : where the system is; other than "/", the library is looked for in its `usr/lib`

    Returns
    -------
    the answer, which says the loader's `fault` where the library could not be loaded, and whether it is `absent`: one
    that lacks another library is not
    """
    place = name if root == ROOT else str(root / "usr/lib" / name)
    # Without site-packages it starts at once, and no package can stand in the way.
    return _asked(["-I", "-S", "-c", TELL + LOAD + script, place])


def ask_python(script: str) -> Answer:
    """Return what `script`, Python that has `tell(key=value)`, finds out with what is installed; raise nothing."""
    return _asked(["-c", beginning() + TELL + script])


def _asked(arguments: list[str]) -> Answer:
    try:
        child = subprocess.run(  # noqa: S603 - our own interpreter and script
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return Answer(_found(late.stdout or b""), f"did not answer within {PATIENCE:g} seconds")
    except OSError as error:
        return Answer((), f"could not be tried ({error})")
    return Answer(_found(child.stdout), _ended(child))


def _found(output: bytes) -> tuple[dict[str, Any], ...]:
    lines = output.decode("utf-8", errors="replace").splitlines()
    # A process that ends in the middle of a line leaves half of one.
    whole = (line.removeprefix(MARK) for line in lines if line.startswith(MARK) and line.endswith("}"))
    return tuple(json.loads(line) for line in whole)


def _ended(child: subprocess.CompletedProcess[bytes]) -> str:
    code = child.returncode
    if not code:
        return ""
    how = signal_name(code) if code < 0 else f"exit code {code}"
    return f"ended the process that tried it ({': '.join([how, *last_line(child.stderr)])})"

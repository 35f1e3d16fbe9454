"""Whether a runtime works on this machine: asked once, and in a process of its own where the answer may be a crash."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from dataclasses import asdict
from functools import cache
from typing import Any

from tomopy_edge.backend import Probe
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.networks.ending import last_line, signal_name

PATIENCE = 60.0
"""Seconds after which a runtime that has not answered is taken for one that hangs."""

ANSWER = "tomopy-edge probe: "
"""Begins the line that a child process answers with; libraries print what they like around it."""


@cache
def probed(entry: BackendEntry) -> Probe:
    """Return what became of trying a runtime here; asked once in a process.

    A runtime that raises, crashes, hangs or answers nothing is one that does not work, and the sentence says which.
    """
    return _in_child(entry) if entry.risky else _safely(entry)


def _safely(entry: BackendEntry) -> Probe:
    try:
        probe: Any = entry.probe()
    except Exception as error:  # noqa: BLE001 - a broken runtime must not stop a run that can do without it
        return Probe(works=False, told=f"trying it failed: {type(error).__name__}: {error}")
    if isinstance(probe, Probe):
        return probe
    return Probe(works=False, told=f"its probe answered {probe!r} where a Probe is expected")


def _in_child(entry: BackendEntry) -> Probe:
    """Return what a child process says that calls the probe."""
    place = f"{entry.probe.__module__}:{entry.probe.__qualname__}"
    script = f"from tomopy_edge.networks.probing import answer; answer({place!r})"
    try:
        child = subprocess.run(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-c", script],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Probe(works=False, told=f"it did not answer within {PATIENCE:g} seconds")
    told = child.stdout.decode(errors="replace").splitlines()
    answers = [line.removeprefix(ANSWER) for line in told if line.startswith(ANSWER)]
    if child.returncode == 0 and answers:
        plain = json.loads(answers[-1])
        return Probe(**plain | {"devices": tuple(plain["devices"])})
    return Probe(works=False, told=_how_it_ended(child))


def answer(place: str) -> None:
    """Call the probe at `place`, "module:name", and print what it says; run in the child."""
    module, name = place.split(":")
    probe = importlib.import_module(module)
    for part in name.split("."):
        probe = getattr(probe, part)
    print(ANSWER + json.dumps(asdict(probe())), flush=True)  # type: ignore[operator]  # noqa: T201 - the answer


def _how_it_ended(child: subprocess.CompletedProcess[bytes]) -> str:
    """Return how a child ended that did not answer, and the last line it said."""
    code = child.returncode
    how = f"ended with exit code {code} before it answered" if code >= 0 else f"was ended by {signal_name(code)}"
    return " ".join([f"the process that tried it {how}", *(f"({line})" for line in last_line(child.stderr))])

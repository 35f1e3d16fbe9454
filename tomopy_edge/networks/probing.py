"""Whether a runtime works on this machine: asked once, and in a process of its own where the answer may be a crash."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from typing import Any

from tomopy_edge.backend import Probe
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.networks.beginning import beginning
from tomopy_edge.networks.ending import last_line, signal_name

PATIENCE = 180.0
"""Seconds after which a runtime that has not answered is taken for one that hangs: a hundred times what the slowest
takes on a laptop, since emulated and small boards are tens of times as slow, and other programs may run there too."""

ANSWER, ENDED = "tomopy-edge probe: ", "tomopy-edge probes ended: "
"""Begin the lines that a child process answers with; libraries print what they like around them."""


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


def probed_apart(entries: Sequence[BackendEntry], at_once: int) -> tuple[Probe, ...]:
    """Return what became of trying several runtimes, each in a process of its own, risky or not.

    What costs most of a child's time is the start of Python, which they share where the system can fork.

    Parameters
    ----------
    entries : whose probes a child finds; see `by_name`
    at_once : most processes that run at a time
    """
    known = _forked(entries, at_once) if len(entries) > 1 and sys.platform == "linux" else {}
    return tuple(known.get(_place(entry)) or _in_child(entry) for entry in entries)


def by_name(entry: BackendEntry) -> bool:
    """Return whether a child process would find the probe of a runtime, which it does by its name."""
    module = sys.modules.get(getattr(entry.probe, "__module__", ""))
    # What is defined in a script is found there alone.
    return (
        module is not None
        and module.__name__ != "__main__"
        and getattr(module, getattr(entry.probe, "__qualname__", ""), None) is entry.probe
    )


def _in_child(entry: BackendEntry) -> Probe:
    """Return what a child process says that calls the probe."""
    child = _child(f"answer({_place(entry)!r})", PATIENCE)
    if child is None:
        return _hanging()
    answers = _told(child, ANSWER)
    if child.returncode == 0 and answers:
        return _probe(answers[-1])
    return Probe(works=False, told=_how_it_ended(child))


def _forked(entries: Sequence[BackendEntry], at_once: int) -> dict[str, Probe]:
    """Return what children of one child say, which end when they hang; of those that fail nothing, not even why."""
    places = [_place(entry) for entry in entries]
    child = _child(f"answer_each({places!r}, {at_once}, {PATIENCE})", PATIENCE * (len(entries) + 1))
    if child is None:
        return {}
    ended = {place: code for endings in _told(child, ENDED) for place, code in endings.items()}
    hanging = {place: _hanging() for place, code in ended.items() if code == -signal.SIGALRM}
    # One that crashes when it is over crashes in a run, too.
    answers = (answer for answer in _told(child, ANSWER) if ended.get(answer["place"]) == 0)
    return hanging | {answer["place"]: _probe(answer) for answer in answers}


def _child(call: str, patience: float) -> subprocess.CompletedProcess[bytes] | None:
    """Return a child process that called a function of this module, when it has ended; None where it hung."""
    script = f"{beginning()}from tomopy_edge.networks.probing import answer, answer_each; {call}"
    try:
        return subprocess.run(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-c", script],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=patience,
            check=False,
            # A process may only be forked before it has threads.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired:
        return None


def answer(place: str) -> None:
    """Call the probe at `place`, "module:name", and print what it says; run in the child."""
    module, name = place.split(":")
    probe = importlib.import_module(module)
    for part in name.split("."):
        probe = getattr(probe, part)
    told = asdict(probe())  # type: ignore[operator]
    _say(ANSWER, {"place": place, **told})


def answer_each(places: Sequence[str], at_once: int, patience: float) -> None:
    """Have each of `places` answered by a process forked off this one, and print how those ended; run in the child."""
    waiting, ended = list(places), {}
    running: dict[int, str] = {}
    while waiting or running:
        if waiting and len(running) < at_once:
            place = waiting.pop(0)
            number = os.fork()
            if not number:
                # A signal that nobody takes, and that so ends whatever hangs.
                signal.setitimer(signal.ITIMER_REAL, patience)
                answer(place)
                return
            running[number] = place
        else:
            number, status = os.wait()
            ended[running.pop(number)] = os.waitstatus_to_exitcode(status)
    _say(ENDED, ended)


def _say(start: str, told: dict[str, Any]) -> None:
    # At once, since others write there too, any of which may have left its line unfinished.
    sys.stdout.write(f"\n{start}{json.dumps(told)}\n")
    sys.stdout.flush()


def _place(entry: BackendEntry) -> str:
    return f"{entry.probe.__module__}:{entry.probe.__qualname__}"


def _told(child: subprocess.CompletedProcess[bytes], start: str) -> list[dict[str, Any]]:
    lines = child.stdout.decode(errors="replace").splitlines()
    return [json.loads(line.removeprefix(start)) for line in lines if line.startswith(start)]


def _probe(answer: dict[str, Any]) -> Probe:
    return Probe(answer["works"], answer["told"], answer["version"], tuple(answer["devices"]))


def _hanging() -> Probe:
    told = f"it did not answer within {PATIENCE:g} seconds; where this machine is only slow or busy, try again"
    return Probe(works=False, told=told)


def _how_it_ended(child: subprocess.CompletedProcess[bytes]) -> str:
    """Return how a child ended that did not answer, and the last line it said."""
    code = child.returncode
    how = f"ended with exit code {code} before it answered" if code >= 0 else f"was ended by {signal_name(code)}"
    return " ".join([f"the process that tried it {how}", *(f"({line})" for line in last_line(child.stderr))])

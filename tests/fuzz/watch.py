"""Runs cases in a child process, which may crash, hang or take what memory it likes: all is seen and counted."""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from pathlib import Path

from tests.fuzz.case import Case
from tomopy_edge.errors import EdgeError

SECONDS = 5
"""Of processor time, after which a case counts as hung; a busy machine is no fault of it."""

WAIT = 60
"""Seconds on the clock, after which it counts as hung too: it may be asleep."""

BYTES = 10**9
"""Of memory, above which a case has taken too much."""

RENEWED = 2000
"""Cases after which a child makes room for a fresh one."""

ACCEPTED, REFUSED, TRACEBACK, CRASH, HANG, MEMORY = "accepted", "refused", "traceback", "crash", "hang", "memory"
FINDINGS = (TRACEBACK, CRASH, HANG, MEMORY)


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes
    ----------
    number : of the case
    kind : one of the words above
    told : the error that refused it, or where it failed
    seconds : that it took on the clock
    peak : bytes of memory that the process had at most
    """

    number: int
    kind: str
    told: str
    seconds: float
    peak: int


def watched(
    attempt: Callable[[Path, Case], None],
    make: Callable[[int], Case],
    numbers: range,
    careful: Callable[[Path, Case], None] | None = None,
) -> Iterator[Outcome]:
    """Yield what becomes of the cases of these numbers.

    Parameters
    ----------
    attempt : tries a case, whose files lie beside the path that it is given; an `EdgeError` refuses it
    make : makes a case of its number
    careful : tries a case again that `attempt` crashed or hung on, where that leaves out what protects a run; what
        becomes of it then is what counts
    """
    number = numbers.start
    with tempfile.TemporaryDirectory(prefix="tomopy-edge-fuzz-") as name:
        while number < numbers.stop:
            last = min(number + RENEWED, numbers.stop)
            for outcome in _batch(attempt, make, range(number, last), Path(name)):
                number = outcome.number + 1
                if careful and outcome.kind in {CRASH, HANG}:
                    yield from _batch(careful, make, range(outcome.number, number), Path(name))
                else:
                    yield outcome


def _batch(
    attempt: Callable[[Path, Case], None], make: Callable[[int], Case], numbers: range, folder: Path
) -> Iterator[Outcome]:
    """Yield outcomes until the numbers or the child come to their end."""
    child, there = _forked(attempt, make, numbers, folder)
    current = numbers.start
    ended = False
    try:
        while not ended:
            if not there.poll(WAIT):
                os.kill(child, signal.SIGKILL)
                yield Outcome(current, HANG, f"no answer in {WAIT} s", WAIT, 0)
                return
            try:
                told = json.loads(there.recv_bytes())
            except EOFError:
                break
            ended = told == "end"
            if isinstance(told, int):
                current = told
            elif not ended:
                yield Outcome(**told)
                current = told["number"] + 1
    finally:
        there.close()
        _, status = os.waitpid(child, 0)
    traces = folder / "traces"
    code = os.waitstatus_to_exitcode(status)
    if code > 0:
        raise RuntimeError(f"the child ended with exit code {code}; what it was is told above")
    if code == -signal.SIGPROF:
        yield Outcome(current, HANG, f"{SECONDS} s of processor time: {_innermost(traces)}", SECONDS, 0)
    elif code < 0:
        yield Outcome(current, CRASH, f"{signal.Signals(-code).name}: {_innermost(traces)}", 0, 0)


def _forked(
    attempt: Callable[[Path, Case], None], make: Callable[[int], Case], numbers: range, folder: Path
) -> tuple[int, Connection]:
    """Return a child that tries cases, and what it tells of them through."""
    there, here = Pipe(duplex=False)
    child = os.fork()
    if not child:
        code = 1
        try:
            there.close()
            _work(attempt, make, numbers, folder, here)
            code = 0
        except BrokenPipeError:
            # Nobody listens any more.
            code = 0
        except BaseException:  # noqa: BLE001 - a child must never return into what its parent does
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(code)
    here.close()
    return child, there


def _innermost(traces: Path) -> str:
    """Return the innermost calls that `faulthandler` wrote down, without those of this package."""
    lines = [line.strip() for line in traces.read_text(errors="replace").splitlines() if line.startswith("  File")]
    calls = [line.split("/")[-1].replace('"', "") for line in lines if "tests/fuzz" not in line]
    return " < ".join(calls[:4])


def _work(
    attempt: Callable[[Path, Case], None], make: Callable[[int], Case], numbers: range, folder: Path, tell: Connection
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What libraries print from C is of no interest.
    null = os.open(os.devnull, os.O_WRONLY)
    kept = os.dup(2)
    sys.__stderr__ = os.fdopen(kept, "w", buffering=1)
    os.dup2(null, 1)
    os.dup2(null, 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    size = _status("VmSize") + BYTES
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    with (folder / "traces").open("w") as traces:
        faulthandler.enable(traces, all_threads=False)
        faulthandler.register(signal.SIGPROF, traces, all_threads=False, chain=True)
        for number in numbers:
            case = make(number)
            tell.send_bytes(json.dumps(number).encode())
            outcome = _tried(attempt, case, number, folder)
            tell.send_bytes(json.dumps(vars(outcome)).encode())
            if outcome.kind in FINDINGS:
                break
    tell.send_bytes(json.dumps("end").encode())


def _tried(attempt: Callable[[Path, Case], None], case: Case, number: int, folder: Path) -> Outcome:
    with tempfile.TemporaryDirectory(dir=folder) as name:
        path = case.write(Path(name))
        _forget_peak()
        started = time.perf_counter()
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        kind, told = ACCEPTED, ""
        try:
            attempt(path, case)
        except EdgeError as error:
            kind, told = REFUSED, f"{type(error).__name__}: {error}"
        except BaseException as error:  # noqa: BLE001 - each is a finding
            kind, told = TRACEBACK, f"{type(error).__name__}: {_short(error)} in {_place(error)}"
        signal.setitimer(signal.ITIMER_PROF, 0)
        seconds, peak = time.perf_counter() - started, _status("VmHWM")
        if peak > BYTES:
            kind, told = MEMORY, f"{peak / 1e9:.2f} GB, {kind}: {told}"
    return Outcome(number, kind, told, seconds, peak)


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:160]


def _place(error: BaseException) -> str:
    """Return the innermost line of the package that an error passed, or else the innermost of all."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/tomopy_edge/" in frame.filename] or frames
    last = ours[-1]
    return f"{Path(last.filename).name}:{last.lineno} {last.name}"


def _forget_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        # The peak is then that of all cases so far.
        return


def _status(name: str) -> int:
    """Return a line of /proc/self/status, bytes."""
    text = Path("/proc/self/status").read_text()
    return int(text.partition(f"{name}:")[2].split()[0]) * 1024

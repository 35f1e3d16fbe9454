"""What holds for all that makes slices out of slices, whatever its kind: each check is written here once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.testing import memory
from tomopy_edge.testing.findings import Conformance, Findings, Unfit, without_warnings

Stack = NDArray[Any]

LEFT = 0.5
"""Share of its answer that a call must leave behind, each time, to be said to leak."""

STEEPER = 3.0
"""How many times as much the second doubling of the slices may add to the memory as the first; twice is in proportion,
four times is a table of all pairs."""


@dataclass(frozen=True)
class Opened:
    """A plugin's thing that is ready for slices.

    Attributes
    ----------
    answer : makes (z, ...) of (z + 2 * neighbours, ...)
    close : gives back what it holds
    neighbours : slices on each side of a slice that it is given and does not return
    together : slices that are always made as one
    fresh : whether it says that each answer is an array of its own
    """

    answer: Callable[[Stack], Stack]
    close: Callable[[], object]
    neighbours: int = 0
    together: int = 1
    fresh: bool = False


@dataclass(frozen=True)
class Subject:
    """What is tried, and what it is tried on.

    Attributes
    ----------
    open : makes a new one
    stack : (z + 2 * neighbours, ...), slices no two of which are alike
    other : of the same shape, with something else
    rounding : how far a slice may be apart where it is made among others, in the unit of the answers
    unit : of the answers, for sentences
    thing : what z counts
    """

    open: Callable[[], Opened]
    stack: Stack
    other: Stack
    rounding: float = 0.0
    unit: str = "attenuation per pixel"
    thing: str = "slice"

    @property
    def many(self) -> str:
        """The plural of `thing`."""
        return f"{self.thing}s"


@contextmanager
def given_back(close: Callable[[], object]) -> Iterator[None]:
    """Close what was opened where a fault ends the checks: it may hold a device that the next test needs."""
    try:
        yield
    except BaseException:
        with suppress(Exception):
            close()
        raise


def check_repeats(subject: Subject, opened: Opened, found: Findings) -> Stack:
    """Check that an answer depends on nothing but what was given, and return it."""
    unit = subject.unit
    first = opened.answer(subject.stack.copy()).copy()
    with found.check("determinism"):
        again = opened.answer(subject.stack.copy()).copy()
        if told := differ(first, again):
            raise Unfit(
                f"the same {subject.many} gave other answers the second time, {told} {unit}; seed random numbers anew "
                "in each call, and let no threads add up in whichever order they end"
            )
    with found.check("no memory of other slices"):
        opened.answer(subject.other.copy())
        if told := differ(first, opened.answer(subject.stack.copy())):
            raise Unfit(
                f"an answer was another one after other {subject.many} had been given, {told} {unit}; remember none: "
                "rows come in any order, and again"
            )
    second: Opened | None = None
    with found.check("a second one"):
        second = subject.open()
        if told := differ(first, second.answer(subject.stack.copy())):
            raise Unfit(
                f"another one, made with the same options, answers otherwise, {told} {unit}; what was found must "
                "stand in the settled options, so that the recipe beside the slices reproduces them"
            )
    if second is not None:
        with found.check("close"):
            second.close()
            if told := differ(first, opened.answer(subject.stack.copy())):
                raise Unfit(f"once another one was closed, this one answers otherwise, {told} {unit}; share nothing")
    return first


def check_memory_of_arrays(subject: Subject, opened: Opened, found: Findings) -> None:
    """Check that what is given stays as it is, and what is answered too where that is promised."""
    with found.check("input"):
        given = subject.stack.copy()
        opened.answer(given)
        if told := differ(subject.stack, given):
            raise Unfit(f"what it was given was written into ({told}); work on a copy, or write to a new array")
    if not opened.fresh:
        return
    with found.check("fresh"):
        first = opened.answer(subject.stack.copy())
        kept = first.copy()
        opened.answer(subject.other.copy())
        if differ(kept, first):
            raise Unfit(
                "it says fresh = True, and writes the next answer over the last; leave `fresh` out, and answers are "
                "copied, or return a new array each time"
            )


def check_threads(subject: Subject, opened: Opened, right: Stack, found: Findings) -> None:
    """Check that it works in another thread than it was made in, as stages that work side by side do."""
    with found.check("another thread"), ThreadPoolExecutor(1) as thread:
        try:
            answer = thread.submit(lambda: opened.answer(subject.stack.copy())).result()
        except Exception as error:
            raise Unfit(
                f"it failed in another thread than it was made in ({type(error).__name__}: {error}); make in `create` "
                "nothing that is bound to a thread, or bind it again in each call"
            ) from error
        if told := differ(right, answer):
            raise Unfit(f"it answers otherwise in another thread than it was made in, {told} {subject.unit}")


def check_alone(subject: Subject, opened: Opened, right: Stack, found: Findings) -> None:
    """Check that a slice comes out the same alone as among others."""
    margin, together = opened.neighbours, opened.together
    with found.check("chunks"):
        for first in range(0, len(right), together):
            some = slice(first, min(first + together, len(right)))
            window = subject.stack[first : some.stop + 2 * margin]
            alone = opened.answer(window.copy())
            if alone.shape != right[some].shape:
                raise Unfit(f"it made {alone.shape} of {window.shape}, expected {right[some].shape}")
            if told := differ(right[some], alone, subject.rounding):
                side = f" and its {margin} neighbour{'s' * (margin != 1)} on each side" * bool(margin)
                raise Unfit(
                    f"{subject.thing} {first} comes out otherwise alone than among {len(right)}, {told} "
                    f"{subject.unit}; let it depend on nothing but itself{side}, since how many come at once depends "
                    "on the memory that is free: smooth along y and x alone, take no minimum or mean of all, or set "
                    "`neighbours` (`together`, of an algorithm that makes pairs)"
                )


def check_oddities(subject: Subject, opened: Opened, right: Stack, found: Findings) -> None:
    """Check what numbers that are none do: a slice that holds one may be lost, and no other."""
    margin = opened.neighbours
    middle = len(right) // 2
    near = range(middle - 2 * margin, middle + 1)
    far = [z for z in range(len(right)) if z not in near]
    for name, value in (("NaN", np.nan), ("infinity", np.inf)):
        with found.check(f"{name} in a {subject.thing}"), without_warnings():
            odd = subject.stack.copy()
            odd[(middle - margin, *(edge // 2 for edge in odd.shape[1:]))] = value
            answer = opened.answer(odd)
            if told := differ(right[far], answer[far], subject.rounding):
                raise Unfit(
                    f"one {name} in {subject.thing} {middle} changes {subject.many} that do not look at it, {told}; "
                    f"take no minimum, mean or sum of all the {subject.many} given"
                )
            if told := differ(right, opened.answer(subject.stack.copy())):
                raise Unfit(
                    f"after a {subject.thing} with {name}, answers to others are other ones, {told}; keep nothing of it"
                )


def check_needs(subject: Subject, opened: Opened, found: Findings) -> tuple[float, int]:
    """Check that memory stays within bounds; return the milliseconds of one slice and the peak, bytes, of all."""
    margin, count = opened.neighbours, len(subject.stack) - 2 * opened.neighbours
    fastest, peak = float("inf"), 0
    with found.check("memory that is left"):
        counted, grown = memory.left_by(lambda: opened.answer(subject.stack))
        size = opened.answer(subject.stack).nbytes
        if max(counted, grown) > LEFT * size:
            raise Unfit(
                f"each call leaves {told_bytes(max(counted, grown))} behind, of answers of {told_bytes(size)}; keep "
                "no slices from call to call, and free what a library gave you"
            )
    with found.check("memory that is taken"):
        few = max(2 * opened.together, 2)
        peaks = []
        for doubled in (few, 2 * few, 4 * few):
            some = np.resize(subject.stack, (doubled + 2 * margin, *subject.stack.shape[1:]))
            opened.answer(some)  # what is made once for such a number is no part of it
            peaks.append(memory.peak(lambda some=some: opened.answer(some)))  # type: ignore[misc]
        slack = 4 * subject.stack[:1].nbytes
        if peaks[2] - peaks[1] > STEEPER * max(peaks[1] - peaks[0], 0) + slack:
            raise Unfit(
                f"{few}, {2 * few} and {4 * few} {subject.many} took {', '.join(map(told_bytes, peaks))}: more than in "
                "proportion; go through them one by one"
            )
        peak = memory.peak(lambda: opened.answer(subject.stack))
    for _ in range(3):
        start = time.perf_counter()
        opened.answer(subject.stack)
        fastest = min(fastest, time.perf_counter() - start)
    return 1000 * fastest / count, peak


def check_close(subject: Subject, opened: Opened, right: Stack, found: Findings) -> None:
    """Check that closing works, before anything was made and afterwards, and that the next one works."""
    with found.check("close, and open again"):
        opened.close()
        subject.open().close()
        after = subject.open()
        try:
            if told := differ(right, after.answer(subject.stack.copy())):
                raise Unfit(f"once this one was closed, a new one answers otherwise, {told} {subject.unit}")
        finally:
            after.close()


def check_contract(subject: Subject, opened: Opened, found: Findings) -> tuple[float, int]:
    """Check all of the above, and close `opened`; return the milliseconds of one slice and the peak, bytes, of all."""
    right = check_repeats(subject, opened, found)
    check_memory_of_arrays(subject, opened, found)
    check_threads(subject, opened, right, found)
    check_alone(subject, opened, right, found)
    # It takes the most time, and tells little of what is wrong anyway.
    needs = (0.0, 0) if found.faulty else check_needs(subject, opened, found)
    check_close(subject, opened, right, found)
    return needs


def conformance(subject: Subject, needs: tuple[float, int], found: Findings) -> Conformance:
    """Print what was measured and return what was found, or raise the error with every fault."""
    __tracebackhide__ = True  # see `Findings`
    shape = " x ".join(map(str, subject.stack.shape[1:]))
    told = f"{needs[0]:.3g} ms a {subject.thing} of {shape}, and at most {told_bytes(needs[1])} for"
    return found.end(*needs, f"{told} {len(subject.stack)} of them")


def differ(right: Stack, got: Stack, rounding: float = 0.0) -> str | None:
    """Return by how much two answers are apart, in words; None where they are alike to the bit, or to `rounding`."""
    if right.shape != got.shape:
        return f"{got.shape} where it was {right.shape}"
    if np.array_equal(right, got, equal_nan=right.dtype.kind == "f"):
        return None
    with np.errstate(invalid="ignore"):
        apart = np.abs(right.astype(np.float64) - got.astype(np.float64))
    lost = int(np.count_nonzero(np.isnan(apart)))
    if lost:
        return f"{lost} value{'s' * (lost != 1)} no longer a number, or one again"
    most = float(apart.max())
    # Not (most > rounding), which is false of what is no number.
    return None if most <= rounding else f"up to {most:.3g} apart"


def told_bytes(size: int) -> str:
    """Return a size in words."""
    return f"{size / 2**20:.1f} MB" if size >= 2**20 else f"{size / 2**10:.0f} kB"


def widened(slices: Stack, margin: int) -> Stack:
    """Return slices with the first and the last repeated as neighbours, as the ends of a volume have them."""
    return np.concatenate([slices[:1]] * margin + [slices] + [slices[-1:]] * margin)

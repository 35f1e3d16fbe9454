"""What the findings of all slices come to: one line that says whether to go on, and what to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from tomopy_edge.denoisers.tomogan import LOUD
from tomopy_edge.trust.findings import Findings

Word = Literal["OK", "CHECK", "STOP"]

SEAM = 1.02
"""Largest seam index of a slice whose tiles cannot be seen."""

HARM, RUINED = 0.0, -3.0
"""Least gain, dB, of a denoised half, and that from which on it has 1.7 times the raw half's error."""

STRUCTURE = 0.15
"""Largest share of a slice where what was taken away looks like structure by both signs."""

BLUR = 1.0
"""Largest blur of the edges, pixels."""

WRONG = 0.01
"""Largest share of a slice where spots surely have another contrast than the scan shows."""

ERROR, LARGE = 0.02, 0.1
"""Least error of a denoised half, as a share of the unit, by which denoising can do harm, and can be worth nothing."""

CONTRAST, RESCALED = 0.15, 0.5
"""Largest change of the contrast that the halves agree on, as a share of it, and the change from which on slices hold
something else than what was reconstructed."""

BIAS = 0.08
"""Largest change of a material's mean grey value, as a share of the unit."""

BEYOND, FAR = 0.25, 1.0
"""How far outside the range of training a slice is told, and from where on nothing its network says can be believed."""

SATURATED, LOST = 0.001, 0.02
"""Share of the pixels that a network's codes could not hold, from which on that is told, and believed no more."""

MANY = 0.5
"""Share of the slices, of those examined, that are too far outside the range for the scan to be gone on with."""

LIMITS = {
    "seam": SEAM,
    "gain": HARM,
    "contrast": CONTRAST,
    "structure": STRUCTURE,
    "blur": BLUR,
    "wrong": WRONG,
    "bias": BIAS,
    "beyond": BEYOND,
}
"""As a report tells them, to be drawn beside what is found."""


@dataclass(frozen=True)
class Reason:
    """Why a slice is to be looked at.

    Attributes
    ----------
    short : in a few words, the same for all slices with this reason
    told : with its numbers
    far : whether the network's answer is worth nothing here
    """

    short: str
    told: str
    far: bool = False


@dataclass(frozen=True)
class Verdict:
    """What the findings come to.

    Attributes
    ----------
    word : OK, CHECK where slices are to be looked at, STOP where none can be believed
    line : for people: the word, which slices, and why
    examined : rows that were examined
    flagged : row -> reasons, each with its numbers
    """

    word: Word
    line: str
    examined: tuple[int, ...]
    flagged: dict[int, tuple[str, ...]]


def summary_of(findings: Sequence[Findings], wanted: Sequence[int]) -> dict[str, Any]:
    """Return what a report says of the examined slices, as JSON would hold it.

    Parameters
    ----------
    findings : of the slices that could be examined
    wanted : the rows that were to be
    """
    verdict = verdict_of(findings)
    missing = sorted({*wanted} - {*verdict.examined})
    if missing and findings:
        line = f"{verdict.line}; {_count(len(missing))} could not be examined"
        verdict = replace(verdict, word="CHECK" if verdict.word == "OK" else verdict.word, line=line)
    return {
        "verdict": verdict.word,
        "line": verdict.line,
        "examined": list(verdict.examined),
        "flagged": {str(row): list(reasons) for row, reasons in verdict.flagged.items()},
        "limits": dict(LIMITS),
        "slices": [one.to_plain() for one in findings],
    }


def reasons_of(found: Findings) -> list[Reason]:
    """Return why a slice is to be looked at, the weightiest first."""
    rescaled = [reason for reason in _contrast(found) if reason.far]
    if rescaled and not any(reason.far for reason in _range(found)):
        # All that is compared in other units differs, and says no more than this.
        return rescaled
    return [reason for check in CHECKS for reason in check(found)]


def verdict_of(findings: Sequence[Findings]) -> Verdict:
    """Return what the findings of a scan's examined slices, by row, come to."""
    reasons = {one.row: reasons_of(one) for one in findings}
    flagged = {row: tuple(reason.told for reason in some) for row, some in reasons.items() if some}
    rows = tuple(one.row for one in findings)
    if not rows:
        return Verdict("CHECK", "CHECK: no slice could be examined", (), {})
    far = [row for row, some in reasons.items() if any(reason.far for reason in some)]
    if len(far) >= MANY * len(rows):
        short = next(reason.short for reason in reasons[far[0]] if reason.far)
        line = f"STOP: {short} ({len(far)} of {_count(len(rows))} examined)"
        return Verdict("STOP", line, rows, flagged)
    if all(one.consistency is None for one in findings):
        why = [told for one in findings for check, told in one.skipped if check == "consistency"]
        line = f"CHECK: no slice could be compared with its scan ({[*why, 'the check was left out'][0]})"
        return Verdict("CHECK", line, rows, flagged)
    if not flagged:
        skipped = sorted({check for one in findings for check, _ in one.skipped})
        but = f", but for {' and '.join(skipped)}, which could not be" * bool(skipped)
        return Verdict("OK", f"OK: {_count(len(rows))} examined{but}, none against its scan", rows, flagged)
    parts = []
    for short in dict.fromkeys(reason.short for some in reasons.values() for reason in some):
        where = [row for row, some in reasons.items() if any(reason.short == short for reason in some)]
        parts.append(f"{_slices(where, rows)}: {short}")
    return Verdict("CHECK", f"CHECK {'; '.join(parts)}", rows, flagged)


def _count(number: int) -> str:
    return f"{number} slice{'s' * (number != 1)}"


def _slices(some: Sequence[int], examined: Sequence[int]) -> str:
    """Return some of the examined rows in words, those that follow each other as a range."""
    if len(some) == len(examined) > 1:
        return f"all {_count(len(some))} examined"
    runs: list[list[int]] = []
    before = dict(zip(examined[1:], examined, strict=False))
    for row in some:
        if runs and before[row] == runs[-1][-1]:
            runs[-1].append(row)
        else:
            runs.append([row])
    told = ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
    return f"slice{'s' * (len(some) != 1)} {told}"


def _range(found: Findings) -> Iterator[Reason]:
    if found.range is None:
        return
    if found.range.found is not None and found.range.found.noise > LOUD:
        told = f"the noise is {found.range.found.noise:.1f} times the attenuation of the densest matter"
        yield Reason("more noise than can be mended", told)
    for name, beyond in (found.range.beyond or {}).items():
        if beyond > BEYOND:
            number = 0.0 if found.range.found is None else getattr(found.range.found, name)
            told = f"{NAMES[name]} is {number:.3g} of the model's unit, far from what it learned from"
            yield Reason("outside the model's range", told, far=beyond > FAR)
    if found.range.saturated > SATURATED:
        share = f"{100 * found.range.saturated:.2g} % of the pixels"
        yield Reason("outside the model's range", f"{share} exceed the int8 range", far=found.range.saturated > LOST)


NAMES = {
    "noise": "the noise",
    "darkest": "the darkest attenuation (percentile 0.1)",
    "middle": "the median attenuation",
    "brightest": "the densest attenuation (percentile 99.9)",
}
"""How the numbers of a `Likeness` are told."""


def _consistency(found: Findings) -> Iterator[Reason]:
    if found.consistency is None:
        return
    for sort in ("removed", "invented"):
        places = [place for place in found.consistency.places if place.sort == sort]
        if places:
            worst = places[0]
            told = (
                f"structure {sort} at {len(places)} place{'s' * (len(places) != 1)}, most surely a {worst.what} at row "
                f"{worst.y}, column {worst.x} of the slice ({worst.score:.1f} standard deviations, limit "
                f"{found.consistency.limit:.1f})"
            )
            yield Reason(f"structure {sort}", told)
    if found.consistency.wrong > WRONG:
        share = f"{100 * found.consistency.wrong:.0f} % of the slice"
        told = (
            f"the slice disagrees with its scan in {share}, {found.consistency.spread:.1f} standard deviations in all"
        )
        yield Reason("much of it against the scan", told)


def _halves(found: Findings) -> Iterator[Reason]:
    error = None if found.halves is None else found.halves.error
    if found.halves is not None and found.halves.gain < HARM and (error is None or error > ERROR * found.unit):
        told = f"the denoised half is {-found.halves.gain:.2f} dB farther from the other views than the raw one"
        ruined = found.halves.gain < RUINED and (error is None or error > LARGE * found.unit)
        yield Reason("denoising did harm", told, far=ruined)


def _contrast(found: Findings) -> Iterator[Reason]:
    contrast = None if found.halves is None else found.halves.contrast
    if contrast is None or abs(contrast - 1) <= CONTRAST:
        return
    if abs(contrast - 1) > RESCALED:
        told = f"structures have {contrast:.3g} times the contrast that was reconstructed"
        told += ": the slice was rescaled, or is of something else"
        yield Reason("no longer the attenuation that was reconstructed", told, far=True)
    else:
        told = f"structures have {contrast:.2f} times the contrast that the scan shows"
        yield Reason("contrast changed", told)


def _residual(found: Findings) -> Iterator[Reason]:
    if found.residual is None:
        return
    if found.residual.flagged > STRUCTURE:
        share = f"{100 * found.residual.flagged:.0f} % of the slice"
        yield Reason("more than noise taken away", f"what was taken away looks like structure in {share}")
    if found.residual.blur is not None and found.residual.blur > BLUR:
        yield Reason("edges blurred", f"the edges are blurred by {found.residual.blur:.1f} pixels")


def _seams(found: Findings) -> Iterator[Reason]:
    if found.seam is not None and found.seam > SEAM:
        yield Reason("seams", f"the seam index is {found.seam:.3f}, limit {SEAM}")


def _grey(found: Findings) -> Iterator[Reason]:
    moved = [material for material in found.grey if abs(material.bias) > BIAS * found.unit]
    if moved:
        worst = max(moved, key=lambda material: abs(material.bias))
        told = f"the mean of matter at {worst.level:.3g} per pixel moved by {worst.bias:+.3g}"
        yield Reason("grey values moved", told)


CHECKS: tuple[Callable[[Findings], Iterable[Reason]], ...] = (
    _range,
    _consistency,
    _halves,
    _contrast,
    _residual,
    _seams,
    _grey,
)

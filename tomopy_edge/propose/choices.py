"""What a recipe for a scan says, stage by stage, and why: each rule of a proposal stands here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tomopy_edge.denoisers.tomogan import LOUD
from tomopy_edge.propose.seeing import FEW_FRAMES, Look
from tomopy_edge.propose.stripes import STRONG

FLOOR = 1e-3
"""Transmission that `minus_log` clips at where nothing is said."""

FEW_COUNTS = 500
"""Counts without object below which half a count is more than that."""

SATURATED = 1e-3
"""Share of counts that are all the largest, from which on a detector is taken to be at its limit."""

TRUNCATED = 0.2
"""What the outermost columns absorb, as a share of the densest, where the object reaches beyond the detector."""

SWEPT, WIDE = 20, 10.0
"""Values of the axis that are tried, about, and columns to each side where nobody knows better."""

MANY = 32
"""Rows from which on a few of them are a first look."""

OFF = 0.05
"""Of the width, how far the axis may lie from the middle without a word."""


@dataclass(frozen=True)
class Choice:
    """One stage of a proposed recipe.

    Attributes
    ----------
    stage : its name
    options : that differ from what it does by default, or are worth seeing
    why : sentences, from the scan's figures
    hints : what the user should do, or know, before trusting the slices
    """

    stage: str
    options: dict[str, Any] = field(default_factory=dict)
    why: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()


def read(seen: Look) -> Choice:
    """Return which rows and projections are taken."""
    options: dict[str, Any] = {}
    why, hints = [f"{seen.coverage.told}."], []
    first, last = seen.lit
    if (first, last) == (0, seen.rows):
        why.append(f"All {seen.rows} rows{_some(seen.rows)}." if seen.rows > 1 else "The only row.")
    else:
        options["rows"] = [first, last]
        why.append(f"In the flats only the rows {first} to {last - 1} of {seen.rows} lie within the beam.")
    start, stop = seen.angles
    count = stop - start
    if count < seen.projections:
        options["angles"] = [start, stop, 1]
        hints.append(
            f"the scan was broken off: {seen.projections - count} of {seen.projections} projections were never "
            "written, and are left out"
        )
        why.append(f"The projections {start} to {stop - 1} were written, the others never.")
    why += _angles(seen, hints)
    why += [f"The reader says: {note}." for note in seen.notes]
    return Choice("read", options, tuple(why), tuple(hints))


def _angles(seen: Look, hints: list[str]) -> list[str]:
    covered, told = seen.coverage, []
    if covered.full:
        turns = "A full turn" if covered.turns < 1.1 else f"{covered.turns:.2g} turns"  # noqa: PLR2004 - a share
        told.append(f"{turns}: opposite views show the same, and are weighted so.")
    if not covered.even:
        told.append(
            f"The steps vary by {100 * covered.unevenness:.0f} %: each view is weighted by the angle it stands for."
        )
    if covered.missing:
        hints.append(
            f"{covered.missing:.0f} of 180 degrees were not taken: edges that lie along them are blurred, and no "
            "option brings them back"
        )
    if covered.few(seen.columns):
        hints.append(
            f"{covered.count} projections are few for {seen.columns} columns: expect streaks, and do not believe fine "
            "detail; the shipped networks learned from a tenth as many projections as columns, and more"
        )
    return told


def normalize(seen: Look) -> Choice:
    """Return what is done about flats and darks."""
    counted, options, hints = seen.counted, dict[str, Any](), list[str]()
    why = [f"{_frames(counted.flats, 'flat')} and {_frames(counted.darks, 'dark')}."]
    if not counted.flats:
        options["missing_flats"] = "brightest"
        why.append("Without flats the brightest views of each pixel stand in for them.")
        hints.append(
            "there are no flats: absorption comes out too low where a pixel never sees past the object, and rings are "
            "to be expected; add flats if they were taken at all"
        )
    elif counted.beam is not None:
        why.append(f"Where nothing absorbs a pixel has {counted.beam:.0f} counts, above those without beam.")
    if not counted.darks:
        options["missing_darks"] = "zeros"
        why.append("Without darks the detector is taken to show nothing without beam.")
        hints.append("there are no darks: dense matter comes out too light if the detector shows counts without beam")
    if counted.specks:
        options["average"] = "median"
        why.append(f"{_times(counted.specks, 'pixel')} of single flats are far brighter than in the others: zingers.")
    elif 0 < counted.flats < FEW_FRAMES:
        hints.append(f"with {_frames(counted.flats, 'flat')} their own noise makes rings; ten or more would be better")
    why += _limit(seen, hints)
    return Choice("normalize", options, tuple(why), tuple(hints))


def _limit(seen: Look, hints: list[str]) -> list[str]:
    counted = seen.counted
    if counted.limit is None:
        return [f"The largest count is {counted.largest:.5g}; of its limit the file, without integers, says nothing."]
    if counted.at_largest > SATURATED:
        hints.append(
            f"{100 * counted.at_largest:.2g} % of the counts are {counted.largest:.0f}, the largest there is: the "
            "detector was saturated, and what passed there is not known"
        )
    return [f"The largest count is {counted.largest:.0f}, of {counted.limit} that the file can hold."]


def remove_outliers(seen: Look) -> Choice:
    """Return what is done about zingers."""
    share = f"{1e6 * seen.zingers:.0f} in a million pixels" if seen.zingers else "No pixel"
    return Choice("remove_outliers", why=(f"{share} of the sample stood out from all around it as zingers do.",))


def minus_log(seen: Look) -> Choice:
    """Return where the logarithm clips."""
    beam = seen.counted.beam
    share = f"{100 * seen.clipped:.2g} % of the sample" if seen.clipped else "Nothing of the sample"
    if beam is not None and 0 < beam < FEW_COUNTS and seen.counted.limit is not None:
        floor = float(f"{0.5 / beam:.2g}")
        why = (f"Of {beam:.0f} counts half a one is {floor:g}: what is darker cannot be told from it.",)
        return Choice("minus_log", {"floor": max(floor, FLOOR)}, why)
    hint = (
        f"{100 * seen.clipped:.2g} % of the counts are as dark as no beam at all: expect streaks between dense parts",
    )
    return Choice(
        "minus_log",
        why=(f"{share} lets less than a thousandth of the beam through.",),
        hints=hint * (seen.clipped > 0.01),  # noqa: PLR2004 - a share
    )


def remove_stripes(seen: Look) -> Choice:
    """Return how stripes are removed."""
    found = seen.removal
    why = [f"Stripes: {found.told} (below 2 there is nothing to remove)."]
    hints = list[str]()
    if found.few:
        why.append(f"{seen.coverage.count} views are too few to tell a stripe from the object.")
    elif found.after is None:
        why.append("Removing what is not there would only cost detail.")
    elif found.method == "all":
        why.append(f"sorting leaves {found.small:.1f}, all {found.after:.1f}; all takes seconds for each slice.")
    else:
        why.append(f"{found.method} leaves {found.after:.1f}. Stripes many columns wide do not show in this figure.")
        if found.before > STRONG:
            hints.append("stripes are strong: where rings remain, try remove_stripes.method: all, which takes longer")
    return Choice("remove_stripes", {"method": found.method}, tuple(why), tuple(hints))


def find_center(seen: Look) -> Choice:
    """Return where the rotation axis is."""
    axis, middle = seen.axis, (seen.columns - 1) / 2
    if axis.center is None:
        open_ = (f"Left open, to be found or given: {axis.why}.",)
        return Choice("find_center", {}, open_, (f"the rotation axis could not be found: {axis.why}",))
    options: dict[str, Any] = {"center": axis.center}
    off = axis.center - middle
    side = "right" if off > 0 else "left"
    why = [
        f"Column {axis.center:.2f}, {axis.why}.",
        f"That is {abs(off):.1f} columns to the {side} of the middle; center: null would find it anew in each run.",
    ]
    hints = list[str]()
    if axis.sure == "NOT sure":
        around = axis.around
        low, high = around or (axis.center - WIDE, axis.center + WIDE)
        low, high = max(low, 0.0), min(high, seen.columns - 1.0)
        where = f" between {low:.1f} and {high:.1f}" if around else ""
        step = max(round((high - low) / SWEPT, 1), 0.5)
        values = f"'!SweepRange {{start: {low:.1f}, stop: {high:.1f}, step: {step:g}}}'"
        hints.append(
            f"the axis is not sure, and may lie anywhere{where}; --set find_center.center={values} makes a slice with "
            "each of some values, to choose by looking"
        )
    if abs(off) > OFF * seen.columns:
        hints.append(_aside(seen, off))
    return Choice("find_center", options, tuple(why), tuple(hints))


def _aside(seen: Look, off: float) -> str:
    near = (seen.columns - 1) / 2 - abs(off)
    if seen.coverage.full and seen.outside > TRUNCATED:
        return (
            "the axis lies aside in a full turn of an object wider than the detector: such a scan must be stitched to "
            f"a half turn of twice the width first, which no stage here does; as it is, only the circle of {near:.0f} "
            "pixels about the axis is right"
        )
    return (
        f"the axis is {abs(off):.0f} columns aside: all views see the circle of {near:.0f} pixels about it; what lies "
        "beyond that is incomplete"
    )


def reconstruct(seen: Look, *, network: bool) -> Choice:
    """Return how slices are reconstructed."""
    noise = (
        ""
        if seen.noise is None
        else f"The noise of a slice is {seen.noise:.2g} times what the densest matter absorbs. "
    )
    if network:
        name, why = "shepp", f"{noise}The networks learned from slices of this filter above all, so it stays."
    elif seen.noise is not None and seen.noise > LOUD / 3:
        name, why = "hann", f"{noise}No network follows, so the smoothest filter is taken."
    else:
        name, why = "shepp", f"{noise}That leaves room for a sharp filter."
    hints = list[str]()
    if seen.outside > TRUNCATED and not (seen.coverage.full and abs(seen.axis_off) > OFF * seen.columns):
        hints.append(
            f"the object reaches beyond the detector (its ends absorb {100 * seen.outside:.0f} % of what the densest "
            "columns do): slices are brighter towards their rim, and grey values there are not to be trusted"
        )
    size = f"{seen.columns} x {seen.columns} pixels"
    pixel = f" of {seen.pixel_size:.4g} um" if seen.pixel_size else "; the scan does not say how large they are"
    return Choice(
        "reconstruct",
        {"algorithm": "fbp", "options": {"filter_name": name}},
        (f"Slices of {size}{pixel}.", why),
        tuple(hints),
    )


def _frames(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'s' * (number != 1)}"


def _times(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _some(rows: int) -> str:
    """Return how to take a few of many rows, in words."""
    first = rows // 2 - 4
    return f"; {{rows: [{first}, {first + 8}]}} would make a few, for a first look" if rows > MANY else ""


def trust() -> Choice:
    """Return the stage that tells how far slices may be trusted."""
    return Choice(
        "trust", why=("Examines some slices for what a denoiser took away or made up; the report has the verdict.",)
    )

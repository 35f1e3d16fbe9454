"""Whether a stage between reading and writing holds what a run relies on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from tomopy_edge.data import Float32, Scan, Sinograms, Transmission, Volume
from tomopy_edge.hookspecs import StageEntry, Step
from tomopy_edge.job import Job
from tomopy_edge.row_check import expect_rows_made
from tomopy_edge.testing import phantoms
from tomopy_edge.testing.contract import Opened, Subject, check_contract, conformance, given_back, widened
from tomopy_edge.testing.findings import Conformance, ConformanceError, Findings, Unfit
from tomopy_edge.testing.offers import Offer, check_entry, check_settle, offer_of, read_options

ATTENUATION = 0.02
BEAM, DARK = 20000, 100
"""Counts of a pixel that nothing is before, and of one without beam."""


@dataclass(frozen=True)
class Kind:
    """What a stage takes or gives, as one array whose first axis is the row.

    Attributes
    ----------
    field : that holds the array
    chunk : makes a chunk of such an array, the first row of which is `phantoms.FIRST_ROW`
    example : such an array, for a seed
    axes : of the array in the chunk, in words
    """

    field: str
    chunk: Callable[[Any], Any]
    example: Callable[[int], Any]
    axes: str


THETA = phantoms.sinograms(1, 64, 60, ATTENUATION).theta


def _line_integrals(seed: int) -> Float32:
    made = phantoms.sinograms(5, 64, 60, ATTENUATION).line_integrals
    noise = np.random.default_rng(seed).normal(scale=0.01, size=made.shape)
    return (made[:: 1 - 2 * (seed % 2)] + noise).astype(np.float32)


def _frames(counts: int, rows: int) -> Float32:
    return np.full((2, rows, 64), counts, np.float32)


KINDS: dict[type[Any], Kind] = {
    Scan: Kind(
        "projections",
        lambda stack: Scan(
            np.ascontiguousarray(stack.transpose(1, 0, 2)),
            _frames(BEAM, len(stack)),
            _frames(DARK, len(stack)),
            THETA,
            phantoms.FIRST_ROW,
        ),
        lambda seed: np.rint(DARK + (BEAM - DARK) * np.exp(-_line_integrals(seed))).astype(np.float32),
        "(angle, row, column)",
    ),
    Transmission: Kind(
        "sinograms",
        lambda stack: Transmission(stack, THETA, phantoms.FIRST_ROW),
        lambda seed: np.exp(-_line_integrals(seed)),
        "(row, angle, column)",
    ),
    Sinograms: Kind(
        "line_integrals",
        lambda stack: Sinograms(stack, THETA, 29.2, phantoms.FIRST_ROW),
        _line_integrals,
        "(row, angle, column)",
    ),
    Volume: Kind(
        "slices",
        lambda stack: Volume(stack, phantoms.FIRST_ROW),
        lambda seed: phantoms.slices((5, 96, 72), ATTENUATION, seed).noisy,
        "(z, y, x)",
    ),
}


def check_stage(
    entry: StageEntry | str, options: Mapping[str, Any] | None = None, *, rounding: float = 0.0, ncore: int = 1
) -> Conformance:
    """Check that a stage holds all that a run relies on; what it makes of the rows, only a test of yours can tell.

    It prints the milliseconds and the memory that a row takes.

    Parameters
    ----------
    entry : of the stage, or the name of one that is installed; it takes and gives `Scan`, `Transmission`, `Sinograms`
        or `Volume`
    options : as a recipe has them; read just as strictly
    rounding : how far a row may come out other alone than among others; 0 is to the bit, and what a run needs whose
        slices shall not depend on the memory that is free
    ncore : threads that it may use

    Raises
    ------
    ConformanceError : with every fault, each with what was got and how to mend it
    PluginError : where no stage of that name is installed
    RecipeError : where the options are wrong
    """
    __tracebackhide__ = True
    offer = offer_of(entry, StageEntry, "stages", "stage")
    found = Findings(f"stage {offer.entry.name}")
    check_entry(offer.entry, found)
    wrong = [kind for kind in (offer.entry.takes, offer.entry.gives) if kind not in KINDS]
    if wrong:
        known = ", ".join(kind.__name__ for kind in KINDS)
        raise ConformanceError(
            found.subject, [f"entry: it takes or gives {wrong[0]!r}; what can be tried is {known}, each its class"]
        )
    kind = KINDS[offer.entry.takes]
    read = read_options(offer, options, found)
    job = Job(ncore=ncore, catalogue=offer.catalogue)
    samples = (kind.chunk(kind.example(0)), kind.chunk(kind.example(1)))
    settled = check_settle(offer, read, samples, job, found)
    with found.check("open"):
        opened = _opened(offer, settled, job)
    found.stop_at_faults()
    subject = Subject(
        lambda: _opened(offer, settled, job),
        widened(kind.example(0), opened.neighbours),
        widened(kind.example(1), opened.neighbours),
        rounding,
        unit=f"in {KINDS[offer.entry.gives].field}",
        thing="row",
    )
    with given_back(opened.close):
        with found.check("shape and type"):
            opened.answer(subject.stack.copy())
        found.stop_at_faults()
        needs = check_contract(subject, opened, found)
    return conformance(subject, needs, found)


def _opened(offer: Offer, settled: Any, job: Job) -> Opened:
    context = offer.entry.open(settled, job)
    if not hasattr(context, "__enter__"):
        raise Unfit(
            f"`open` returned {context!r}; it must be a context that yields a Step: use "
            "tomopy_edge.each_chunk(function), or @contextlib.contextmanager"
        )
    kept = ExitStack()
    step: Any = kept.enter_context(context)
    if not isinstance(step, Step):
        kept.close()
        raise Unfit(f"`open` yielded {step!r}; it must yield a tomopy_edge.Step")
    entry: StageEntry = offer.entry
    taken, given = KINDS[entry.takes], KINDS[entry.gives]

    def answer(stack: Any) -> Any:
        chunk = taken.chunk(stack)
        made = step.apply(chunk)
        if type(made) is not entry.gives:
            raise Unfit(
                f"it gives {entry.gives.__name__}, and `apply` returned {type(made).__name__}; use "
                "dataclasses.replace(chunk, ...)"
            )
        if entry.takes is Scan:
            # Which has the rows in a copy of them, as its axes are in another order.
            stack[...] = chunk.projections.transpose(1, 0, 2)
        expect_rows_made(entry.name, made, chunk, step)
        rows = getattr(made, given.field)
        if rows.dtype != np.float32:
            raise Unfit(f"its {given.field} {given.axes} are {rows.dtype}; end with .astype(np.float32)")
        return rows.transpose(1, 0, 2) if entry.gives is Scan else rows

    return Opened(answer, kept.close, step.neighbours, step.together)

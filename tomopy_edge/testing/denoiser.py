"""Whether a denoiser holds what the stage `denoise` and a run rely on."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import numpy as np

from tomopy_edge.data import Float32
from tomopy_edge.hookspecs import Denoiser, DenoiserEntry
from tomopy_edge.job import Job
from tomopy_edge.testing import phantoms
from tomopy_edge.testing.contract import (
    Opened,
    Subject,
    check_contract,
    check_oddities,
    conformance,
    differ,
    given_back,
    widened,
)
from tomopy_edge.testing.findings import Conformance, Findings, Unfit, without_warnings
from tomopy_edge.testing.offers import Offer, check_entry, check_settle, offer_of, read_options, sample_of
from tomopy_edge.testing.places import misplaced

ATTENUATIONS = (0.02, 0.0007)
"""Of matter, per pixel: of dense matter in large pixels, and of light matter in small ones."""


def check_denoiser(
    entry: DenoiserEntry | str,
    options: Mapping[str, Any] | None = None,
    *,
    shape: tuple[int, int, int] = (5, 112, 80),
    units: float = 0.03,
    rounding: float = 0.0,
    reach: int | None = None,
    step: int = 1,
    ncore: int = 1,
) -> Conformance:
    """Check that a denoiser holds all that the stage `denoise` and a run rely on.

    It prints the milliseconds and the memory that a slice takes.

    Parameters
    ----------
    entry : of the denoiser, or the name of one that is installed
    options : as a recipe has them; read just as strictly
    shape : (z, y, x) of the slices that it is tried on; at least 4 slices, neither square nor small
    units : share by which the mean attenuation of matter may change
    rounding : how far a slice may come out other alone than among others, as a share of the attenuation of matter; 0 is
        to the bit, and what a run needs whose slices shall not depend on the memory that is free
    reach : pixels along y and x that a pixel of the answer depends on, at most; with it, larger and shifted slices are
        checked to give the same pixels. None is a denoiser that looks at the whole slice, such as at its noise
    step : pixels by which slices may be shifted without any change, such as what a network pools
    ncore : threads that it may use

    Raises
    ------
    ConformanceError : with every fault, each with what was got and how to mend it
    PluginError : where no denoiser of that name is installed
    RecipeError : where the options are wrong
    """
    __tracebackhide__ = True
    phantoms.expect_shape(shape)
    offer = offer_of(entry, DenoiserEntry, "denoisers", "denoiser")
    found = Findings(f"denoiser {offer.entry.name}")
    check_entry(offer.entry, found)
    read = read_options(offer, options, found)
    job = Job(ncore=ncore, catalogue=offer.catalogue)
    tried = phantoms.slices(shape, ATTENUATIONS[0])
    other = phantoms.slices(shape, ATTENUATIONS[0], seed=1)
    settled = check_settle(offer, read, (sample_of(tried.noisy[:3]), sample_of(2 * other.noisy[:3])), job, found)
    with found.check("create"):
        denoiser = _created(offer, settled, job)
    found.stop_at_faults()
    margin = operator.index(denoiser.neighbours)
    opened = _opened(denoiser)
    subject = Subject(
        lambda: _opened(_created(offer, settled, job)),
        widened(tried.noisy, margin),
        widened(other.noisy, margin),
        rounding * tried.attenuation,
    )
    with given_back(opened.close):
        _check_form(denoiser, subject.stack, found)
        _check_places(opened, tried, found)
        _check_blank(opened, shape, found)
        _check_tiles(opened, shape, rounding, reach, step, found)
        check_oddities(subject, opened, opened.answer(subject.stack.copy()).copy(), found)
        _note_unused(opened, subject, found)
        needs = check_contract(subject, opened, found)
        _check_units(offer, read, shape, units, job, found)
    return conformance(subject, needs, found)


def _created(offer: Offer, settled: Any, job: Job) -> Denoiser:
    denoiser: Denoiser = offer.entry.create(settled, job)
    neighbours = getattr(denoiser, "neighbours", None)
    if not isinstance(neighbours, int | np.integer) or isinstance(neighbours, bool) or neighbours < 0:
        raise Unfit(
            f"`neighbours` is {neighbours!r}; set it to how many slices on each side it looks at, 0 where it works "
            "slice by slice"
        )
    if not callable(denoiser):
        raise Unfit(f"it made {denoiser!r}, which cannot be called; write __call__(self, noisy)")
    return denoiser


def _opened(denoiser: Denoiser) -> Opened:
    def answer(noisy: Float32) -> Float32:
        return np.asarray(denoiser(noisy))

    close = getattr(denoiser, "close", lambda: None)
    return Opened(answer, close, int(denoiser.neighbours), fresh=bool(getattr(denoiser, "fresh", False)))


def _check_form(denoiser: Denoiser, noisy: Float32, found: Findings) -> None:
    with found.check("shape and type"):
        clean: Any = denoiser(noisy.copy())
        count, margin = len(noisy) - 2 * denoiser.neighbours, denoiser.neighbours
        wanted = (count, *noisy.shape[1:])
        if not isinstance(clean, np.ndarray):
            raise Unfit(f"it answered {type(clean).__name__}; return a numpy array (z, y, x) of float32")
        if clean.shape != wanted:
            asked = f"the outer {margin} on each side are looked at alone" if margin else "nothing is cut off"
            raise Unfit(f"it made {clean.shape} of {noisy.shape} (z, y, x), expected {wanted}: {asked}")
        if clean.dtype != np.float32:
            raise Unfit(f"it answered {clean.dtype}; slices are float32: end with .astype(np.float32)")
        if not np.isfinite(clean).all():
            raise Unfit("it made values that are not finite out of slices that are; the run would stop")
    found.stop_at_faults()


def _check_places(opened: Opened, tried: phantoms.Slices, found: Findings) -> None:
    with found.check("axes"):
        told = misplaced(opened.answer(widened(tried.noisy, opened.neighbours)), tried.clean)
        if told:
            raise Unfit(
                f"{told}; slices are (z, y, x), and each answer lies where its slice does, the middle one of "
                f"{2 * opened.neighbours + 1}"
            )


def _check_units(offer: Offer, read: Any, shape: tuple[int, int, int], units: float, job: Job, found: Findings) -> None:
    with found.check("units"):
        for attenuation in ATTENUATIONS:
            tried = phantoms.slices(shape, attenuation, seed=2)
            settled = offer.entry.settle(read, sample_of(tried.noisy[:3]), job)
            opened = _opened(_created(offer, settled, job))
            try:
                clean = opened.answer(widened(tried.noisy, opened.neighbours))
            finally:
                opened.close()
            for name, where in (("matter", tried.matter), ("air", tried.air)):
                before, after = (float(stack[:, where].mean(dtype=np.float64)) for stack in (tried.noisy, clean))
                if not abs(after - before) <= units * attenuation:
                    raise Unfit(
                        f"{name} of {before:.3g} attenuation per pixel came out as {after:.3g} (allowed: "
                        f"{units * attenuation:.2g} more or less); give back the unit that came in, and cut no values "
                        "off"
                    )


def _check_blank(opened: Opened, shape: tuple[int, int, int], found: Findings) -> None:
    with found.check("slices of nothing"), without_warnings():
        blank = np.zeros((1 + 2 * opened.neighbours, *shape[1:]), np.float32)
        clean = opened.answer(blank.copy())
        if not np.isfinite(clean).all():
            raise Unfit(
                "a slice of zeros, as there are above and below a sample, came out with values that are not finite; "
                "divide by no spread, noise or maximum that may be 0"
            )


def _check_tiles(
    opened: Opened,
    shape: tuple[int, int, int],
    rounding: float,
    reach: int | None,
    step: int,
    found: Findings,
) -> None:
    if reach is None:
        found.notes.append("larger and shifted slices were not tried: give `reach`, where pixels depend on near ones")
        return
    with found.check("larger and shifted slices"):
        off = (2 * step, 3 * step)
        inner = tuple(max(edge, 2 * reach + 24) for edge in shape[1:])
        large = phantoms.slices((2, inner[0] + 5 * step, inner[1] + 6 * step), ATTENUATIONS[0], seed=3).noisy
        whole = opened.answer(widened(large, opened.neighbours)).copy()
        part = large[:, off[0] : off[0] + inner[0], off[1] : off[1] + inner[1]]
        alone = opened.answer(widened(np.ascontiguousarray(part), opened.neighbours))
        same = whole[:, off[0] : off[0] + inner[0], off[1] : off[1] + inner[1]]
        kept = (slice(None), slice(reach, inner[0] - reach), slice(reach, inner[1] - reach))
        if told := differ(same[kept], alone[kept], rounding * ATTENUATIONS[0]):
            raise Unfit(
                f"a part of a slice, {off[0]} rows and {off[1]} columns into it, gives other pixels than the whole, "
                f"{reach} pixels and more from its edges: {told} attenuation per pixel; say a larger `reach`, a "
                "`step` that tiles fit into, or None where a pixel depends on the whole slice"
            )


def _note_unused(opened: Opened, subject: Subject, found: Findings) -> None:
    """Note neighbours that change nothing: they cost memory and time."""
    if opened.neighbours == 0:
        return
    middle = subject.stack[: 2 * opened.neighbours + 1].copy()
    before = opened.answer(middle.copy()).copy()
    for z in (0, -1):
        middle[z] = middle[z, ::-1]
    if differ(before, opened.answer(middle)) is None:
        found.notes.append(f"its answer depends on no slice {opened.neighbours} away: fewer `neighbours` take less")

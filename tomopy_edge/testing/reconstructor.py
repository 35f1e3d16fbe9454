"""Whether a reconstruction algorithm holds what the stage `reconstruct` and a run rely on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.data import Float32, Sinograms, Volume
from tomopy_edge.fbp import fbp
from tomopy_edge.fbp.axis import radii
from tomopy_edge.hookspecs import Reconstructor, ReconstructorEntry
from tomopy_edge.job import Job
from tomopy_edge.testing import phantoms
from tomopy_edge.testing.contract import Opened, Subject, check_contract, conformance, differ, given_back
from tomopy_edge.testing.findings import Conformance, Findings, Unfit, without_warnings
from tomopy_edge.testing.offers import Offer, check_entry, offer_of, read_options
from tomopy_edge.testing.places import misplaced

ATTENUATIONS = (0.02, 0.0007)
"""Of the largest disc, per pixel."""

INSIDE = 0.9
"""Share of the inscribed circle that is compared; algorithms differ at its rim."""

PLAIN = 0.05
"""Share of the attenuation by which pixels of one matter may differ in the slices of our own FBP."""


def check_reconstructor(
    entry: ReconstructorEntry | str,
    options: Mapping[str, Any] | None = None,
    *,
    shape: tuple[int, int, int] = (5, 150, 96),
    units: float = 0.03,
    rounding: float = 0.0,
    ncore: int = 1,
) -> Conformance:
    """Check that an algorithm holds all that the stage `reconstruct` and a run rely on.

    Its slices are compared with those of this package's own FBP, which agree with TomoPy's gridrec in place and unit.
    It prints the milliseconds and the memory that a slice takes.

    Parameters
    ----------
    entry : of the algorithm, or the name of one that is installed
    options : as a recipe has them; read just as strictly
    shape : (row, angle, column) of the sinograms that it is tried on; at least 4 rows
    units : share by which the mean attenuation of matter may be off
    rounding : how far a slice may come out other alone than among others, as a share of the attenuation of matter; 0 is
        to the bit, and what a run needs whose slices shall not depend on the memory that is free
    ncore : threads that it may use

    Raises
    ------
    ConformanceError : with every fault, each with what was got and how to mend it
    PluginError : where no algorithm of that name is installed
    RecipeError : where the options are wrong
    """
    __tracebackhide__ = True
    phantoms.expect_shape(shape)
    offer = offer_of(entry, ReconstructorEntry, "reconstructors", "algorithm")
    found = Findings(f"algorithm {offer.entry.name}")
    check_entry(offer.entry, found)
    read = read_options(offer, options, found)
    job = Job(ncore=ncore, catalogue=offer.catalogue)
    rows, angles, columns = shape
    tried = phantoms.sinograms(rows, columns, angles, ATTENUATIONS[0])
    with found.check("create"):
        reconstructor = _created(offer, read, job)
    found.stop_at_faults()
    opened = _opened(reconstructor, tried)
    subject = Subject(
        lambda: _opened(_created(offer, read, job), tried),
        tried.line_integrals,
        np.ascontiguousarray(tried.line_integrals[::-1]) * np.float32(1.5),
        rounding * ATTENUATIONS[0],
    )
    with given_back(opened.close):
        _check_form(reconstructor, tried, found)
        _check_places_and_units(reconstructor, shape, units, found)
        _check_blank(reconstructor, tried, found)
        needs = check_contract(subject, opened, found)
    return conformance(subject, needs, found)


def _created(offer: Offer, read: Any, job: Job) -> Reconstructor:
    reconstructor: Reconstructor = offer.entry.create(read, job)
    if not callable(reconstructor):
        raise Unfit(f"it made {reconstructor!r}, which cannot be called; write __call__(self, sinograms)")
    together = getattr(reconstructor, "together", 1)
    if not isinstance(together, int) or isinstance(together, bool) or together < 1:
        raise Unfit(f"`together` is {together!r}; set it to how many rows are made as one, or leave it out")
    return reconstructor


def _opened(reconstructor: Reconstructor, like: Sinograms) -> Opened:
    def answer(line_integrals: Float32) -> Float32:
        return reconstructor(replace(like, line_integrals=line_integrals)).slices

    close = getattr(reconstructor, "close", lambda: None)
    fresh, together = bool(getattr(reconstructor, "fresh", False)), getattr(reconstructor, "together", 1)
    return Opened(answer, close, together=together, fresh=fresh)


def _check_form(reconstructor: Reconstructor, tried: Sinograms, found: Findings) -> None:
    with found.check("shape and type"):
        theta = tried.theta.copy()
        volume: Any = reconstructor(replace(_copy(tried), theta=theta))
        if not isinstance(volume, Volume):
            raise Unfit(
                f"it answered {type(volume).__name__}; return tomopy_edge.Volume(slices, sinograms.first_row, "
                "sinograms.pixel_size)"
            )
        rows, _, columns = tried.line_integrals.shape
        if len(volume.slices) != rows or volume.slices.shape[1] != volume.slices.shape[2]:
            raise Unfit(
                f"it made {volume.slices.shape} of {tried.line_integrals.shape} (row, angle, column); expected a "
                f"slice (y, x) for each row, as wide as high, such as ({rows}, {columns}, {columns})"
            )
        if volume.slices.dtype != np.float32:
            raise Unfit(f"it answered {volume.slices.dtype}; slices are float32: end with .astype(np.float32)")
        if not np.isfinite(volume.slices).all():
            raise Unfit("it made values that are not finite; the run would stop")
        carried, right = (volume.first_row, volume.pixel_size), (tried.first_row, tried.pixel_size)
        if carried != right:
            raise Unfit(
                f"its volume has (first_row, pixel_size) {carried}, the sinograms {right}; hand on both: "
                "Volume(slices, sinograms.first_row, sinograms.pixel_size)"
            )
        if not np.array_equal(theta, tried.theta):
            raise Unfit("it wrote into the angles that it was given; work on a copy")
    found.stop_at_faults()


def _check_places_and_units(
    reconstructor: Reconstructor, shape: tuple[int, int, int], units: float, found: Findings
) -> None:
    rows, angles, columns = shape
    for name, centers in (("one axis for all rows", False), ("an axis for each row", True)):
        with found.check(f"axes ({name})"):
            tried = phantoms.sinograms(rows, columns, angles, ATTENUATIONS[0], centers=centers)
            answer = reconstructor(_copy(tried)).slices
            inside, right = _right(tried, answer.shape[1])
            if told := misplaced(answer * inside, right * inside):
                raise Unfit(
                    f"{told}, compared with this package's FBP; theta (radians, in any order) is "
                    "`sinograms.theta`, and the axis stands on the column `sinograms.center`, a number or one for "
                    "each row, the first column's middle being 0"
                )
    with found.check("units"):
        for attenuation in ATTENUATIONS:
            tried = phantoms.sinograms(rows, columns, angles, attenuation)
            answer = reconstructor(_copy(tried)).slices
            inside, right = _right(tried, answer.shape[1])
            for name, where in _plain(right, inside, attenuation):
                before, after = (float(stack[where].mean(dtype=np.float64)) for stack in (right, answer))
                if not abs(after - before) <= units * attenuation:
                    raise Unfit(
                        f"{name} of {before:.3g} attenuation per pixel came out as {after:.3g} (allowed: "
                        f"{units * attenuation:.2g} more or less); slices are attenuation per pixel: divide by no "
                        "pixel size, and leave no filter, weight or number of angles out"
                    )


def _copy(tried: Sinograms) -> Sinograms:
    """Return the same, with an array that may be written into."""
    return replace(tried, line_integrals=tried.line_integrals.copy())


def _right(tried: Sinograms, size: int) -> tuple[NDArray[np.bool_], Float32]:
    """Return where slices of `size` are compared, (y, x), and what our own FBP makes of the same sinograms."""
    assert tried.center is not None  # noqa: S101 - phantoms have one
    right = fbp(tried.line_integrals, tried.theta, tried.center, size=size)
    within = min(size, tried.line_integrals.shape[2])
    return radii((size, size)) < INSIDE * within / 2, right


def _plain(right: Float32, inside: NDArray[np.bool_], attenuation: float) -> list[tuple[str, NDArray[np.bool_]]]:
    """Return where `right` (z, y, x) shows nothing but the largest disc, or nothing at all, away from edges."""
    from scipy.ndimage import uniform_filter

    mean = uniform_filter(right, (0, 5, 5))
    spread = np.sqrt(np.maximum(uniform_filter(right**2, (0, 5, 5)) - mean**2, 0))
    flat = (spread < PLAIN * attenuation) & inside
    matter = flat & (np.abs(mean - attenuation) < 2 * PLAIN * attenuation)
    return [("matter", matter), ("air", flat & (np.abs(mean) < 2 * PLAIN * attenuation))]


def _check_blank(reconstructor: Reconstructor, tried: Sinograms, found: Findings) -> None:
    with found.check("sinograms of nothing"), without_warnings():
        blank = replace(tried, line_integrals=np.zeros_like(tried.line_integrals[:2]))
        slices = reconstructor(blank).slices
        if told := differ(np.zeros_like(slices), slices, PLAIN * ATTENUATIONS[1]):
            raise Unfit(f"line integrals of zero, as there are beside a sample, came out as matter, {told}")

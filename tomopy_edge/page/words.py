"""How the numbers of findings are told: with their units, and with what they mean."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tomopy_edge.trust.findings import Findings

NONE = "—"
"""Stands where there is no number."""

LARGEST_GAIN = 10 * math.log10(2)
"""dB by which a denoised half is nearer to the other one where it is left with no error of its own."""

TIMES, FEW = 2, 10
"""Share above which it is told as so many times the whole, as nobody reads thousands of per cent; so many times below
which tenths of it are told."""

LONG = 1000
"""Micrometres from which on a length is told in millimetres."""


@dataclass(frozen=True)
class Lengths:
    """How lengths and attenuation are told.

    Attributes
    ----------
    pixel_size : micrometres; None where nobody knows
    """

    pixel_size: float | None

    def told(self, pixels: float) -> str:
        """Return a length in pixels and, where that is known, in micrometres."""
        if self.pixel_size is None or not math.isfinite(pixels):
            return f"{figure(pixels)} pixels"
        long = pixels * self.pixel_size
        length = f"{figure(long)} µm" if long < LONG else f"{figure(long / LONG)} mm"
        return f"{figure(pixels)} pixels ({length})"

    def attenuation(self, per_pixel: float) -> str:
        """Return an attenuation per pixel and, where pixels have a size, per cm."""
        told = f"{figure(per_pixel)} per pixel"
        return told if self.pixel_size is None else f"{told} ({figure(per_pixel * 1e4 / self.pixel_size)} per cm)"


def figure(value: float | None, digits: int = 3) -> str:
    """Return a number with so many digits that matter."""
    return NONE if value is None or not math.isfinite(value) else f"{value:.{digits}g}".replace("-", "\N{MINUS SIGN}")


def share(value: float | None) -> str:
    """Return a share in per cent."""
    if value is None or not math.isfinite(value):
        return NONE
    # Two digits, but all of those before the point.
    return f"{figure(100 * value, 2 if abs(value) < 1 else 4)} %"


def part(value: float | None) -> str:
    """Return a share in per cent or, where it is large, how many times the whole that is."""
    if value is None or not math.isfinite(value) or abs(value) <= TIMES:
        return share(value)
    return f"{figure(round(value, 1 if abs(value) < FEW else 0), 6)} times"


def many(number: int, what: str) -> str:
    """Return a number of things in words."""
    return f"{number} {what}{'s' * (number != 1)}"


def worst_bias(found: Findings) -> float | None:
    """Return the largest change of a material's mean grey value, as a share of the unit, with its sign."""
    if not found.grey or not found.unit:
        return None
    return max((material.bias for material in found.grey), key=abs) / found.unit


def told_of(found: Findings, lengths: Lengths, limits: dict[str, float]) -> list[tuple[str, str, str]]:
    """Return what was found out about a slice: check, the number, what that means."""
    made = [_consistency(found), _gain(found), _contrast(found), _resolution(found, lengths)]
    made += [_residual(found, limits), _range(found), _seams(found, limits)]
    told = [one for one in made if one is not None]
    return told + [(check, NONE, f"was left out: {why}") for check, why in found.skipped]


def _consistency(found: Findings) -> tuple[str, str, str] | None:
    one = found.consistency
    if one is None:
        return None
    places = f"{many(len(one.places), 'place')} above the limit" if one.places else "nowhere above the limit"
    told = (
        f"standard deviations, at the worst of all places; {places}. Over the slice the denoised one deviates from the "
        f"scan by {figure(one.spread)} standard deviations of noise (1 is noise alone), the raw one by "
        f"{figure(one.raw_spread)}."
    )
    return "Contradiction with the scan", f"{figure(one.score)} of {figure(one.limit)} allowed", told


def _gain(found: Findings) -> tuple[str, str, str] | None:
    one = found.halves
    if one is None:
        return None
    if one.gain < 0:
        told = "the denoised half is farther from the other, independent views than the raw one: denoising did harm"
    else:
        most = f"about {LARGEST_GAIN:.2f} dB where no error is left"
        told = f"by which the denoised half of the views is nearer to the other half than the raw one; {most}"
    left = "The views are too few to tell what error is left"
    if one.error_left is not None:
        large = one.error_left > TIMES
        left = (
            f"{part(one.error_left)} its error is there now"
            if large
            else f"{share(one.error_left)} of its error is left"
        )
    return "Gain, by halves", f"{figure(one.gain)} dB", f"{told}. {left}."


def _contrast(found: Findings) -> tuple[str, str, str] | None:
    if found.halves is None or found.halves.contrast is None:
        return None
    told = "of structures after denoising, as a share of that which two halves of the views agree on before it"
    return "Contrast, by halves", part(found.halves.contrast), f"{told}; 100 % changed nothing."


def _resolution(found: Findings, lengths: Lengths) -> tuple[str, str, str] | None:
    if found.halves is None:
        return None
    told = (
        "finest period at which two halves of the views, not denoised, agree (Fourier ring correlation 1/7): that of "
        "half the views, at best; 2 pixels is the finest that pixels can hold."
    )
    return "Resolution", lengths.told(found.halves.resolution), told


def _residual(found: Findings, limits: dict[str, float]) -> tuple[str, str, str] | None:
    one = found.residual
    if one is None:
        return None
    blur = (
        "the two halves of the views agree on no edges above their noise and streaks, so that blur cannot be measured"
    )
    if one.blur is not None:
        done = "blurred" if one.blur > 0 else "sharpened"
        blur = f"edges {done} by {figure(abs(one.blur))} pixels (limit {figure(limits.get('blur'))} of blur)"
    told = (
        f"where two signs agree (limit {share(limits.get('structure'))}): stronger than noise in {share(one.louder)}, "
        f"smoother than noise in {share(one.alike)}; {blur}."
    )
    return "More than noise taken away", f"{share(one.flagged)} of the slice", told


def _range(found: Findings) -> tuple[str, str, str] | None:
    one = found.range
    if one is None:
        return None
    parts = []
    if one.found is not None:
        like = one.found
        parts.append(
            f"in the network's unit: noise {figure(like.noise)}, grey values from {figure(like.darkest)} over "
            f"{figure(like.middle)} (median) to {figure(like.brightest)}"
        )
    if one.beyond is None:
        parts.append("the model does not say what it learned from")
        value = "not known"
    elif one.beyond:
        value = "outside"
        far = ", ".join(f"{name} by {figure(by)}" for name, by in one.beyond.items())
        parts.append(
            f"beyond what the network learned from: {far} (1 is a whole range of grey values, or 4 times the noise)"
        )
    else:
        value = "inside"
        parts.append("all of it within what the network learned from")
    parts.append(f"{share(one.saturated)} of the pixels exceed what its codes can hold")
    return "Range of the network", value, f"{'; '.join(parts)}."


def _seams(found: Findings, limits: dict[str, float]) -> tuple[str, str, str]:
    if found.seam is None:
        return "Seams of tiles", "none", "no tiles meet within the slice."
    told = f"how much rougher it is across seams than beside them; 1 is no seam, limit {figure(limits.get('seam'))}."
    return "Seams of tiles", figure(found.seam, 4), told

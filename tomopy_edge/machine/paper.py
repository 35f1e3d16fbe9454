"""What the paper measured on its devices: Table I, Fig. 7 and the times in its text, each with its place.

V. Abeykoon et al., "Scientific Image Restoration Anywhere" (2019). All are seconds for one slice of 1024 x 1024 pixels,
averages without a spread, as printed there. The network is TomoGAN as its authors trained it, which is not ours.
"""

from __future__ import annotations

from dataclasses import dataclass

TITLE = 'V. Abeykoon et al., "Scientific Image Restoration Anywhere" (2019)'

EDGE = 1024
"""Edge of the slices that all these times are for, pixels."""


@dataclass(frozen=True)
class Published:
    """What the paper says of one device.

    Attributes
    ----------
    device : as the paper calls it
    place : where in the paper the figures stand
    tomogan, stitching, fine_tune, total, fbp : seconds a slice; None where the paper has none
    watts : power consumption as printed; it does not say how it was found
    """

    device: str
    place: str
    tomogan: float | None = None
    stitching: float | None = None
    fine_tune: float | None = None
    total: float | None = None
    fbp: float | None = None
    watts: float | None = None


PUBLISHED = (
    Published("Edge TPU Accelerator on a laptop, int8", "Table I, Fig. 7", 0.435, 0.049, 0.070, 0.554, watts=2.0),
    Published("Edge TPU Dev Board, int8", "Table I, Fig. 7", 0.512, 0.120, 0.166, 0.798, watts=2.0),
    Published("Jetson TX2, TensorRT", "Table I, Fig. 7", 0.880, total=0.880, watts=7.5),
    Published("Core i7-6700HQ at 2.6 GHz, float", "section III-B1, Fig. 7", 1.537),
    Published("Tesla V100, float", "section III-B3", 0.044),
    Published("a laptop with an i7, FBP of TomoPy", "section V", fbp=0.400),
)

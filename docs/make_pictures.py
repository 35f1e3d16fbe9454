"""Makes the pictures of `docs/pictures` from two measured scans.

`python docs/make_pictures.py FOLDER`, where FOLDER holds

- `tooth/tooth.h5`, a test file of TomoPy (`source/tomopy/data` in its repository),
- `tomobank_00076/tomobank_00076.h5`, rows of TomoBank's tomo_00076 (De Carlo et al., doi:10.1088/1361-6501/aa9c19).

Each shows a scan with a part of its photons or views, the same denoised by `tomogan`, and the whole scan, raw, in one
grey range: that of the whole scan.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tomopy_edge
from tomopy_edge.readers import open_scan

PICTURES = Path(__file__).parent / "pictures"


def tooth(folder: Path) -> list[Any]:
    """Return parts of slices of the tooth: a sixteenth of the photons, denoised, and all photons."""
    scan = _scan(folder / "tooth" / "tooth.h5")
    dark = scan.darks.mean(axis=0)
    photons = np.rint(np.maximum(scan.projections - dark, 0)).astype(int)
    # What is left of Poisson counts where each is kept with this chance are Poisson counts.
    few = np.random.default_rng(0).binomial(photons, 1 / 16) * 16 + dark
    made = _maker(scan.theta, 296.0, flat=scan.flats, dark=scan.darks, stripes="sorting")
    pictures = [made(few, "none"), made(few, "tomogan"), made(scan.projections, "none")]
    return [slices[0, 190:490, 190:490] for slices in pictures]


def tissue(folder: Path) -> list[Any]:
    """Return parts of slices of soft tissue in paraffin: one view in eight, denoised, and all views."""
    scan = _scan(folder / "tomobank_00076" / "tomobank_00076.h5")
    given = {"flat": scan.flats, "dark": scan.darks, "stripes": "fourier-wavelet"}
    some = _maker(scan.theta[::8], 1276.5, **given)
    pictures = [some(scan.projections[::8], name) for name in ("none", "tomogan")]
    pictures.append(_maker(scan.theta, 1276.5, **given)(scan.projections, "none"))
    return [slices[1, 900:1200, 1020:1320] for slices in pictures]


def _scan(path: Path) -> tomopy_edge.Scan:
    with open_scan(path) as scan:
        return scan.read(0, min(scan.rows, 3))


def _maker(theta: Any, center: float, **given: Any) -> Callable[[Any, str], Any]:
    return lambda counts, denoiser: tomopy_edge.recon_and_denoise(counts, theta, center, denoiser=denoiser, **given)


def save(parts: list[Any], name: str) -> None:
    """Save parts of slices (y, x) side by side, all in the grey range of the last."""
    from PIL import Image

    darkest, brightest = np.percentile(parts[-1], [0.3, 99.8])
    gap = np.full((len(parts[0]), 6), brightest, np.float32)
    row = np.hstack([one for part in parts for one in (part, gap)][:-1])
    grey = np.clip((row - darkest) / (brightest - darkest), 0, 1) * 255
    Image.fromarray(grey.astype(np.uint8)).save(PICTURES / f"{name}.webp", quality=80, method=6)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    scans = parser.parse_args().folder
    save(tooth(scans), "tooth")
    save(tissue(scans), "tissue")

"""How near each denoiser comes to the truth of low-dose scans it has never seen (the question of Fig. 8 of the paper).

    python benchmarks/quality.py [--model tomogan] [--scans 12] [--phantoms FILE.h5] [--json FILE]

Without --phantoms the scans are simulated with seeds that no training used. FILE.h5 holds groups with `projections`
(angle, 3, column) counts, `theta` degrees, `truth` (y, x) attenuation per pixel with y upward, and attributes `I0` and
`kind`; the rotation axis is at column columns / 2.

SSIM and PSNR are taken inside a circle 6 pixels smaller than the inscribed one, with zero outside; the data range is
that of the truth. All methods start from the same slices of our FBP (filter shepp).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import tomopy_edge
from tomopy_edge.data import Float32, Scan
from tomopy_edge.simulation.pairs import draw_exposure
from tomopy_edge.simulation.phantoms import KINDS, draw_phantom
from tomopy_edge.simulation.scans import expose
from tomopy_edge.training.scores import Scores, mean, score

HELD_OUT = 900_000_000
"""First seed of the simulated scans; trainings use seeds far below."""

METHODS: dict[str, dict[str, Any]] = {
    "noisy FBP": {"denoiser": "none"},
    "total variation": {"denoiser": "total_variation"},
    "non-local means": {"denoiser": "non_local_means"},
    "float": {"precision": "float", "fine_tune": False},
    "int8": {"precision": "int8", "fine_tune": False},
    "int8 + Fine-Tune": {"precision": "int8", "fine_tune": True},
}


@dataclass(frozen=True)
class Case:
    """A scan of three rows and the truth of the middle one."""

    kind: str
    scan: Scan
    center: float
    truth: Float32


def simulated(count: int) -> Iterator[Case]:
    """Yield scans of every kind of phantom in turn."""
    for n in range(count):
        rng = np.random.default_rng(HELD_OUT + n)
        kind = KINDS[n % len(KINDS)]
        exposure = draw_exposure(rng)
        made = expose(draw_phantom(rng, kind, 512), exposure, 3, 512, rng)
        yield Case(kind, made.scan, made.center, made.truth())


def measured(path: Path) -> Iterator[Case]:
    """Yield the scans of a file of phantoms."""
    import h5py

    with h5py.File(path) as file:
        for group in file.values():
            projections = group["projections"][:]
            _, rows, columns = projections.shape
            flats = np.full((1, rows, columns), group.attrs["I0"], np.float32)
            scan = Scan(projections, flats, np.zeros_like(flats), np.deg2rad(group["theta"][:]))
            # Our rows run downward.
            yield Case(str(group.attrs["kind"]), scan, columns / 2, group["truth"][:][::-1].astype(np.float32))


def scores_of(case: Case, model: str) -> dict[str, Scores]:
    """Return the scores of every method on the middle slice."""
    y, x = case.truth.shape
    v, u = np.ogrid[:y, :x]
    inside = np.hypot(v - (y / 2 - 1), u - x / 2) < x / 2 - 6
    scores = {}
    for name, chosen in METHODS.items():
        options = chosen if "denoiser" in chosen else {**chosen, "model": model}
        slices = tomopy_edge.recon_and_denoise(
            case.scan.projections,
            case.scan.theta,
            case.center,
            flat=case.scan.flats,
            dark=case.scan.darks,
            **options,
        )
        scores[name] = score(slices[1] * inside, case.truth * inside)
    return scores


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="tomogan")
    parser.add_argument("--scans", type=int, default=12, help="simulated scans")
    parser.add_argument("--phantoms", type=Path, help="a file of phantoms to judge on instead")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    cases = measured(args.phantoms) if args.phantoms else simulated(args.scans)
    rows = [(case.kind, scores_of(case, args.model)) for case in cases]
    kinds = [*dict.fromkeys(kind for kind, _ in rows), "all"]
    print(f"{len(rows)} scans; SSIM / PSNR in dB, means")
    print(f"{'':<18}" + "".join(f"{kind:>16}" for kind in kinds))
    for method in METHODS:
        line = f"{method:<18}"
        for kind in kinds:
            of_kind = mean([scores[method] for own, scores in rows if kind in {own, "all"}])
            line += f"{of_kind.ssim:>8.4f} /{of_kind.psnr:>6.2f}"
        print(line)
    if args.json:
        plain = [{"kind": kind, **{name: vars(one) for name, one in scores.items()}} for kind, scores in rows]
        args.json.write_text(json.dumps(plain, indent=2))


if __name__ == "__main__":
    main()

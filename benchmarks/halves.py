"""How much nearer the denoised slice of some angles comes to the raw slice of all other angles: no truth is needed.

    python benchmarks/halves.py SCAN [--every 2 4 8] [--center COLUMN] [--model tomogan]

One view in `every` is reconstructed, raw and denoised, and compared with the raw reconstruction of the views left out,
whose noise is independent. Of two equal halves the raw one differs from the other by the noise of both, the best
possible denoised one by that of the other alone: 3.0 dB is the most that can be gained, where views are so many that
both halves show the same but for noise.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import tomopy_edge
from tomopy_edge.data import Float32, Scan
from tomopy_edge.readers import open_scan

MIDDLE = 3
"""Adjacent rows that are read; the middle one is judged."""


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scan", type=Path)
    parser.add_argument("--every", type=int, nargs="+", default=[2, 4, 8])
    parser.add_argument("--center", type=float, help="column of the rotation axis (default: found)")
    parser.add_argument("--stripes", default="fourier-wavelet", help="how rings are removed")
    parser.add_argument("--model", default="tomogan")
    args = parser.parse_args()
    with open_scan(args.scan) as opened:
        first = max(0, (opened.rows - MIDDLE) // 2)
        scan = opened.read(first, min(opened.rows, first + MIDDLE))
    settings = {"center": args.center, "stripes": args.stripes, "mask": 0.95}
    print(f"{args.scan.name}, row {first + scan.projections.shape[1] // 2}; root mean squares, attenuation per pixel")
    print(f"{'views':>14}{'raw - others':>16}{'denoised - others':>20}{'nearer by dB':>14}")
    for every in args.every:
        taken = np.zeros(len(scan.theta), bool)
        taken[::every] = True
        others = _middle(scan, ~taken, settings, denoiser="none")
        raw = _rms(_middle(scan, taken, settings, denoiser="none") - others)
        denoised = _rms(_middle(scan, taken, settings, model=args.model) - others)
        gain = 20 * np.log10(raw / denoised)
        print(f"{f'1 in {every}':>14}{raw:>16.3e}{denoised:>20.3e}{gain:>14.2f}")


def _middle(scan: Scan, taken: Any, settings: dict[str, Any], **options: Any) -> Float32:
    slices = tomopy_edge.recon_and_denoise(
        scan.projections[taken], scan.theta[taken], flat=scan.flats, dark=scan.darks, **settings, **options
    )
    middle: Float32 = slices[len(slices) // 2]
    return middle


def _rms(difference: Float32) -> float:
    return float(np.sqrt(np.mean(np.square(difference, dtype=np.float64))))


if __name__ == "__main__":
    main()

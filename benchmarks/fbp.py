"""How long one slice takes and how right it is: our FBP beside TomoPy's gridrec, algotom and scikit-image.

    python benchmarks/fbp.py [--threads 2] [--rows 16] [--runs 7] [--quick] [--slow] [--json FILE]

Every engine gets the same sinograms of ellipses, whose line integrals are known in closed form. Engines take turns, so
that all see the same moods of the machine; a first turn, which compiles and warms up, is not counted. Times are medians
with the lower and upper quartile; "x gridrec" is the median of the ratios within each turn. PSNR and mean error are
those inside the circle of the slice against the phantom, at the half-pixel alignment that suits the engine best.
TomoPy takes part where `import tomopy` finds it. The back-projectors in space take seconds for a slice, and so take
part only with --slow, on one row and in one turn.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tomopy_edge.data import Float32, Float64
from tomopy_edge.errors import PluginError
from tomopy_edge.fbp import FilteredBackProjection
from tomopy_edge.job import available_cores
from tomopy_edge.tomopy_library import require_tomopy

SIZES = ((1024, 1024), (2048, 1500), (2560, 1500))
"""Columns and angles."""

ELLIPSES = (
    (0.0, 0.0, 0.80, 0.88, 0.0, 1.0),
    (0.20, 0.12, 0.16, 0.10, 0.4, 0.6),
    (-0.40, 0.06, 0.04, 0.04, 0.0, -0.4),
    (0.10, -0.50, 0.02, 0.06, 1.0, 1.0),
    (-0.15, 0.45, 0.12, 0.20, 0.8, 0.3),
)
"""Middle, half axes, tilt and attenuation; lengths as shares of the radius of the slice."""

Engine = Callable[[Float32, Float64, float], Float32]
"""Turns (row, angle, column), theta and centre into (row, y, x)."""


def line_integrals(theta: Float64, columns: int, center: float) -> Float32:
    """Return the phantom's line integrals (angle, column) for an attenuation in units of 1 / column."""
    radius, along = columns / 2, np.zeros((len(theta), columns))
    for x, y, a, b, tilt, value in ELLIPSES:
        spread = radius**2 * ((a * np.cos(theta - tilt)) ** 2 + (b * np.sin(theta - tilt)) ** 2)
        away = np.arange(columns) - center - radius * (x * np.cos(theta) + y * np.sin(theta))[:, None]
        chord = np.sqrt(np.maximum(0, spread[:, None] - away**2)) / spread[:, None]
        along += 2 * value / columns * radius**2 * a * b * chord
    return along.astype(np.float32)


def phantom(columns: int, axis_x: float, axis_y: float, fineness: int = 4) -> Float32:
    """Return the phantom (y, x), attenuation per pixel, with its middle on a pixel that need not be whole."""
    fine = (np.arange(columns * fineness) + 0.5) / fineness - 0.5
    painted = np.zeros((columns, columns))
    for row in range(columns):
        x = (fine[None, :] - axis_x) / columns * 2
        y = (axis_y - fine[row * fineness : (row + 1) * fineness, None]) / columns * 2
        value = np.zeros((fineness, columns * fineness))
        for x0, y0, a, b, tilt, attenuation in ELLIPSES:
            u = (x - x0) * np.cos(tilt) + (y - y0) * np.sin(tilt)
            v = (y - y0) * np.cos(tilt) - (x - x0) * np.sin(tilt)
            value[(u / a) ** 2 + (v / b) ** 2 <= 1] += attenuation
        painted[row] = value.reshape(fineness, columns, fineness).mean((0, 2))
    return (painted / columns).astype(np.float32)


def quality(found: Float32, truths: dict[tuple[float, float], Float32]) -> tuple[float, float]:
    """Return PSNR in dB and relative error of the mean, inside the circle, at the best alignment."""
    best = (-np.inf, np.nan)
    for (axis_x, axis_y), truth in truths.items():
        v, u = np.ogrid[: len(truth), : len(truth)]
        inside = np.hypot(u - axis_x, v - axis_y) < len(truth) / 2 - 1
        error = float(np.mean((found - truth)[inside] ** 2, dtype=np.float64))
        mean = float(found[inside].mean(dtype=np.float64) / truth[inside].mean(dtype=np.float64)) - 1
        best = max(best, (10 * np.log10(float(np.ptp(truth)) ** 2 / error), mean))
    return best


def engines(columns: int, theta: Float64, threads: int, *, slow: bool) -> dict[str, Engine]:
    """Return the engines there are, by name."""
    plan = FilteredBackProjection(theta, columns, ncore=threads)
    found: dict[str, Engine] = {"ours": lambda rows, _theta, center: plan(rows, center)}
    try:
        recon = require_tomopy().recon
    except PluginError as error:
        print(f"without TomoPy: {error}")
    else:

        def gridrec(rows: Float32, theta: Float64, center: float) -> Float32:
            slices: Float32 = recon(
                rows, theta, center=center, sinogram_order=True, algorithm="gridrec", filter_name="shepp", ncore=threads
            )
            return slices

        def padded(rows: Float32, theta: Float64, center: float) -> Float32:
            side = columns // 2
            slices = gridrec(np.pad(rows, ((0, 0), (0, 0), (side, side))), theta, center + side)
            return slices[:, side : side + columns, side : side + columns]

        found |= {"gridrec": gridrec, "gridrec padded": padded}
    if slow:
        found |= {"algotom fbp": algotom_fbp(threads), "skimage iradon": skimage_iradon}
    return found


def algotom_fbp(threads: int) -> Engine:
    """Return algotom's filtered back projection on the CPU."""
    from algotom.rec.reconstruction import fbp_reconstruction

    def reconstruct(rows: Float32, theta: Float64, center: float) -> Float32:
        settings = {"filter_name": None, "apply_log": False, "gpu": False, "ncore": threads}
        return np.stack([fbp_reconstruction(row, center, angles=theta, **settings) for row in rows])

    return reconstruct


def skimage_iradon(rows: Float32, theta: Float64, center: float) -> Float32:
    """Reconstruct with scikit-image, whose axis is on column n // 2: sinograms are shifted there by whole columns."""
    from skimage.transform import iradon

    shift = rows.shape[2] // 2 - round(center)
    degrees = np.rad2deg(theta)
    return np.stack([iradon(np.roll(row, shift, 1).T, degrees, filter_name="shepp-logan") for row in rows])


def measure(columns: int, angles: int, args: argparse.Namespace) -> list[dict[str, Any]]:
    """Return a row of the table for each engine, at one size."""
    theta, center = np.arange(angles) * np.pi / angles, columns / 2
    rows = np.repeat(line_integrals(theta, columns, center)[None], args.rows, axis=0)
    places = [(0.0, -1.0), (0.0, 0.0), (-0.5, -0.5), (-1.0, -1.0), (-1.0, 0.0)]
    truths = {(columns / 2 + x, columns / 2 + y): phantom(columns, columns / 2 + x, columns / 2 + y) for x, y in places}
    contenders = engines(columns, theta, args.threads, slow=args.slow)
    times: dict[str, list[float]] = {name: [] for name in contenders}
    slices = {}
    for turn in range(args.runs + 1):
        for name, engine in contenders.items():
            in_space = name in {"algotom fbp", "skimage iradon"}
            if in_space and turn > 1:
                continue
            given = rows[:1] if in_space else rows
            start = time.perf_counter()
            slices[name] = engine(given, theta, center)[0]
            if turn:
                times[name].append((time.perf_counter() - start) / len(given) * 1e3)
    table = []
    for name, spent in times.items():
        low, middle, high = np.percentile(spent, [25, 50, 75])
        ratio = float("nan")
        if "gridrec" in times:
            ratio = float(np.median(np.array(times["gridrec"])[: len(spent)] / np.array(spent)))
        decibel, mean = quality(slices[name], truths)
        row = {
            "columns": columns,
            "angles": angles,
            "engine": name,
            "ms_per_slice": middle,
            "ms_quartiles": [low, high],
        }
        table.append({**row, "times_gridrec": ratio, "psnr_db": decibel, "mean_error": mean})
    return table


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=available_cores())
    parser.add_argument("--rows", type=int, default=16, help="slices in a stack")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="1024 columns only")
    parser.add_argument("--slow", action="store_true", help="with the back-projectors in space")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    print(f"{args.threads} threads, stacks of {args.rows} slices, {args.runs} runs")
    heads = f"{'ms / slice':>10} {'(quartiles)':>18} {'x gridrec':>9} {'PSNR dB':>8} {'mean':>8}"
    print(f"{'size':>11}  {'engine':<15} {heads}")
    table = []
    for columns, angles in SIZES[:1] if args.quick else SIZES:
        for row in measure(columns, angles, args):
            table.append(row)
            low, high = row["ms_quartiles"]
            quartiles = f"({low:.1f} - {high:.1f})"
            print(
                f"{columns:>6}x{angles:<4}  {row['engine']:<15} {row['ms_per_slice']:>10.1f} {quartiles:>18} "
                f"{row['times_gridrec']:>9.2f} {row['psnr_db']:>8.1f} {row['mean_error']:>+8.2%}"
            )
    if args.json:
        args.json.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()

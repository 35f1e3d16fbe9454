"""How long one slice takes and how right it is: our FBP beside TomoPy's gridrec, ASTRA, algotom and scikit-image.

    python benchmarks/fbp.py [--threads 1 2] [--rows 16] [--runs 7] [--quick] [--slow] [--json FILE]

Every engine gets the same sinograms of ellipses, whose line integrals are known in closed form. Engines take turns, so
that all see the same moods of the machine; a first turn, which compiles and warms up, is not counted. Times are medians
with the lower and upper quartile; "x gridrec" and "x padded" are the medians of the ratios within each turn. PSNR and
mean error are those inside the circle of the slice against the phantom, at the half-pixel alignment that suits the
engine best. "limit" is the least time for the operations and the memory traffic of our method, or of one interpolation
for each pixel and angle, at the rates of this machine, which are measured first; "of it" is that share of the median.
TomoPy takes part where `import tomopy` finds it. The back-projectors in space take seconds for a slice, and so take
part only with --slow, as far as they are installed, on one row and in one turn.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from typing import Any

import numpy as np
from limits import Work, fbp_work, measure_limits
from turns import Contestant, Row, parser_of, published, take_turns, thread_counts

from tomopy_edge.data import Float32, Float64
from tomopy_edge.errors import PluginError
from tomopy_edge.fbp import FilteredBackProjection
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


def engines(columns: int, theta: Float64, threads: int) -> dict[str, Engine]:
    """Return the engines in Fourier space there are, by name."""
    plan = FilteredBackProjection(theta, columns, ncore=threads)
    found: dict[str, Engine] = {"ours": lambda rows, _theta, center: plan(rows, center)}
    try:
        recon = require_tomopy().recon
    except PluginError as error:
        print(f"without TomoPy: {error}")
        return found

    def gridrec(rows: Float32, theta: Float64, center: float) -> Float32:
        slices: Float32 = recon(
            rows, theta, center=center, sinogram_order=True, algorithm="gridrec", filter_name="shepp", ncore=threads
        )
        return slices

    return found | {"gridrec": gridrec, "gridrec padded": padded(gridrec)}


def padded(gridrec: Engine) -> Engine:
    """Return an engine that pads projections to twice their width, and cuts the slices out again."""

    def reconstruct(rows: Float32, theta: Float64, center: float) -> Float32:
        columns = rows.shape[2]
        side = columns // 2
        slices = gridrec(np.pad(rows, ((0, 0), (0, 0), (side, side))), theta, center + side)
        return slices[:, side : side + columns, side : side + columns]

    return reconstruct


def slow_engines(threads: int) -> dict[str, Engine]:
    """Return the engines in space that are installed, by name."""
    wanted = {
        "astra fbp": ("astra", astra_fbp),
        "algotom fbp": ("algotom", algotom_fbp(threads)),
        "skimage iradon": ("skimage", skimage_iradon),
    }
    found: dict[str, Engine] = {}
    for name, (module, engine) in wanted.items():
        try:
            import_module(module)
        except ImportError as error:  # noqa: PERF203 - three engines
            print(f"without {name}: {error}")
        else:
            found[name] = engine
    return found


def astra_fbp(rows: Float32, theta: Float64, center: float) -> Float32:
    """Reconstruct with ASTRA on the CPU. Its axis is in the middle: where ours is to the right, zeros follow."""
    astra: Any = import_module("astra")
    columns = rows.shape[2]
    rows = np.pad(rows, ((0, 0), (0, 0), (0, max(0, round(2 * center) + 1 - columns))))
    detector = astra.create_proj_geom("parallel", 1.0, rows.shape[2], theta)
    pixels = astra.create_vol_geom(columns, columns)
    projector = astra.create_projector("linear", detector, pixels)
    slices = np.empty((len(rows), columns, columns), np.float32)
    for row, found in zip(rows, slices, strict=True):
        sinogram = astra.data2d.create("-sino", detector, row)
        target = astra.data2d.create("-vol", pixels)
        wanted = {"ProjectorId": projector, "ProjectionDataId": sinogram, "ReconstructionDataId": target}
        algorithm = astra.algorithm.create({"type": "FBP", **wanted, "option": {"FilterType": "shepp-logan"}})
        astra.algorithm.run(algorithm)
        found[:] = astra.data2d.get(target)
        astra.algorithm.delete(algorithm)
        astra.data2d.delete([sinogram, target])
    astra.projector.delete(projector)
    return slices


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


class Reconstruction(Contestant):
    """An engine on one size, and its last slice."""

    def __init__(self, title: Row, engine: Engine, rows: Float32, theta: Float64, *, slow: bool = False) -> None:
        given = rows[:1] if slow else rows
        super().__init__(title, self.reconstruct, len(given), slow)
        self._engine, self._given, self._theta = engine, given, theta
        self.slice: Float32 = given[0]

    def reconstruct(self) -> None:
        """Reconstruct all rows."""
        self.slice = self._engine(self._given, self._theta, self._given.shape[2] / 2)[0]


def measure(columns: int, angles: int, args: argparse.Namespace) -> list[Row]:
    """Return a line of the table for each engine and number of threads, at one size."""
    theta = np.arange(angles) * np.pi / angles
    rows = np.repeat(line_integrals(theta, columns, columns / 2)[None], args.rows, axis=0)
    places = [(0.0, -1.0), (0.0, 0.0), (-0.5, -0.5), (-1.0, -1.0), (-1.0, 0.0)]
    truths = {(columns / 2 + x, columns / 2 + y): phantom(columns, columns / 2 + x, columns / 2 + y) for x, y in places}

    def entered(name: str, engine: Engine, threads: int, *, slow: bool = False) -> Reconstruction:
        title = {"engine": name, "columns": columns, "angles": angles, "threads": threads}
        return Reconstruction(title, engine, rows, theta, slow=slow)

    contenders = [
        entered(name, engine, threads)
        for threads in args.threads
        for name, engine in engines(columns, theta, threads).items()
    ]
    if args.slow:
        most = max(args.threads)
        contenders += [
            entered(name, engine, most if name == "algotom fbp" else 1, slow=True)
            for name, engine in slow_engines(most).items()
        ]
    take_turns(contenders, args.runs)
    return [_line(one, contenders, truths, columns, angles) for one in contenders]


def _line(
    one: Reconstruction,
    contenders: list[Reconstruction],
    truths: dict[tuple[float, float], Float32],
    columns: int,
    angles: int,
) -> Row:
    peers = {each.title["engine"]: each for each in contenders if each.title["threads"] == one.title["threads"]}
    # In space: a pixel of the circle takes two numbers of each projection, and a share of either.
    in_space = Work(flops=np.pi * columns**2 * angles, bytes=4 * columns * (angles + columns))
    least = measure_limits(one.title["threads"]).seconds(in_space if one.slow else fbp_work(columns, angles))
    assert least is not None  # noqa: S101 - no int8 in it
    figures = one.figures()
    decibel, mean = quality(one.slice, truths)
    return {
        **one.title,
        **figures,
        "x gridrec": one.times(peers.get("gridrec")),
        "x padded": one.times(peers.get("gridrec padded")),
        "PSNR dB": decibel,
        "mean %": 100 * mean,
        "limit": 1e3 * least if "gridrec" not in one.title["engine"] else None,
        "of it": 1e3 * least / figures["ms"] if "gridrec" not in one.title["engine"] else None,
    }


def main() -> None:
    """Measure and print the table."""
    parser = parser_of(__doc__, runs=7)
    parser.add_argument("--threads", type=int, nargs="+", default=thread_counts())
    parser.add_argument("--rows", type=int, default=16, help="slices in a stack")
    parser.add_argument("--quick", action="store_true", help="1024 columns only")
    parser.add_argument("--slow", action="store_true", help="with the back-projectors in space")
    args = parser.parse_args()
    limits = [measure_limits(threads) for threads in args.threads]
    told = f"FBP, stacks of {args.rows} slices, {args.runs} runs in turns; ms for a slice"
    told = "\n".join([told, *(each.told for each in limits)])
    with published(args, told, limits=[asdict(each) for each in limits]) as table:
        for columns, angles in SIZES[:1] if args.quick else SIZES:
            table.extend(measure(columns, angles, args))


if __name__ == "__main__":
    main()

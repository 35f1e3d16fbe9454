"""How far from the true rotation axis the sharpest slice is, on simulated scans, at low dose and beyond the field too.

python benchmarks/centers.py
"""

from __future__ import annotations

import argparse
import io
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from turns import published

import tomopy_edge
from tomopy_edge.cli import main as command
from tomopy_edge.sweeps.centers import centers_around

REACH, STEP, BESIDE = 10.0, 0.5, 3
"""Columns to each side that are tried, between two of them, and from the middle of them to the true axis, about."""


@dataclass(frozen=True)
class Case:
    """A scan to simulate.

    Attributes
    ----------
    told : what is hard about it
    kind, counts, columns, angles, offset, seed, more : flags of `tomopy-edge simulate scan`
    """

    told: str
    kind: str
    counts: int
    columns: int
    angles: int
    offset: float
    seed: int
    more: dict[str, float] = field(default_factory=dict)

    @property
    def center(self) -> float:
        """Column of the rotation axis."""
        return self.columns / 2 + self.offset

    def write(self, path: Path) -> None:
        """Simulate the scan."""
        flags = {"kind": self.kind, "counts": self.counts, "columns": self.columns, "angles": self.angles, **self.more}
        words = [word for name, value in flags.items() for word in (f"--{name}", str(value))]
        words += ["--offset", str(self.offset), "--seed", str(self.seed), "--rows", "1", "--no-truth"]
        with redirect_stdout(io.StringIO()):
            command(["simulate", "scan", str(path), *words])


def cases() -> list[Case]:
    """Return all scans."""
    kinds, doses = ("foam", "cracks", "tissue", "grains", "fibres"), (60, 300, 5000)
    found = [
        Case("rings", kind, counts, 512, 360, 5.3, seed, {"rings": 0.005})
        for seed, (kind, counts) in enumerate(((kind, counts) for kind in kinds for counts in doses), start=1)
    ]
    for counts in (100, 2000):
        found.append(Case("few angles", "rock", counts, 512, 90, 3.4, 78))
        found.append(Case("phase contrast", "fibres", counts, 512, 360, 3.4, 79, {"fringes": 2.0}))
        found.append(Case("1.4 times as wide", "tissue", counts, 512, 360, -6.8, 77, {"width": 1.4}))
    for seed, kind in enumerate(("foam", "cracks", "tissue", "grains", "layers", "rock"), start=101):
        wide = {"width": 1.15, "rings": 0.003}
        found.append(Case("1.15 times as wide", kind, 800, 640, 400, -4.2, seed, wide))
        found.append(Case("low dose", kind, 100, 640, 400, 2.8, seed + 50))
    return found


def main() -> None:
    """Make a sweep over the axis of each scan; print how far off the sharpest raw slice is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table there, too")
    args = parser.parse_args()
    with TemporaryDirectory() as folder, published(args, "columns from the true axis to that of the sharpest") as rows:
        for number, case in enumerate(cases()):
            scan, output = Path(folder) / f"{number}.h5", Path(folder) / f"{number}"
            case.write(scan)
            tried = centers_around(round(case.center) + BESIDE, REACH, STEP, case.columns)
            centers = {"center": tomopy_edge.Sweep(tried)}
            recipe = ["read", "normalize", "minus_log", {"find_center": centers}, "reconstruct", "write"]
            best = tomopy_edge.sweep(recipe, scan, output).best
            assert best is not None, "the axis alone was swept over"  # noqa: S101 - for mypy
            rows.append(
                {
                    "scan": f"{case.kind}, {case.told}",
                    "counts": case.counts,
                    "off": round(best.values[0] - case.center, 2),
                    "nearest tried": round(min(abs(center - case.center) for center in tried), 2),
                }
            )


if __name__ == "__main__":
    main()

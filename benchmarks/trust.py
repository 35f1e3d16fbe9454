"""How surely slices that lie are flagged, and how often slices that do not: the figures behind the limit of the check.

    python benchmarks/trust.py [--model tomogan] [--scans 60] [--columns 512] [--json FILE]

Scans are simulated, reconstructed and denoised by a shipped model; cracks are erased from its slices, and cracks and
blobs pasted in. What the scan shows of each lie, its "clearness", is the number of standard deviations by which the
best detector that knows it would tell it from noise: below about 5 nobody can. Told is the share that is flagged at
the limit, and at multiples of it. "nothing, the truth" are true slices in place of denoised ones: what is flagged of
them is a false alarm. "nothing" are the network's own slices: what is flagged of those, the network did.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from tampering import Judged, Network, judged_scan, lies
from turns import Row, parser_of, published

from tomopy_edge.data import Float32
from tomopy_edge.progress import track
from tomopy_edge.trust.consistency import ConsistencyCheck

FACTORS = (0.8, 0.9, 1.0, 1.15, 1.3)
"""Of the limit."""

CLEARNESS = (0, 5, 8, 12, 20, 40, np.inf)


def main() -> None:
    """Measure and print the table."""
    parser = parser_of(__doc__, runs=1)
    parser.add_argument("--model", default="tomogan", help="(default: tomogan)")
    parser.add_argument("--scans", type=int, default=60, help="(default: 60)")
    parser.add_argument("--columns", type=int, default=512, help="of the detector (default: 512)")
    args = parser.parse_args()
    told = f"{args.scans} simulated scans of {args.columns} columns, denoised by {args.model}; share that is flagged"
    with published(args, told) as table:
        found = measure(args.model, args.scans, args.columns)
        for what in sorted(found):
            table.append(_line(what, found[what]))


def measure(model: str, scans: int, columns: int) -> dict[tuple[str, int], list[float]]:
    """Return scores over their limits, by what was done to a slice and the bin of its clearness."""
    network, found = Network(model, columns), defaultdict(list)
    for seed in track(range(scans), total=scans, what="scans"):
        judged = judged_scan(seed, columns, network)
        check = ConsistencyCheck(judged.simulated.scan.theta, columns, columns, ncore=2)

        own = _score(check, judged, judged.denoised)
        found["nothing", 0].append(own)
        found["nothing, the truth", 0].append(_score(check, judged, judged.truth))
        for lie in lies(judged, seed):
            if own < 1:
                found[lie.sort, int(np.searchsorted(CLEARNESS, lie.clearness, "right"))].append(
                    _score(check, judged, lie.slice_)
                )
    return found


def _score(check: ConsistencyCheck, judged: Judged, slice_: Float32) -> float:
    told, _ = check.compare(judged.sinogram, judged.center, judged.raw, slice_, judged.unit)
    return told.score / told.limit


def _line(what: tuple[str, int], scores: list[float]) -> Row:
    sort, n = what
    clearness = f"{CLEARNESS[n - 1]:g}-{CLEARNESS[n]:g}" if n else ""
    shares = {f"limit x {factor:g}": float(np.mean(np.array(scores) > factor)) for factor in FACTORS}
    return {"done to the slice": sort, "clearness": clearness, "slices": len(scores), **shares}


if __name__ == "__main__":
    main()

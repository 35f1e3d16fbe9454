"""How much faster workers of a cluster on this machine are than one, and what dealing out costs.

    python benchmarks/cluster.py [--columns 1024] [--angles 1024] [--rows 256] [--model tomogan-compact] [--runs 3]
        [--pieces 300] [--json FILE]

The same recipe runs on the same scan in this process, with as many threads as there are cores; with one worker of one
thread; and with a worker of one thread for each core. All take turns; a first turn, which compiles and warms the disk
cache, is not counted. Workers stay from turn to turn: what it takes to start them is a line of its own, "starting".
Seconds are those of a run without its settling, for a slice. "x one" is the median of the ratios to one worker within
each turn.

The last line deals out pieces that are no work, each with news of two slices as a real one has: what the process that
deals out can do at most, on this machine and its file system.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from growth import Size, write_tall
from turns import Contestant, Row, parser_of, published, take_turns
from whole import recipe_for

from tomopy_edge.cluster.dask_crew import DaskCrew
from tomopy_edge.cluster.dealing import Dealer
from tomopy_edge.cluster.piece import Made, Piece
from tomopy_edge.cluster.start import open_crew
from tomopy_edge.cluster.workplace import Task
from tomopy_edge.cluster_options import ClusterOptions
from tomopy_edge.job import Tally, available_cores
from tomopy_edge.record import Picked
from tomopy_edge.rows_left import Failure
from tomopy_edge.run_scan import run
from tomopy_edge.writers.ledger import Ledger

LOT = 16
"""Rows that a worker is given at a time."""

NEWS = 2
"""Slices that a worker tells of at a time."""


class Running(Contestant):
    """A run, here or on workers that are there already."""

    def __init__(
        self, title: Row, scan: Path, folder: Path, recipe: list[Any], crew: DaskCrew | None, rows: int
    ) -> None:
        super().__init__(title, self.take, rows)
        self._scan, self._recipe, self._crew = scan, recipe, crew
        self._output = folder / "out"

    def take(self) -> None:
        """Run the recipe."""
        options = None
        if self._crew is not None:
            options = ClusterOptions(kind="running", address=self._crew.address, rows=LOT)
        self.report = run(self._recipe, self._scan, self._output, overwrite=True, cluster=options).report

    def take_turn(self) -> None:
        """Count a run without what it takes to settle the recipe, which no worker helps with."""
        self.act()
        self.seconds.append((self.report.seconds - self.report.settling) / self.units)
        self.processor.append(0.0)


def idle(piece: Piece, topic: str) -> Made:
    """Stand in for work: tell of slices, two at a time."""
    from distributed import get_worker

    worker = get_worker()
    for row in range(piece.first, piece.last, NEWS):
        digests = {each: f"{each:064x}" for each in range(row, min(row + NEWS, piece.last))}
        worker.log_event(topic, {"piece": piece.number, "digests": [*digests.items()], "shape": [8, 8]})
    rows = range(piece.first, piece.last)
    return Made(digests={row: f"{row:064x}" for row in rows}, shape=(8, 8))


class IdleCrew(DaskCrew):
    """Workers that do no work."""

    work = staticmethod(idle)


def dealing(crew: DaskCrew, folder: Path, pieces: int, rows: int) -> Row:
    """Return how many pieces, and slices, are dealt out in a second where they are no work."""
    lots = [(n * rows, (n + 1) * rows) for n in range(pieces)]
    dealer = Dealer(crew, Task("", None, 1), lots, patience=60, picked=Picked([], ""), tally=Tally())
    start = time.perf_counter()
    writes = 0
    with Ledger(folder) as ledger:
        for one in dealer.deal():
            assert not isinstance(one, Failure)  # noqa: S101 - there is no work to fail
            ledger.enter(one.made)
            writes += 1
    seconds = time.perf_counter() - start
    return {
        "way": "dealing out alone",
        "pieces/s": pieces / seconds,
        "slices/s": pieces * rows / seconds,
        "writes": writes,
    }


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__, 3)
    parser.add_argument("--columns", type=int, default=1024)
    parser.add_argument("--angles", type=int, default=1024)
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--model", default="tomogan-compact")
    parser.add_argument("--pieces", type=int, default=300, help="that are no work (default: 300)")
    args = parser.parse_args()
    cores = available_cores()
    size = f"{args.columns} columns and {args.angles} angles"
    told = f"{args.rows} slices of {size}, {args.model}, {args.runs} runs in turns; s for a slice"
    with ExitStack() as opened, published(args, told) as table:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        scan = folder / "scan.h5"
        write_tall(scan, Size(args.rows, args.columns, args.angles))
        recipe = recipe_for(args.columns / 2, args.model, "int8")
        crews, started = {}, {}
        for count in (1, cores):
            start = time.perf_counter()
            crew = opened.enter_context(open_crew(ClusterOptions(workers=count)))
            while len(crew.workers()) < count:
                time.sleep(0.05)
            crews[count], started[count] = crew, time.perf_counter() - start
        ways = [Running({"way": f"this process, {cores} threads"}, scan, folder, recipe, None, args.rows)]
        ways += [
            Running({"way": f"{count} worker{'s' * (count > 1)} of 1 thread"}, scan, folder, recipe, crew, args.rows)
            for count, crew in crews.items()
        ]
        take_turns(ways, args.runs)
        one = ways[1]
        for way, starting in zip(ways, (None, *started.values()), strict=True):
            table.append({**way.title, **way.figures("s"), "x one": way.times(one), "starting": starting})
        idlers = IdleCrew(crews[cores]._client, more=False)  # noqa: SLF001 - the same workers
        table.append(dealing(idlers, folder, args.pieces, 64))


if __name__ == "__main__":
    main()

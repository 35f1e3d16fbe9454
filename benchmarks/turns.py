"""How contestants take turns, and the table and the JSON that come of it: what all these scripts share."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from tomopy_edge.job import available_cores
from tomopy_edge.machine.facts import describe
from tomopy_edge.machine.timing import BUSY, Spread
from tomopy_edge.text_table import aligned

Row = dict[str, Any]
"""Name of a column -> a word, a number, or None for what there is nothing to say of."""


@dataclass
class Contestant:
    """Something that is timed.

    Attributes
    ----------
    title : the first columns of its line in the table
    act : what is timed
    units : of work in a turn, such as slices; times are those of one
    slow : whether one turn is enough, without another to warm up
    seconds : of the clock for a unit, turn by turn
    processor : the same of all threads of this process together
    """

    title: Row
    act: Callable[[], object]
    units: int = 1
    slow: bool = False
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def take_turn(self) -> None:
        """Act once, and remember how long that took."""
        start, start_processor = time.perf_counter(), time.process_time()
        self.act()
        self.seconds.append((time.perf_counter() - start) / self.units)
        self.processor.append((time.process_time() - start_processor) / self.units)

    def figures(self, unit: str = "ms") -> Row:
        """Return the median and the quartiles of its turns, in "ms" or "s"."""
        spread = Spread.of(self.seconds)
        scale = {"ms": 1e3, "s": 1.0}[unit]
        return {unit: scale * spread.median, "lower": scale * spread.lower, "upper": scale * spread.upper}

    def times(self, first: Contestant | None) -> float | None:
        """Return how many times as fast as `first` it is: the median of the ratios within each turn."""
        if first is None:
            return None
        return median(a / b for a, b in zip(first.seconds, self.seconds, strict=False))


def take_turns(contestants: Sequence[Contestant], runs: int) -> None:
    """Time all contestants `runs` times, one after the other, so that all see the same moods of the machine.

    A first turn, which compiles and warms up, is not counted. Slow ones have no first turn, and one in all.
    """
    for turn in range(runs + 1):
        for one in contestants:
            if turn == 1 or not one.slow:
                one.take_turn()
            if turn == 0:
                one.seconds.clear()
                one.processor.clear()


@contextmanager
def published(args: argparse.Namespace, told: str, **facts: Any) -> Iterator[list[Row]]:
    """Yield a list for the lines of the table; print them at the end, and write them as JSON where `args.json` says so.

    Parameters
    ----------
    args : of the command line
    told : what is measured, printed above the table
    facts : more for the JSON, of dataclasses or plain
    """
    before, rows = os.getloadavg()[0], list[Row]()
    yield rows
    after, cores = os.getloadavg()[0], available_cores()
    print(told)
    print(f"load of the machine before {before:.1f}, after {after:.1f}, on {cores} cores")
    if before > BUSY * cores:
        print("WARNING: other programs run here: compare lines of this table, not tables")
    columns = list(dict.fromkeys(column for row in rows for column in row))
    print("\n".join(aligned([columns, *([_told(row.get(column)) for column in columns] for row in rows)])))
    if args.json:
        about = {"command": sys.argv, "machine": asdict(describe()), "load": [before, after], **facts}
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps({**about, "rows": rows}, indent=1) + "\n", encoding="utf-8")


def parser_of(script: str | None, runs: int) -> argparse.ArgumentParser:
    """Return a parser with the flags of all these scripts.

    Parameters
    ----------
    script : its docstring
    runs : turns after the first, where none are given
    """
    parser = argparse.ArgumentParser(description=script, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=runs, help=f"turns after the first (default: {runs})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table there, too")
    return parser


def thread_counts() -> list[int]:
    """Return one thread, and as many as there are cores."""
    return sorted({1, available_cores()})


def _told(value: Any) -> str:
    if value is None:
        return "-"
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004 - no powers of ten

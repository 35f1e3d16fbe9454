"""`python -m tests.fuzz`: tries many cases and prints what became of them; the same cases for the same seed.

Run from the root of the checkout, `python -m tests.fuzz --target scans --cases 100000`. The exit code is 1 where there
was a finding: a traceback, a crash, more than 5 s, or more than 1 GB. `--replay` begins with the cases in `corpus`, all
of which once were. Ctrl-C ends a target, and what became of its cases so far is told.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.case import Case
from tests.fuzz.watch import ACCEPTED, CRASH, FINDINGS, HANG, MEMORY, REFUSED, TRACEBACK, Outcome, watched

TARGETS = ("recipes", "scans", "networks")
CORPUS = Path(__file__).parent / "corpus"
HEADINGS = (
    "target",
    "cases",
    "refused",
    "accepted",
    "tracebacks",
    "crashes",
    "hangs",
    "over 1 GB",
    "longest",
    "largest",
    "cases/s",
)


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--target", choices=TARGETS, action="append", help="default: all of them")
    parser.add_argument("--cases", type=int, default=100_000, help="of each target (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--keep", type=Path, help="folder for the first case of each kind of finding")
    parser.add_argument("--replay", action="store_true", help="begin with the kept cases")
    parser.add_argument("--verbose", action="store_true", help="also tell the longest case, and why cases were refused")
    args = parser.parse_args(argv)
    _tell("".join(f"{heading:>11}" for heading in HEADINGS))
    found = False
    for name in args.target or TARGETS:
        target = import_module(f"tests.fuzz.{name}")
        target.prepare()
        if args.replay:
            kept = sorted((CORPUS / name).glob("*.json"))
            found |= _fuzz(
                f"({name})", target, lambda number, kept=kept: Case.kept(kept[number]), range(len(kept)), args
            )
        if args.cases:
            numbers = range(args.first, args.first + args.cases)
            found |= _fuzz(name, target, partial(_made, target, args.seed), numbers, args)
    return int(found)


def _fuzz(name: str, target: Any, make: Callable[[int], Case], numbers: range, args: argparse.Namespace) -> bool:
    """Try the cases of one target, print its line and its findings; return whether there were any."""
    counts: Counter[str] = Counter()
    findings: dict[str, list[Outcome]] = {}
    ways: Counter[str] = Counter()
    slowest, largest, started = Outcome(0, "", "", 0.0, 0), 0, time.perf_counter()
    with suppress(KeyboardInterrupt):
        for outcome in watched(target.attempt, make, numbers, getattr(target, "careful", None)):
            counts[outcome.kind] += 1
            slowest, largest = max(slowest, outcome, key=lambda one: one.seconds), max(largest, outcome.peak)
            if outcome.kind in FINDINGS:
                _note(findings.setdefault(f"{outcome.kind}: {outcome.told}", []), outcome, name)
            elif args.verbose:
                ways["".join(" " if letter.isdigit() else letter for letter in outcome.told[-90:])] += 1
    count = counts.total()
    rate = count / (time.perf_counter() - started)
    became = (count, *(counts[kind] for kind in (REFUSED, ACCEPTED, TRACEBACK, CRASH, HANG, MEMORY)))
    most = f"{slowest.seconds:.2f} s", f"{largest / 1e9:.2f} GB"
    _tell("".join(f"{cell:>11}" for cell in (name, *became, *most, f"{rate:.0f}")))
    for told, outcomes in sorted(findings.items(), key=lambda item: -len(item[1])):
        first = outcomes[0].number
        _tell(f"  {len(outcomes)} x {told}, first case {first}")
        if args.keep:
            args.keep.mkdir(parents=True, exist_ok=True)
            make(first).keep(args.keep / f"{name}_{outcomes[0].kind}_{first}.json", told)
    if args.verbose:
        _tell(f"  the longest was case {slowest.number}: {slowest.kind} {slowest.told[-90:]}")
    for told, often in ways.most_common(40):
        _tell(f"  {often} x ...{' '.join(told.split())}")
    return bool(findings)


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _note(alike: list[Outcome], outcome: Outcome, name: str) -> None:
    # The first of its kind is told at once: many cases take hours.
    if not alike:
        sys.stderr.write(f"{name}, case {outcome.number}: {outcome.kind}: {outcome.told}\n")
    alike.append(outcome)


def _made(target: Any, seed: int, number: int) -> Case:
    # Each case has its own numbers, so that it can be made alone.
    case: Case = target.make(Random(f"{seed} {number}"))  # noqa: S311 - cases, no secrets
    return case


if __name__ == "__main__":
    sys.exit(main())

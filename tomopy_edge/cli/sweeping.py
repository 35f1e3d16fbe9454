"""Make a sweep as the flags of a verb say, and tell what came of it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tomopy_edge.catalogue import Catalogue
from tomopy_edge.cli.scan_options import SOME_FAILED
from tomopy_edge.errors import DataError
from tomopy_edge.readers import ScanFile
from tomopy_edge.sweeps.centers import told_of_centers
from tomopy_edge.sweeps.making import SCORES, Swept, sweep
from tomopy_edge.sweeps.results import Result
from tomopy_edge.sweeps.variants import Variants
from tomopy_edge.text_table import aligned

MOST_TOLD = 16
"""Values whose scores are printed; of more, the file tells."""


def make_sweep(
    args: argparse.Namespace,
    variants: Variants,
    scan: Path | ScanFile,
    catalogue: Catalogue,
    *,
    output: Path | None = None,
    rows: tuple[int, int] | None = None,
) -> Swept:
    """Make a sweep as the flags of `add_output_flags` say; `output` is where it goes where they do not.

    Raises
    ------
    DataError : where flags are given that a sweep has no use for
    """
    idle = {"--resume": args.resume, "--cluster": args.cluster is not None, "--workers": args.workers is not None}
    given = [flag for flag, is_given in idle.items() if is_given]
    if given:
        raise DataError(f"{' and '.join(given)}: of no use with a sweep, which is made on this machine and at once")
    return sweep(
        variants,
        scan,
        args.output or output,
        rows=rows,
        overwrite=args.overwrite,
        ncore=args.ncore,
        nchunk=args.nchunk,
        strict=args.strict,
        catalogue=catalogue,
    )


def tell_sweep(swept: Swept, variants: Variants, on: Sequence[str] = ()) -> int:
    """Print what a sweep made, with the lines of `on` about how to go on; return the exit code."""
    made = [result for result in swept.results if result.pictures]
    if len(swept.results) <= MOST_TOLD:
        _say(*_table(variants, swept.results), "")
    if swept.best is not None:
        _say(*told_of_centers(swept.results, swept.best))
    if swept.found_once:
        _say(swept.found_once)
    failed = [result for result in swept.results if result.failed]
    if failed:
        _say(
            f"{len(failed)} of {len(swept.results)} values FAILED: {', '.join(' '.join(one.labels) for one in failed)}"
        )
    count = sum(len(result.pictures) for result in made)
    _say(
        f"{count} slice{'s' * (count != 1)} in {swept.seconds:.1f} s: {swept.output}",
        *(f"contact sheet: {sheet}" for sheet in swept.sheets),
        f"scores: {swept.output / SCORES}",
        *on,
    )
    return SOME_FAILED if failed else 0


def _table(variants: Variants, results: Sequence[Result]) -> list[str]:
    head = [*(axis.name for axis in variants.axes), "row", "sharpness", "noise", "difference", "NAME"]
    lines = [
        [
            *result.labels,
            str(one.row),
            _both(one.raw.sharpness, one.final.sharpness, "{:.5g}"),
            _both(one.raw.noise, one.final.noise, "{:.3g}"),
            f"{one.final.difference:.3g}",
            result.name,
        ]
        for result in results
        for one in result.pictures
    ]
    return aligned([head, *lines])


def _both(raw: float, final: float, form: str) -> str:
    return form.format(raw) if raw == final else f"{form.format(raw)} / {form.format(final)}"


def _say(*lines: str) -> None:
    print("\n".join(lines))  # noqa: T201 - this is what the command is for

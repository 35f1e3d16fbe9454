"""`tomopy-edge compile`: a model's networks for the Edge TPU, by Google's compiler."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from tomopy_edge.cli import VERBS, models
from tomopy_edge.cli.command_line import command_line
from tomopy_edge.cli.network_flags import add_tiles
from tomopy_edge.errors import BackendError
from tomopy_edge.networks.edge_tpu_compiler import PROGRAM, VARIABLE, Compilation, find_compiler
from tomopy_edge.networks.manifest import open_model
from tomopy_edge.training.compiled import TILES, Outcome, compile_model, networks_to_compile

REFUSED = 1
"""Exit code where a network was not compiled and others were."""


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "compile",
        help=VERBS["compile"],
        description=f"Compile the int8 networks of a model for the Edge TPU with Google's {PROGRAM}, which runs on "
        "x86-64 alone, and store them in the model's folder beside what they were made of: runtime edgetpu runs them. "
        f"The compiler is looked for on PATH and in the environment variable {VARIABLE}; where it is not there, this "
        "tells how to get it and what it is expected to map. Exit code 1 where some networks were not compiled.",
    )
    parser.add_argument("model", metavar="MODEL", help="name or folder of a model")
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", help="make a copy of the model there (default: write into the model's)"
    )
    add_tiles(parser, TILES, told=" ".join(map(str, TILES)))
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compile, and print the compiler's table for each network."""
    tiles = tuple(dict.fromkeys(args.tiles))
    try:
        compiler = find_compiler()
    except BackendError:
        model = open_model(args.model)
        files = [model.path(file.file, file.sha256) for _, file in networks_to_compile(model, tiles)]
        models.tell_foretold(files, verbose=args.verbose)
        raise
    outcomes = compile_model(compiler, args.model, args.output, tiles, (command_line(),))
    told = [line for outcome in outcomes for line in _told(outcome)]
    print("\n".join(told))  # noqa: T201 - what the command is for
    return 0 if all(outcome.compilation for outcome in outcomes) else REFUSED


def _told(outcome: Outcome) -> Iterator[str]:
    if (made := outcome.compilation) is None:
        yield outcome.why
        return
    yield f"{outcome.source.file}: {made.compiler}"
    rows = [("operator", "count", "status"), *((row.operator, str(row.count), row.status) for row in made.rows)]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for operator, count, status in rows if made.rows else ():
        yield f"  {operator:<{widths[0]}}  {count:>{widths[1]}}  {status}"
    yield f"  {made.on_device} operators on the Edge TPU, {made.on_cpu} on the CPU{_memory(made)}"


def _memory(made: Compilation) -> str:
    if made.on_chip is None or made.streamed is None:
        return ""
    on_chip, streamed = (f"{size / 2**20:.2f} MiB" for size in (made.on_chip, made.streamed))
    sent = f"{streamed} sent to it for every tile" if made.streamed else "none sent for every tile"
    return f"; parameters: {on_chip} on the chip, {sent}"

"""`tomopy-edge plugins`: what a recipe can name."""

from __future__ import annotations

import argparse
import dataclasses

from tomopy_edge.cli import VERBS
from tomopy_edge.plugins import load_catalogue


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "plugins",
        help=VERBS["plugins"],
        description="List what a recipe can name, built in or installed: stages, algorithms, denoisers, runtimes.",
    )
    parser.add_argument("--options", action="store_true", help="list their options too, with what holds by default")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print what there is, with its options where asked."""
    catalogue = load_catalogue()
    lines: list[str] = []
    for kind, offers in (
        ("stages", catalogue.stages),
        ("algorithms of the stage reconstruct", catalogue.reconstructors),
        ("denoisers of the stage denoise", catalogue.denoisers),
    ):
        lines.append(f"{kind}:")
        for entry in offers.values():
            lines.append(f"  {entry.name:<16} {entry.summary}")
            lines.extend(_options_of(entry.options) if args.options else [])
    lines.append("runtimes of networks:")
    lines.extend(f"  {entry.name:<16} {entry.summary}" for entry in catalogue.backends.values())
    print("\n".join(lines))  # noqa: T201 - this is what the command is for
    return 0


def _options_of(options: type) -> list[str]:
    return [f"      {field.name}: {_default(field)}" for field in dataclasses.fields(options)]


def _default(field: dataclasses.Field[object]) -> str:
    if field.default is not dataclasses.MISSING:
        return "none" if field.default is None else repr(field.default)
    return repr(field.default_factory()) if field.default_factory is not dataclasses.MISSING else "must be given"

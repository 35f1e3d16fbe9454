"""`tomopy-edge doctor`: what this machine has, which runtimes work on it and why the others do not.

With `--json` it prints one object. Its fields are those of `tomopy_edge.machine.checkup.Checkup`, whose docstring tells
what they mean, and of the classes it holds:

works
    whether any runtime can run networks here
python
    version and place of the Python that was asked
machine
    cpu, features, cores, memory_bytes, memory_limit_bytes (or null), system, board (or null), gpus, cuda
coral
    sticks (a list of bus, place, told, usable), library (its version), devices (a list, or null where it could not be
    asked), told
runtimes
    a list of name, works, told, version, devices
keras, keras_backends
    its version; a list of name, version, chosen
packages
    a list of module, state ("absent", "genuine", "broken" or "other"), version, place, told
versions
    package -> version, of what is installed
models
    a list of model, part, precisions (runtime -> list), fault
notes
    a list of sentences: what should be mended
recipe
    null where none was named; else source, runs, and stages (a list of stage, runs, told)
format
    1; it changes when a field goes or changes its meaning, not when one is added
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import asdict
from pathlib import Path

from tomopy_edge.cli import VERBS
from tomopy_edge.machine.checkup import check_up
from tomopy_edge.machine.fitness import read_for_any_machine, recipe_fitness
from tomopy_edge.machine.telling import told_checkup, told_fitness, told_verdict
from tomopy_edge.plugins import load_catalogue

FORMAT = 1
UNFIT = 1
"""Exit code where the recipe cannot run here, or no runtime works."""

WIDEST = 120
"""Columns; longer lines are tiring to read."""


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "doctor",
        help=VERBS["doctor"],
        description="Tell what this machine has: processor, memory, GPUs, Edge TPUs, runtimes, packages and models, "
        "which of them work, and what to do about the others. The exit code is 1 where the recipe cannot run here, or, "
        "without one, where no runtime works.",
    )
    parser.add_argument(
        "recipe", nargs="?", type=Path, help="a recipe, or the name of a shipped one: can each of its stages run here?"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the checkup; return 1 where the recipe, or without one every network, cannot run here."""
    catalogue = load_catalogue()
    # What is wrong on every machine is said at once.
    recipe = None if args.recipe is None else read_for_any_machine(args.recipe, catalogue)
    checkup = check_up(catalogue)
    stages = None if recipe is None else recipe_fitness(recipe, catalogue, checkup)
    runs = checkup.works if stages is None else all(stage.runs for stage in stages)
    if args.json:
        fitness = None
        if stages is not None:
            fitness = {"source": str(args.recipe), "runs": runs, "stages": [asdict(stage) for stage in stages]}
        told = json.dumps({"format": FORMAT, "works": checkup.works, **asdict(checkup), "recipe": fitness}, indent=2)
    else:
        width = min(shutil.get_terminal_size().columns, WIDEST)
        verdict = told_verdict(checkup, width) if stages is None else told_fitness(str(args.recipe), stages, width)
        told = "\n".join([*told_checkup(checkup, width), "", *verdict])
    print(told)  # noqa: T201 - this is what the command is for
    return 0 if runs else UNFIT

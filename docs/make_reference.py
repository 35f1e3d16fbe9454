"""Writes `recipe.md`, `model-manifest.md` and `command.md` of `docs/reference`: from options classes and `--help`."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import inspect
import os
import textwrap
from pathlib import Path
from typing import Any

from tomopy_edge.cli import make_parser
from tomopy_edge.cluster_options import ClusterOptions
from tomopy_edge.networks.learned import Learned
from tomopy_edge.networks.manifest import Manifest, NetworkSet
from tomopy_edge.networks.network_file import NetworkFile
from tomopy_edge.plugins import load_catalogue

REFERENCE = Path(__file__).parent / "reference"

RECIPE = """\
# Recipe options

A recipe is a YAML list of stages; each is a name, or a name with options. Everything has a default;
"none" is `null` in YAML. This page is made from the options classes (`python docs/make_reference.py`).
"""

CLUSTER = """\
## The block `cluster`

Stands before the stages, and says what [`--cluster`](../how-to/cluster.md) deals a run out to. It changes no slice.
"""

MANIFEST = """\
# The manifest of a model

A model is a folder with networks and a `manifest.json`, which `tomopy-edge quantize`, `export` and `compile` write, and
`tomopy-edge models FOLDER` shows. It is read strictly: an unknown key, a value of another type and a file that has
changed are errors. This page is made from the classes it is read into (`python docs/make_reference.py`).

Lengths are pixels. The input of a network is (tile, y, x, channel), slices divided by the scan's unit; its output is
the middle slice. How codes of int8 become numbers stands in the network files.
[How to make a model](../how-to/make-a-model.md).
"""

COMMAND = """\
# The command `tomopy-edge`

Made from `--help` (`python docs/make_reference.py`). Exit codes: 0 done; 2 something the user can mend, told in a
sentence; 3 done, but for some slices, or scans; 4 done, but some slices are to be looked at; 5 done, but the scan is
outside the model's range; 130 stopped by ctrl-C.
"""


def recipe_page() -> str:
    """Return the page on every stage, algorithm and denoiser and their options."""
    catalogue = load_catalogue(installed=False)
    parts = [RECIPE]
    for title, offers in (
        ("Stages", catalogue.stages),
        ("Algorithms of the stage `reconstruct`", catalogue.reconstructors),
        ("Denoisers of the stage `denoise`", catalogue.denoisers),
    ):
        parts.append(f"## {title}\n")
        for entry in offers.values():
            flow = f" {entry.takes.__name__} → {entry.gives.__name__}." if hasattr(entry, "takes") else ""
            parts.append(f"### `{entry.name}`\n\n{entry.summary}.{flow}\n")
            parts.append(_table(entry.options))
    parts.append(CLUSTER)
    parts.append(_table(ClusterOptions))
    return "\n".join(parts)


def manifest_page() -> str:
    """Return the page on the fields of a model's manifest."""
    parts = [MANIFEST]
    for title, fields in (
        ("`manifest.json`", Manifest),
        ("A network: `denoise`, `fine_tune`", NetworkSet),
        ("A file of a network: `networks`, `onnx`, `compiled`", NetworkFile),
        ("What it learned from: `learned`", Learned),
    ):
        parts.append(f"## {title}\n")
        parts.append(_table(fields, "Field"))
    return "\n".join(parts)


def command_page() -> str:
    """Return the page with the help of every verb."""
    parser = make_parser()
    verbs = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))  # noqa: SLF001 - argparse offers no other way to its verbs
    parts = [COMMAND, f"```text\n{parser.format_help()}```\n"]
    parts += [f"## `{name}`\n\n```text\n{verb.format_help()}```\n" for name, verb in verbs.choices.items()]
    return "\n".join(parts)


def _table(options: type[Any], what: str = "Option") -> str:
    described = _described(options)
    rows = [
        f"| `{field.name}` | `{_type(field)}` | {_default(field)} | {described[field.name]} |"
        for field in dataclasses.fields(options)
    ]
    if not rows:
        return "No options.\n"
    return "\n".join([f"| {what} | Type | Default | What it is |", "|---|---|---|---|", *rows, ""])


def _described(options: type[Any]) -> dict[str, str]:
    """Return the string under each field of the class and of those it inherits from."""
    described: dict[str, str] = {}
    for owner in reversed(options.__mro__[:-1]):
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
        assert isinstance(tree, ast.ClassDef)  # noqa: S101 - the source of a class
        for field, text in zip(tree.body, tree.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                described[ast.unparse(field.target)] = " ".join(str(text.value.value).split()).replace("|", r"\|")
    return described


def _type(field: dataclasses.Field[Any]) -> str:
    return str(field.type).replace("|", r"\|")


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return "none" if field.default is None else f"`{field.default!r}`"
    return "its own defaults" if field.default_factory is not dataclasses.MISSING else "must be given"


if __name__ == "__main__":
    os.environ["COLUMNS"] = "100"
    (REFERENCE / "recipe.md").write_text(recipe_page(), encoding="utf-8")
    (REFERENCE / "model-manifest.md").write_text(manifest_page(), encoding="utf-8")
    (REFERENCE / "command.md").write_text(command_page(), encoding="utf-8")

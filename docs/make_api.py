"""Writes `docs/reference/python.md` from the docstrings of the public functions and classes.

Sections of numpy's style become lists; everything else is taken as it stands.
"""

from __future__ import annotations

import importlib
import inspect
import re
import textwrap
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent / "reference" / "python.md"

HEAD = """\
# Python

Made from the docstrings (`python docs/make_api.py`). Names with the path of a module are imported from it, all others
from `tomopy_edge`. Axes and units are those of the [conventions](conventions.md).
"""

PARTS = {
    "Reconstruct, denoise, run": [
        *("recon_and_denoise", "run", "sweep", "Sweep", "tomopy_algorithm", "Tally"),
    ],
    "Scans, and what a path holds": [
        *("readers.open_scan", "contents.contents_of", "propose.propose"),
    ],
    "Many scans": ["batch.plan", "batch.batch", "batch.Manner"],
    "In HTTomo": ["httomo.algorithm.recon_and_denoise", "httomo.denoise.denoise_slices"],
    "What flows between stages": ["Scan", "Transmission", "Sinograms", "Volume"],
    "Errors": [
        *("EdgeError", "RecipeError", "DataError", "ModelError", "BackendError", "OutputError", "PluginError"),
    ],
    "Writing plugins": ["options", "each_chunk", "Denoiser", "Job", "Backend"],
    "Testing plugins": [
        *("testing.check_denoiser", "testing.check_reconstructor", "testing.check_stage", "testing.check_backend"),
        *("testing.Conformance", "testing.ConformanceError"),
    ],
}
"""Heading -> names within `tomopy_edge`, in their order."""

ON_THE_HOOKS_PAGE = {
    *("BackendEntry", "Choice", "DenoiserEntry", "Ends", "Placement", "Probe"),
    *("ReconstructorEntry", "StageEntry", "Step", "hookimpl"),
}
"""Names of `tomopy_edge` that `docs/reference/hooks.md` describes."""

LINE = 100
"""Characters that a page shows of a line of code."""

SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}$", re.MULTILINE)


def page() -> str:
    """Return the page."""
    parts = [HEAD]
    for title, names in PARTS.items():
        parts.append(f"## {title}\n")
        parts += [told(name) for name in names]
    hooks = ", ".join(f"`{name}`" for name in sorted(ON_THE_HOOKS_PAGE))
    parts.append(f"What hooks answer, and what runtimes are given, is described under [hooks](hooks.md): {hooks}.\n")
    return "\n".join(parts)


def told(path: str) -> str:
    """Return what stands on the page of one function or class."""
    within, _, name = path.rpartition(".")
    one = getattr(importlib.import_module(f"tomopy_edge.{within}" if within else "tomopy_edge"), name)
    heading = f"tomopy_edge.{path}" if within else name
    signed = "" if isinstance(one, type) else f"\n```python\n{signature(name, one)}\n```\n"
    return f"### `{heading}`\n{signed}\n{in_markdown(inspect.cleandoc(one.__doc__))}\n"


def signature(name: str, function: Any) -> str:
    """Return how a function is called, with a parameter on each line where one line does not hold them."""
    found = inspect.signature(function)
    parameters = list(found.parameters.values())
    written = [
        f"{one.name}: {one.annotation}" + ("" if one.default is one.empty else f" = {one.default!r}")
        for one in parameters
    ]
    by_place = sum(one.kind is one.POSITIONAL_OR_KEYWORD for one in parameters)
    if by_place < len(written):
        written.insert(by_place, "*")
    whole = f"{name}({', '.join(written)}) -> {found.return_annotation}"
    if len(whole) <= LINE:
        return whole
    lines = "".join(f"    {one},\n" for one in written)
    return f"{name}(\n{lines}) -> {found.return_annotation}"


def in_markdown(text: str) -> str:
    """Return a docstring as Markdown."""
    before, *sections = SECTION.split(text)
    parts = [_plain(before)]
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        listed = title in {"Parameters", "Attributes", "Raises"} or re.match(r"\w+ : ", body.strip())
        parts.append(f"**{title}**\n\n{_entries(body) if listed else _plain(body)}")
    return "\n\n".join(part for part in parts if part.strip())


def _entries(body: str) -> str:
    entries = re.split(r"\n(?=\S)", body.strip())
    pairs = (" ".join(entry.split()).partition(" : ") for entry in entries)
    return "\n".join(
        f"- {', '.join(f'`{name.strip()}`' for name in names.split(','))}: {text}" for names, _, text in pairs
    )


def _plain(text: str) -> str:
    """Return text with its examples, after `::` or at a prompt, as blocks of code."""
    text = re.sub(
        r"(?:^|(?<=\n))((?:.*\S)?)::\n\n((?:(?: {4}.*)?\n?)+)",
        lambda found: f"{found[1]}\n```python\n{textwrap.dedent(found[2]).strip()}\n```\n",
        text.strip() + "\n",
    )
    text = re.sub(
        r"(?m)(?:^(?:>>>|\.\.\. ).*\n(?:(?!>>>|\n).+\n?)*)+",
        lambda found: f"```pycon\n{found[0].replace('  # doctest: +SKIP', '').rstrip()}\n```\n",
        text,
    )
    return re.sub(r"(?<!`)``(?!`)", "`", text).strip()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

"""How a proposed recipe reads: YAML with a comment above each stage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import wrap

import yaml

from tomopy_edge.propose.choices import Choice

WIDTH = 110
"""Columns of a comment."""


def with_comments(head: Iterable[str], hints: Sequence[str], choices: Iterable[Choice]) -> str:
    """Return the text of a recipe.

    Parameters
    ----------
    head : lines that come first, each kept as it is
    hints : what is to be known before the slices are trusted
    choices : the stages, in order
    """
    lines = [f"# {_plain(line)}".rstrip() for line in head]
    if hints:
        lines += ["#", "# To know before you trust the slices:"]
        lines += [line for hint in hints for line in _comment(f"{_plain(hint)}.", "#   - ", "#     ")]
    for choice in choices:
        lines += ["", *_comment(" ".join(map(_plain, choice.why)), "# ", "# "), *_stage(choice)]
    return "\n".join(lines) + "\n"


def _stage(choice: Choice) -> list[str]:
    if not choice.options:
        return [f"- {choice.stage}"]
    nested = any(isinstance(value, dict) for value in choice.options.values())
    if nested:
        return yaml.safe_dump([{choice.stage: choice.options}], sort_keys=False, default_flow_style=None).splitlines()
    options = yaml.safe_dump(choice.options, sort_keys=False, default_flow_style=True, width=10_000).strip()
    return [f"- {choice.stage}: {options}"]


def _comment(text: str, first: str, further: str) -> list[str]:
    return wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=further,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _plain(text: str) -> str:
    """Return `text` without what would end a comment, or be no YAML: names of files may hold anything."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)

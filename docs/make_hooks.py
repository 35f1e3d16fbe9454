"""Writes the tables and examples of `docs/reference/hooks.md` from the docstrings of the hooks and of what they answer.

What stands between `<!-- made from X -->` and `<!-- end -->` is made; all around it is written by hand.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import textwrap
from pathlib import Path
from typing import Any

from tomopy_edge import backend, hookspecs

PAGE = Path(__file__).parent / "reference" / "hooks.md"
MADE = re.compile(r"(<!-- made from (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def hooks() -> dict[str, Any]:
    """Return the hooks, by name."""
    return dict(inspect.getmembers(hookspecs, lambda one: hasattr(one, "tomopy_edge_spec")))


def classes() -> dict[str, type[Any]]:
    """Return the dataclasses that plugins make or are given, by name: those of the hooks, and of networks."""
    return {
        name: one
        for module in (hookspecs, backend)
        for name, one in inspect.getmembers(module, inspect.isclass)
        if dataclasses.is_dataclass(one) and one.__module__ == module.__name__ and not name.startswith("_")
    }


def described(one: type[Any]) -> dict[str, str]:
    """Return what the docstring of a class says of each attribute."""
    _, _, attributes = inspect.cleandoc(one.__doc__ or "").partition("Attributes\n----------\n")
    told: dict[str, str] = {}
    for entry in re.split(r"\n(?=\S)", attributes.strip()):
        names, colon, text = entry.partition(" : ")
        if colon:
            told |= dict.fromkeys(map(str.strip, names.split(",")), " ".join(text.split()))
    return told


def example(hook: Any) -> str:
    """Return the example in the docstring of a hook."""
    _, _, code = inspect.cleandoc(hook.__doc__).partition("Example\n-------\n::\n\n")
    # With the empty lines that the formatter wants at the top of a file.
    return textwrap.dedent(code).strip().replace("\n\n@", "\n\n\n@")


def table(one: type[Any]) -> str:
    """Return a class as a table: each field, what holds where it is left out, and what it is."""
    told = described(one)
    rows = [
        f"| `{field.name}` | {_default(field)} | {_cell(told.get(field.name, ''))} |"
        for field in dataclasses.fields(one)
    ]
    return "\n".join([f"| `{one.__name__}` | Default | |", "|---|---|---|", *rows, ""])


def page(text: str) -> str:
    """Return the page with what is made of it made again."""

    def made(found: re.Match[str]) -> str:
        name = found[2]
        body = f"```python\n{example(hooks()[name])}\n```\n" if name in hooks() else table(classes()[name])
        return f"{found[1]}\n{body}\n{found[3]}"

    return MADE.sub(made, text)


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is dataclasses.MISSING:
        return "must be given" if field.default_factory is dataclasses.MISSING else "its own"
    if callable(field.default):
        return f"`{field.default.__name__}`"
    return "none" if field.default is None else f"`{field.default!r}`"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")

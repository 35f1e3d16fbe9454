"""Writes the tables of `docs/reference/report.md` from the classes whose fields `report.json` holds.

What stands between `<!-- made from X -->` and `<!-- end -->` is made; all around it is written by hand.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path
from typing import Any

from tomopy_edge.networks.learned import Likeness
from tomopy_edge.report import Report
from tomopy_edge.trust.consistency import Consistency
from tomopy_edge.trust.findings import Findings, InRange
from tomopy_edge.trust.grey import Material
from tomopy_edge.trust.halves import Halves
from tomopy_edge.trust.places import Place
from tomopy_edge.trust.residual import Residual

PAGE = Path(__file__).parent / "reference" / "report.md"
MADE = re.compile(r"(<!-- made from (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
CLASSES = {
    one.__name__: one for one in (Report, Findings, Consistency, Place, Halves, Residual, InRange, Likeness, Material)
}


def described(one: type[Any]) -> dict[str, str]:
    """Return what the docstring of a class says of each attribute; one that is told for several is told for each."""
    _, _, attributes = inspect.cleandoc(one.__doc__ or "").partition("Attributes\n----------\n")
    told: dict[str, str] = {}
    for entry in re.split(r"\n(?=\S)", attributes.partition("\n\n")[0].strip()):
        names, _, text = entry.partition(" : ")
        told |= dict.fromkeys(map(str.strip, names.split(",")), " ".join(text.split()))
    return told


def table(one: type[Any]) -> str:
    """Return a class as a table: each field, what JSON holds there, and what it is."""
    told = described(one)
    rows = [f"| `{field.name}` | {_kind(field)} | {told[field.name]} |" for field in dataclasses.fields(one)]
    return "\n".join(["| Field | JSON | What it is |", "|---|---|---|", *rows, ""])


def page(text: str) -> str:
    """Return the page with its tables made again."""
    return MADE.sub(lambda found: f"{found[1]}\n{table(CLASSES[found[2]])}\n{found[3]}", text)


def _kind(field: dataclasses.Field[Any]) -> str:
    """Return what JSON holds for a field, by its annotation."""
    annotation = str(field.type)
    missing = ", or null" if annotation.endswith("| None") else ""
    kind = annotation.removesuffix("| None").strip()
    simple = {"int": "whole number", "float": "number", "str": "text"}
    if kind in simple:
        return simple[kind] + missing
    if inner := re.match(r"(?:tuple|list)\[(\w+)", kind):
        name = inner[1]
        if name in CLASSES:
            return f"list of [{name}](#{name.lower()}){missing}"
        return f"list{f' of {simple[name]}s' if name in ('int', 'float') else ''}{missing}"
    return (f"[{kind}](#{kind.lower()})" if kind in CLASSES else "object") + missing


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")

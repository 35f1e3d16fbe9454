"""The page on `report.json` names every field that a report holds, with what the classes say of it."""

import dataclasses
import importlib.util
import re
from pathlib import Path

import pytest

from tomopy_edge.trust.findings import Findings
from tomopy_edge.trust.verdict import LIMITS, summary_of

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "reference" / "report.md").read_text(encoding="utf-8")

spec = importlib.util.spec_from_file_location("make_report", DOCS / "make_report.py")
make_report = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make_report)


def test_the_page_is_what_the_classes_say():
    assert make_report.page(PAGE) == PAGE, "python docs/make_report.py makes it again"


@pytest.mark.parametrize("name", make_report.CLASSES)
def test_each_field_of_a_class_is_told(name):
    one = make_report.CLASSES[name]
    assert f"<!-- made from {name} -->" in PAGE
    assert make_report.described(one).keys() == {field.name for field in dataclasses.fields(one)}


def test_every_class_within_findings_has_a_table():
    named = {
        word
        for one in make_report.CLASSES.values()
        for field in dataclasses.fields(one)
        for word in re.findall(r"\b[A-Z]\w+", str(field.type))
    }
    assert named - {"None", "Any"} <= make_report.CLASSES.keys()


def test_the_block_trust_is_told_as_it_is_made():
    block = PAGE.partition("## trust")[2].partition("### Findings")[0]
    assert re.findall(r"^\| `(\w+)`", block, flags=re.MULTILINE) == [*summary_of([Findings(3, 0.01)], [3])]
    assert all(f"`{limit}`" in block for limit in LIMITS)

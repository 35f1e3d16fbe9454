"""The pages on Python and on the manifest are what the code says, and name all that is public."""

import doctest
import importlib.util
import re
from pathlib import Path

import pytest

import tomopy_edge
from tomopy_edge import testing

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
PAGE = (REFERENCE / "python.md").read_text()


def load(name):
    spec = importlib.util.spec_from_file_location(name, REFERENCE.parent / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def make_api():
    return load("make_api")


def test_the_page_is_what_the_docstrings_say(make_api):
    assert make_api.page() == PAGE, "run `make reference`"


def test_the_page_on_the_manifest_is_what_its_classes_say():
    assert load("make_reference").manifest_page() == (REFERENCE / "model-manifest.md").read_text(), (
        "run `make reference`"
    )


def test_every_public_name_is_on_a_page(make_api):
    named = set(re.findall(r"^### `(.+)`$", PAGE, re.MULTILINE))
    assert set(tomopy_edge.__all__) - make_api.ON_THE_HOOKS_PAGE - {"__version__"} <= named
    assert {f"tomopy_edge.testing.{name}" for name in testing.__all__} <= named


def test_what_is_left_to_the_page_on_hooks_is_there(make_api):
    hooks = (REFERENCE / "hooks.md").read_text()
    for name in make_api.ON_THE_HOOKS_PAGE:
        assert name in hooks


def test_sections_of_a_docstring_become_lists_and_examples_blocks(make_api):
    text = "Do it.\n\nParameters\n----------\na, b : first\n    line\nc : last\n\nReturns\n-------\na ``word``\n\n"
    text += "Examples\n--------\n>>> 1\n1"
    assert make_api.in_markdown(text) == (
        "Do it.\n\n**Parameters**\n\n- `a`, `b`: first line\n- `c`: last\n\n**Returns**\n\na `word`\n\n"
        "**Examples**\n\n```pycon\n>>> 1\n1\n```"
    )


def test_the_examples_run_but_those_that_need_a_scan():
    examples = [block for block in re.findall(r"```pycon\n(.*?)```", PAGE, re.DOTALL) if '"scan.h5"' not in block]
    assert len(examples) >= 3
    # One after the other, as a reader would type them.
    test = doctest.DocTestParser().get_doctest("\n".join(examples), {}, "python.md", "python.md", 0)
    assert doctest.DocTestRunner().run(test).failed == 0

"""Imports go one way: a module may use what lies below it, and its own package."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "tomopy_edge"
LAYERS = [
    {"notebook"},
    {"ahead", "codes", "compiler", "errors", "version", "shipped", "system_files", "text_table", "yaml_text"},
    {"data", "installed", "memory", "options", "processor", "progress", "strict", "tomopy_library", "yaml_file"},
    {"backend", "cluster_options", "job", "tomopy_chunks"},
    {"hookspecs"},
    {"catalogue", "row_check"},
    {"readers", "fbp", "networks", "rotation_axis"},
    {"writers"},
    {"angle_coverage", "output", "drawing", "denoisers", "reconstructors"},
    {"trust"},
    {"contact_sheet", "stages"},
    {"simulation"},
    {"builtin"},
    {"plugins", "recipe"},
    {"pipeline", "report"},
    {"chunk_size", "page", "settling"},
    {"begun", "record", "training"},
    {"there"},
    {"rows_left"},
    {"cluster"},
    {"forecast", "kept_recipe", "recon", "run_scan"},
    {"adapt", "contents", "evaluation", "machine", "propose", "sweeps", "testing", "through_tomopy"},
    {"httomo", "napari"},
    {"batch"},
    {"cli", "__init__"},
    {"__main__"},
]
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 300


def level(name):
    return next(n for n, layer in enumerate(LAYERS) if name in layer)


def own(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path):
    """The parts of the package that a module imports, at its top or inside its functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "tomopy_edge":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tomopy_edge."):
            yield node.module.split(".")[1]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_below(path):
    for name in imported(path):
        assert name == own(path) or level(name) < level(own(path)), f"{own(path)} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_is_short_and_says_what_it_knows(path):
    text = path.read_text()
    assert len(text.splitlines()) <= LONGEST
    assert ast.get_docstring(ast.parse(text))

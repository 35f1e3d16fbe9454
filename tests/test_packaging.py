"""What is installed holds what a user needs, models and recipes too, and importing it takes no more than it must."""

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import tomopy_edge

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The names of the files in the built wheel."""
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", target, ROOT]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own command
    (path,) = target.glob("*.whl")
    return zipfile.ZipFile(path).namelist()


def test_models_and_recipes_are_in_the_wheel(wheel):
    for folder in ("models", "recipes"):
        shipped = {str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("*") if path.is_file()}
        assert shipped
        assert {f"tomopy_edge/_shipped/{name}" for name in shipped} <= set(wheel)


def test_the_wheel_holds_the_package_and_nothing_beside_it(wheel):
    assert "tomopy_edge/py.typed" in wheel
    assert {name.split("/")[0].split("-")[0] for name in wheel} == {"tomopy_edge"}


def told(code):
    """Run `code` in a new Python, and return the words that it prints."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()  # noqa: S603 - our own


BROUGHT = """
import sys
before = set(sys.modules)
{code}
new = set(sys.modules) - before
ours = {{name for name in new if name.startswith("tomopy_edge.")}}
print(*sorted(ours | {{name.split(".")[0] for name in new}} - sys.stdlib_module_names))
"""


def test_import_brings_none_of_our_modules_but_two_and_no_numpy():
    brought = told(BROUGHT.format(code="import tomopy_edge"))
    assert brought == ["tomopy_edge", "tomopy_edge.options", "tomopy_edge.version", "typing_extensions"]


def test_a_module_of_ours_brings_only_what_it_imports_itself():
    brought = told(BROUGHT.format(code="import tomopy_edge.errors"))
    assert set(brought) == {
        *("tomopy_edge", "tomopy_edge.errors", "tomopy_edge.options", "tomopy_edge.version", "typing_extensions")
    }


def test_each_public_name_is_there_and_listed():
    for name in tomopy_edge.__all__:
        assert getattr(tomopy_edge, name).__module__ if name != "__version__" else tomopy_edge.__version__
    assert set(tomopy_edge.__all__) <= set(dir(tomopy_edge))


def test_a_type_checker_finds_each_name_where_it_is_imported_from():
    (checked,) = (
        node.body
        for node in ast.parse(Path(tomopy_edge.__file__).read_text()).body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    )
    stands = {node.module.removeprefix("tomopy_edge."): {each.name for each in node.names} for node in checked}
    assert stands == {home: set(names) for home, names in tomopy_edge._HOMES.items()}
    late = {name for names in stands.values() for name in names}
    assert late == set(tomopy_edge.__all__) - {"options", "__version__"}


def test_no_name_that_is_imported_late_is_also_that_of_a_module():
    # Importing such a module, from anywhere, would put it in the place of what has its name.
    modules = {path.stem for path in (ROOT / "tomopy_edge").iterdir()}
    assert not modules & {name for names in tomopy_edge._HOMES.values() for name in names}


def test_the_decorator_options_is_not_its_module_whatever_was_imported_before():
    code = "import tomopy_edge.options, tomopy_edge.recipe; from tomopy_edge import options; print(type(options))"
    assert "'function'>" in told(code)


def test_a_name_that_is_not_there_is_an_attribute_error_that_names_it():
    with pytest.raises(AttributeError, match="no attribute 'reconstruct'"):
        tomopy_edge.reconstruct  # noqa: B018 - asking is the test

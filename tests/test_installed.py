"""What is installed in a folder is told without importing it."""

import sys

import pytest

from tomopy_edge.installed import Installed


@pytest.fixture
def packages(tmp_path):
    """A folder with a package, a module, a plain folder, and a distribution; importing any of them fails a test."""
    for name in ("explosive/__init__.py", "single.py", "space/inner.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("raise SystemExit('this must not be imported')\n")
    info = tmp_path / "explosive_thing-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: explosive-thing\nVersion: 1.2\n")
    (tmp_path / "broken_thing-2.0.dist-info").mkdir()
    return tmp_path


def test_packages_and_modules_are_found_and_not_imported(packages):
    installed = Installed((str(packages),))
    assert installed.place("explosive") == packages / "explosive"
    assert installed.place("single") == packages / "single.py"
    assert installed.place("numpy") is None
    assert not {"explosive", "single", "space"} & set(sys.modules)


def test_a_folder_of_a_name_is_no_package(packages):
    assert Installed((str(packages),)).place("space") is None


def test_versions_are_those_of_the_distributions(packages):
    installed = Installed((str(packages),))
    assert installed.version("explosive-thing") == installed.version("explosive_thing") == "1.2"
    assert installed.version("numpy") == ""


def test_what_is_left_of_a_distribution_has_no_version(packages):
    assert Installed((str(packages),)).version("broken-thing") == ""


def test_what_is_left_of_a_distribution_has_no_version_where_the_backport_finds_it(packages):
    pytest.importorskip("importlib_metadata")
    assert Installed((str(packages),)).version("broken-thing") == ""


def test_without_folders_it_is_this_python_that_is_asked():
    assert Installed().version("numpy")
    assert Installed().place("numpy").name == "numpy"
    assert Installed().place("no_such_module_at_all") is None


def test_a_module_without_a_spec_is_absent(monkeypatch):
    monkeypatch.setitem(sys.modules, "hollow", None)
    assert Installed().place("hollow") is None


def test_folders_that_are_not_there_hold_nothing(tmp_path):
    assert Installed((str(tmp_path / "gone"),)).place("numpy") is None

"""TomoPy is used only where it truly is."""

import sys
from types import ModuleType

import pytest

from tomopy_edge.errors import PluginError
from tomopy_edge.tomopy_library import FAMILIAR, expect_tomopy, require_tomopy


@pytest.mark.parametrize("ask", [expect_tomopy, require_tomopy])
def test_a_missing_tomopy_says_where_to_get_it(monkeypatch, ask):
    monkeypatch.setitem(sys.modules, "tomopy", None)
    with pytest.raises(PluginError, match=r"TomoPy was asked for and is not installed; .*conda install"):
        ask()


@pytest.mark.parametrize("ask", [expect_tomopy, require_tomopy])
def test_a_folder_that_has_the_name_alone_is_not_taken_for_an_installed_package(monkeypatch, tmp_path, ask):
    (tmp_path / "tomopy").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tomopy", raising=False)
    with pytest.raises(PluginError, match="is not installed"):
        ask()


def test_tomopy_is_expected_without_being_imported(monkeypatch, tmp_path):
    (tmp_path / "tomopy.py").write_text("raise AssertionError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tomopy", raising=False)
    expect_tomopy()
    assert "tomopy" not in sys.modules


def test_another_package_of_the_name_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "tomopy", ModuleType("tomopy"))
    with pytest.raises(PluginError, match="is not TomoPy"):
        require_tomopy()


def test_tomopy_is_known_by_its_functions(monkeypatch):
    tomopy = ModuleType("tomopy")
    for name in FAMILIAR:
        setattr(tomopy, name, lambda: None)
    monkeypatch.setitem(sys.modules, "tomopy", tomopy)
    assert require_tomopy() is tomopy


@pytest.mark.parametrize("line", ["import not_there_at_all", "raise OSError('libtomo.so')", "1 / 0"])
def test_a_tomopy_that_does_not_import_says_why(monkeypatch, tmp_path, line):
    (tmp_path / "tomopy.py").write_text(line)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tomopy", raising=False)
    with pytest.raises(PluginError, match="cannot be imported"):
        require_tomopy()

"""Where the script of a child process finds its modules."""

import subprocess
import sys

from tomopy_edge.networks.beginning import beginning


def found_by_child(module):
    """The folder from which a child takes a module, "" where it has none of that name."""
    script = (
        f"{beginning()}from importlib.util import find_spec; spec = find_spec({module!r}); print(spec and spec.origin)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603 - our own script
    return ran.stdout.strip()


def test_a_child_finds_what_its_parent_finds_and_nothing_in_the_folder_it_is_run_in(monkeypatch, tmp_path):
    here, elsewhere = tmp_path / "here", tmp_path / "else'where"
    for folder, module in ((here, "mine"), (elsewhere, "installed")):
        folder.mkdir()
        (folder / f"{module}.py").write_text("")
    monkeypatch.setattr(sys, "path", [*filter(None, sys.path), elsewhere, str(elsewhere)])
    monkeypatch.chdir(here)
    assert found_by_child("mine") == "None"
    assert found_by_child("installed") == str(elsewhere / "installed.py")


def test_where_the_parent_looks_in_that_folder_its_child_does_so_last(monkeypatch, tmp_path):
    for module in ("mine", "json"):
        (tmp_path / f"{module}.py").write_text("")
    monkeypatch.setattr(sys, "path", ["", *filter(None, sys.path)])
    monkeypatch.chdir(tmp_path)
    assert found_by_child("mine") == str(tmp_path / "mine.py")
    assert found_by_child("json") != str(tmp_path / "json.py")

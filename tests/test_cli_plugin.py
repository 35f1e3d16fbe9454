"""`plugin new` writes what can be installed, tested and run as it is; the tutorial that begins with it goes through."""

import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tomopy_edge.cli import main, plugin
from tomopy_edge.cli.plugin import KINDS, names_for
from tomopy_edge.errors import PluginError

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "tutorial" / "first-plugin.md"
BLOCK = re.compile(r"(?P<before>[^\n]*)\n\n```(?P<kind>\w+)\n(?P<text>.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """A virtual environment that sees what is installed here, and this package as it stands."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    seen = [path for path in sys.path if path.endswith("site-packages")]
    lines = [str(ROOT), *(f"import site; site.addsitedir({path!r})" for path in seen)]
    (site / "here.pth").write_text("\n".join(lines))
    scripts = {
        "pip": f'"{sys.executable}" -m pip --python "{folder}/bin/python" --quiet "$@"',
        "pytest": f'"{folder}/bin/python" -m pytest -p no:cacheprovider "$@"',
        "tomopy-edge": f'"{folder}/bin/python" -m tomopy_edge "$@"',
    }
    for name, command in scripts.items():
        script = folder / "bin" / name
        script.write_text(f"#!/bin/sh\nexec {command}\n")
        script.chmod(0o755)
    return folder / "bin"


@pytest.fixture
def run(python, tmp_path):
    """What runs a line in a shell of that environment, in an empty folder."""
    environment = {**os.environ, "PATH": f"{python}:{os.environ['PATH']}", "COLUMNS": "300"}

    def run(line):
        return subprocess.run(  # noqa: S602 - our own lines
            line, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    return run


READ = """
from pathlib import Path
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.recipe import read_recipe
for path in Path().glob("*/recipe.yaml"):
    read_recipe(path, load_catalogue())
    print(path.parent, "can be run")
"""


def test_a_new_plugin_of_each_kind_is_installed_listed_tested_and_its_recipe_read(run, tmp_path):
    names = {kind: f"tomopy-edge-my-{kind}" for kind in KINDS}
    for kind, name in names.items():
        assert main(["plugin", "new", name, "--kind", kind, "--into", str(tmp_path)]) == 0
    installed = run("pip install " + " ".join(f"--editable ./{name}" for name in names.values()))
    assert installed.returncode == 0, installed.stderr
    listed = run("tomopy-edge plugins").stdout
    assert all(re.search(rf"^  my_{kind} +{KINDS[kind].summary}$", listed, re.MULTILINE) for kind in KINDS)
    tested = run(f"pytest -W error {' '.join(names.values())}")
    assert tested.returncode == 0, tested.stdout
    # All tests that their templates have.
    assert re.search(r"\b10 passed\b", tested.stdout), tested.stdout
    (tmp_path / "read.py").write_text(READ)
    read = run("python read.py")
    assert sorted(read.stdout.split("\n")[:-1]) == sorted(f"{name} can be run" for name in names.values()), read.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_the_files_of_a_plugin_say_its_name_and_hold_nothing_of_the_template(kind, tmp_path, capsys):
    assert main(["plugin", "new", "sharp-edges", "--kind", kind, "--into", str(tmp_path)]) == 0
    written = {str(path.relative_to(tmp_path / "sharp-edges")) for path in tmp_path.rglob("*") if path.is_file()}
    files = {"pyproject.toml", "README.md", ".gitignore", "recipe.yaml"}
    assert written == files | {"sharp_edges.py", "tests/test_sharp_edges.py"}
    texts = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any("$" in text for text in texts)
    assert "class SharpEdges" in (tmp_path / "sharp-edges" / "sharp_edges.py").read_text()
    assert 'sharp-edges = "sharp_edges"' in (tmp_path / "sharp-edges" / "pyproject.toml").read_text()
    assert f"a plugin with the {KINDS[kind].word} sharp_edges\n  pip install" in capsys.readouterr().out


def test_the_denoiser_is_about_twenty_lines():
    lines = (plugin.TEMPLATES / "denoiser" / "plugin.py.txt").read_text().splitlines()
    code = [line for line in lines if line.strip() and not line.strip().startswith(("#", '"""'))]
    assert len(code) <= 20


def test_what_is_there_is_left_as_it_is(tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    assert main(["plugin", "new", "mine", "--into", str(tmp_path)]) == 2
    assert "mine: is there already, and is left as it is; remove it, or take another name" in capsys.readouterr().err
    assert [*(tmp_path / "mine").iterdir()] == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["plugin", "new", "mine", "--into", str(tmp_path / "file")]) == 2
    assert f"{tmp_path / 'file' / 'mine'}: cannot be written: Not a directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "kind", "told"),
    [
        ("My Denoiser!", "denoiser", "is no name for a plugin: it is lower-case words joined by -; did you mean 'my-d"),
        ("my_denoiser", "denoiser", "; did you mean 'my-denoiser'?"),
        ("../mine", "denoiser", "; did you mean 'mine'?"),
        ("", "denoiser", "'' is no name for a plugin: it is lower-case words joined by -; did you mean 'median'?"),
        ("3d", "denoiser", "in Python nothing can be named '3d'; did you mean 'tomopy-edge-my-3d'?"),
        ("tomopy-edge-none", "denoiser", "is a denoiser named 'none' already; did you mean 'tomopy-edge-my-none'?"),
        ("fbp", "reconstructor", "there is an algorithm named 'fbp' already; did you mean 'tomopy-edge-my-fbp'?"),
        ("litert", "backend", "there is a runtime named 'litert' already"),
        ("random", "denoiser", "Python has a module named 'random' already; did you mean 'tomopy-edge-random'?"),
        ("scipy", "stage", "Python has a module named 'scipy' already; did you mean 'tomopy-edge-scipy'?"),
        ("tomopy-edge-class", "stage", "nothing can be named 'class'; did you mean 'tomopy-edge-my-class'?"),
    ],
)
def test_a_bad_name_is_refused_and_a_good_one_offered_that_is_taken(name, kind, told, catalogue):
    with pytest.raises(PluginError) as refused:
        names_for(name, KINDS[kind], catalogue)
    assert told in str(refused.value)
    (offered,) = re.findall(r"did you mean '([^']+)'", str(refused.value))
    assert names_for(offered, KINDS[kind], catalogue)["name"] == offered


def test_a_kind_that_does_not_exist_is_refused_with_those_that_do(capsys):
    with pytest.raises(SystemExit):
        main(["plugin", "new", "mine", "--kind", "filter"])
    assert "choose from" in (said := capsys.readouterr().err)
    assert all(kind in said for kind in KINDS)


def told_in(expected, said):
    """Whether the lines of a block of output were said, in their order; "..." stands for anything."""
    parts = [re.escape(part.strip()) for part in expected.strip().split("...")]
    return re.search(".*?".join(parts), said, re.DOTALL) is not None


def test_the_tutorial_goes_through_as_it_stands(run, tmp_path):
    said, blocks = "", [*BLOCK.finditer(PAGE.read_text(encoding="utf-8"))]
    for block in blocks:
        kind, text = block["kind"], block["text"]
        if kind == "sh":
            said = ""
            for line in text.splitlines():
                done = run(line)
                said += done.stdout + done.stderr
                assert (done.returncode != 0) == line.endswith("# fails"), f"{line}\n{said}"
        elif kind == "text":
            assert told_in(text, said), f"{text}\n--- was not said, but\n{said}"
        else:
            (path,) = re.findall(r"`(tomopy-edge-adjacent/[^`]+)`", block["before"])
            assert (tmp_path / path).is_file()
            (tmp_path / path).write_text(text)
    kinds = [block["kind"] for block in blocks]
    assert {kind: kinds.count(kind) for kind in kinds} == {"sh": 7, "text": 7, "python": 3, "yaml": 1}
    assert (tmp_path / "out" / "contact_sheet.png").is_file()


@pytest.mark.parametrize(
    ("expected", "said", "told"),
    [("a ... c", "a b\nc", True), ("a ... c", "a b", False), ("...b\n...d", "a b\nc d\n", True), ("b\n", "a", False)],
)
def test_dots_stand_for_anything(expected, said, told):
    assert told_in(expected, said) == told

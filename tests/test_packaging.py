"""What is installed holds what a user needs: models and recipes too."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

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

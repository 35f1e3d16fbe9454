"""Which version of a package is installed."""

from importlib.metadata import version

import pytest

from tomopy_edge.networks.versions import UNKNOWN, version_of


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """A package with a distribution of an unusual name."""
    (tmp_path / "sketch").mkdir()
    (tmp_path / "sketch" / "__init__.py").write_text("")
    told = tmp_path / "sketch_nightly-1.2.dev3.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: sketch-nightly\nVersion: 1.2.dev3\n")
    (told / "RECORD").write_text("sketch/__init__.py,,\n")
    monkeypatch.syspath_prepend(tmp_path)


def test_the_usual_distribution_tells_the_version():
    assert version_of("numpy", "numpy") == version("numpy")


@pytest.mark.usefixtures("installed")
def test_another_distribution_that_holds_the_package_tells_it_too():
    assert version_of("sketch", "sketch") == "1.2.dev3"


def test_a_package_of_no_distribution_has_a_version_that_nobody_knows():
    assert version_of("sketch", "sketch") == UNKNOWN

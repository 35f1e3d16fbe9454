"""A denoiser in a distribution of its own is installed, found and used by name."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import median_filter

import tomopy_edge

DISTRIBUTION = Path(__file__).parent / "plugins" / "tomopy-edge-median"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder that the plugin was installed into by pip."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", target, DISTRIBUTION]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own command
    return target


def test_the_plugin_is_under_20_lines_of_code():
    lines = (DISTRIBUTION / "tomopy_edge_median.py").read_text().splitlines()
    assert sum(bool(line.strip()) for line in lines) < 20


def test_an_installed_plugin_denoises_by_name(installed, monkeypatch):
    monkeypatch.syspath_prepend(installed)
    theta = np.linspace(0, np.pi, 60, endpoint=False)
    tomo = np.random.default_rng(0).normal(1, 0.1, (60, 2, 48)).astype(np.float32)
    noisy = tomopy_edge.recon_and_denoise(tomo, theta, 23.5, denoiser="none")
    clean = tomopy_edge.recon_and_denoise(tomo, theta, 23.5, denoiser="median")
    np.testing.assert_array_equal(clean, median_filter(noisy, size=(1, 3, 3)))

"""A run that is killed at any moment, again and again, ends in the same bytes as one that is not."""

import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

KILLS = 20
SEED = 7
"""Of the moments."""

WAIT = 120
"""Seconds after which a run counts as hung."""


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """A scan of 24 rows, each of which takes some milliseconds."""
    path = tmp_path_factory.mktemp("raw") / "scan.h5"
    words = ["simulate", "scan", path, "--columns", "64", "--rows", "24", "--angles", "60", "--counts", "2000"]
    command(*words).communicate(timeout=WAIT)
    return path


def command(*words):
    argv = [sys.executable, "-m", "tomopy_edge", *map(str, words)]
    return subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # noqa: S603 - our own command


def run(scan, output, *words):
    return command("run", "quickstart", scan, "-o", output, "--nsino-per-chunk", "2", *words, *SLOW)


SLOW = ("--set", "denoise.options.model=tomogan-compact", "--set", "denoise.options.runtime=litert")


@pytest.fixture(scope="module")
def whole(scan, contents_of, tmp_path_factory):
    """What an uninterrupted run leaves, and how many seconds it takes."""
    output = tmp_path_factory.mktemp("whole") / "out"
    start = time.monotonic()
    process = run(scan, output)
    process.communicate(timeout=WAIT)
    assert process.returncode == 0
    return contents_of(output), time.monotonic() - start


def test_a_run_that_is_killed_at_random_moments_and_resumed_ends_in_the_same_bytes(scan, whole, contents_of, tmp_path):
    right, seconds = whole
    moments, output, killed = np.random.default_rng(SEED), tmp_path / "out", 0
    while killed < KILLS:
        process = run(scan, output, "--resume")
        try:
            _, said = process.communicate(timeout=moments.uniform(0.3, 1) * seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            _, said = process.communicate(timeout=WAIT)
        killed += 1
        if process.returncode == -signal.SIGKILL:
            continue
        # It was whole before its time: begin anew.
        assert process.returncode == 0, said
        assert contents_of(output) == right
        shutil.rmtree(output)
    process = run(scan, output, "--resume")
    _, said = process.communicate(timeout=WAIT)
    assert process.returncode == 0, said
    assert contents_of(output) == right
    assert [path.name for path in tmp_path.iterdir()] == ["out"]

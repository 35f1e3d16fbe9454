"""A device that is lost on the way, for a moment or for good; where the CPU stands by, see test_edge_tpu_backend.py."""

import os
import signal
import tempfile
from itertools import count

import pytest

from tomopy_edge.networks.edge_tpu_library import VARIABLE
from tomopy_edge.networks.edge_tpu_stick import Stick

LAST = 28
"""Inference at which it is lost: the last of row 6, as a slice has four tiles."""


@pytest.fixture
def stick(libedgetpu, breaks, network, tmp_path):
    """A denoiser on a stick, which is a real child process; the stand-in has the CPU compute in it."""
    breaks.setenv(VARIABLE, str(libedgetpu))
    breaks.setenv("STAND_IN_SEES", "1")
    breaks.setenv("TMPDIR", str(tmp_path))
    breaks.setattr(tempfile, "tempdir", None)
    return {**network, "options": {**network["options"], "runtime": "one_stick"}}


@pytest.fixture
def pulled_out(breaks):
    """What has the stick pulled out at some inference; it is there again at the next one, or stays away."""
    real = Stick._run

    def arrange(call, *, for_good):
        calls = count(1)

        def run(self, batch):
            if next(calls) == call:
                os.kill(self.pid, signal.SIGKILL)
                breaks.setenv("STAND_IN_SEES", "0" if for_good else "1")
            return real(self, batch)

        breaks.setattr(Stick, "_run", run)

    yield arrange
    breaks.setattr(Stick, "_run", real)


def test_a_device_that_is_lost_for_good_ends_the_run_and_a_resume_goes_on(
    run, breaks, made_whole, kept, stick, pulled_out, tmp_path
):
    pulled_out(LAST, for_good=True)
    ended = run(tmp_path / "out", denoise=stick)
    assert ended.code == 2
    lost = "denoise: the Edge TPU usb:0 is not there any more; plug it in again (as it was with the row before"
    assert f"tomopy-edge: error: row 6: {lost}" in ended.said
    assert "what is made stays, and --resume goes on when it works again" in ended.said
    assert "row 7:" not in ended.said
    assert "out.part: holds 5 slices; --resume goes on with it" in ended.said
    assert kept(tmp_path / "out") == 5
    again = run(tmp_path / "out", "--resume", denoise=stick)
    assert again.code == 2
    assert "the Edge TPU usb:0 is not there any more; plug it in again" in again.said
    assert kept(tmp_path / "out") == 5
    breaks.setenv("STAND_IN_SEES", "1")
    made_whole(tmp_path / "out", denoise=stick)


def test_a_device_that_is_back_when_it_is_looked_for_costs_no_slice(run, made_whole, stick, pulled_out, tmp_path):
    pulled_out(LAST, for_good=False)
    ended = run(tmp_path / "out", denoise=stick)
    assert ended.code == 0
    assert "rows 5 to 6 are tried one by one: the Edge TPU usb:0 is lost: its process ended by SIGKILL" in ended.said
    made_whole(tmp_path / "out", denoise=stick)

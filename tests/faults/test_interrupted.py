"""Runs that are asked to end: by ctrl-C, by `kill`, by a terminal that is closed, and where nothing listens."""

import signal
import time

import numpy as np
import pytest

SEED = 5
"""Of the moments."""

MOMENTS = 2
"""Of each signal."""


@pytest.mark.parametrize("call", [1, 2, 4])
def test_ctrl_c_ends_a_run_which_says_how_to_go_on(run, at_fault, made_whole, kept, tmp_path, call):
    at_fault("is interrupted", call)
    ended = run(tmp_path / "out")
    assert ended.code == 130
    assert "tomopy-edge: stopped" in ended.said
    # The chunk that was being made is lost; those before it were written, and nothing is kept that holds none.
    slices = 2 * (call - 1)
    assert kept(tmp_path / "out") == slices
    assert (f"out.part: holds {slices} slices; --resume goes on with it" in ended.said) == (slices > 0)
    assert (tmp_path / "out.part").exists() == (slices > 0)
    made_whole(tmp_path / "out")


@pytest.mark.parametrize(
    "place",
    ["tomopy_edge.settling.settle", "tomopy_edge.record.contact_sheet", "tomopy_edge.output._put_in_place"],
)
def test_ctrl_c_at_the_beginning_and_at_the_end_loses_nothing(
    run, made_whole, kept, undisturbed, tmp_path, breaks, place
):
    def interrupted(*arguments, **more):
        signal.raise_signal(signal.SIGINT)

    breaks.setattr(place, interrupted)
    ended = run(tmp_path / "out")
    breaks.undo()
    assert (ended.code, kept(tmp_path / "out")) == (130, 0 if place.endswith("settle") else 12)
    assert "tomopy-edge: stopped" in ended.said
    made_whole(tmp_path / "out")


@pytest.mark.parametrize(
    ("fault", "code"), [("is interrupted", 130), ("is terminated", 143), ("is hung up", 129)], ids=str
)
def test_kill_and_a_closed_terminal_end_a_run_as_ctrl_c_does(start, ended, made_whole, kept, tmp_path, fault, code):
    done = ended(start(tmp_path / "out", fault=f"{fault}@3"))
    assert done.code == code
    assert "tomopy-edge: stopped" in done.said
    assert "out.part: holds 4 slices; --resume goes on with it" in done.said
    assert kept(tmp_path / "out") == 4
    made_whole(tmp_path / "out")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_at_random_moments_have_a_run_end_by_itself(start, ended, made_whole, tmp_path, number):
    for moment in np.random.default_rng([SEED, number]).uniform(0, 0.5, MOMENTS):
        output = tmp_path / f"{moment:.3f}"
        process = start(output)
        # Until Python listens, signals end it as they end anything.
        assert "settling" in process.stderr.readline()
        time.sleep(moment)
        process.send_signal(number)
        done = ended(process)
        assert "without waiting" not in done.said
        assert (done.code, output.exists()) in {(0, True), (128 + number, False), (128 + number, True)}
        made_whole(output)


def test_a_denoiser_that_hangs_is_ended_by_ctrl_c(start, ended, made_whole, kept, tmp_path):
    process = start(tmp_path / "out", fault="hangs@3")
    assert process.stdout.readline() == "hangs\n"
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    done = ended(process)
    assert done.code == 130
    assert time.monotonic() - begun < 5
    assert "without waiting" not in done.said
    assert "out.part: holds 4 slices; --resume goes on with it" in done.said
    assert kept(tmp_path / "out") == 4
    made_whole(tmp_path / "out")


def test_a_library_that_hangs_and_hears_no_signal_is_ended_by_the_second_ctrl_c(
    start, ended, made_whole, kept, tmp_path
):
    process = start(tmp_path / "out", fault="hangs deaf@3")
    assert process.stdout.readline() == "hangs\n"
    # What was made before is being written meanwhile, in another thread.
    while kept(tmp_path / "out") < 4:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    # The second of two that come at once is that of the terminal.
    process.send_signal(signal.SIGINT)
    time.sleep(1.2)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    done = ended(process)
    assert done.code == 130
    assert "stopped, without waiting for what does not come back" in done.said
    assert "--resume goes on with them" in done.said
    assert kept(tmp_path / "out") == 4
    made_whole(tmp_path / "out")

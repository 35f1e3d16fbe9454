"""The process that has an Edge TPU: real processes, with a stand-in for libedgetpu, whose networks run on the CPU."""

import os
import signal
import subprocess
import sys
import tempfile
import threading

import numpy as np
import pytest

from tomopy_edge.errors import BackendError
from tomopy_edge.networks import edge_tpu_process
from tomopy_edge.networks.edge_tpu_library import VARIABLE
from tomopy_edge.networks.edge_tpu_process import _running, join_process, leave_process
from tomopy_edge.networks.edge_tpu_stick import Stick
from tomopy_edge.networks.litert import LiteRT, ends_in
from tomopy_edge.networks.tflite_graph import read_graph
from tomopy_edge.shipped import shipped

DENOISE = shipped("models") / "tomogan-compact" / "tomogan-compact_int8_64.tflite"
LARGE = shipped("models") / "tomogan-compact" / "tomogan-compact_int8_512.tflite"
FINE_TUNE = shipped("models") / "tomogan" / "fine_tune_int8_64.tflite"


@pytest.fixture(autouse=True)
def machine(libedgetpu, monkeypatch, tmp_path):
    """A machine with the stand-in."""
    monkeypatch.setenv(VARIABLE, str(libedgetpu))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield monkeypatch
    assert not _running


def opened(path, device="usb:0"):
    return Stick(path, ends_in(read_graph(path)), device)


def tiles_for(stick, count=1):
    shape = (count, *stick.ends.shape[1:])
    return np.random.default_rng(count).integers(-128, 128, shape).astype(np.int8)


def test_two_networks_of_a_run_are_in_the_one_process_that_the_stick_works_for():
    denoise, fine_tune = opened(DENOISE), opened(FINE_TUNE)
    assert denoise.pid == fine_tune.pid
    for stick, path in ((denoise, DENOISE), (fine_tune, FINE_TUNE), (denoise, DENOISE)):
        network = LiteRT(path, 1)
        np.testing.assert_array_equal(stick.infer(tiles_for(stick)), network.infer(tiles_for(stick)))
    denoise.close()
    fine_tune.infer(tiles_for(fine_tune))
    child = fine_tune._process.child
    fine_tune.close()
    fine_tune.close()
    assert child.returncode == 0


def test_another_process_is_refused_the_stick_and_does_no_harm_to_this_one(machine):
    stick = opened(DENOISE)
    intruder = (
        "import sys; from pathlib import Path; from tomopy_edge.networks.edge_tpu_process import join_process\n"
        "from tomopy_edge.errors import BackendError\n"
        "try: join_process('usb:0').open(Path(sys.argv[1]), 1)\n"
        "except BackendError as fault: print(fault)"
    )
    ran = subprocess.run([sys.executable, "-c", intruder, DENOISE], capture_output=True, text=True, check=True)  # noqa: S603 - our own script
    assert "usb:0 (/sys/bus/usb/devices/2-1) is in use by another run of tomopy-edge" in ran.stdout
    stick.infer(tiles_for(stick))
    stick.close()


def test_a_stick_that_is_lost_is_lost_for_both_networks_and_can_be_opened_anew():
    denoise, fine_tune = opened(DENOISE), opened(FINE_TUNE)
    os.kill(denoise.pid, signal.SIGABRT)
    for stick in (denoise, fine_tune, denoise):
        with pytest.raises(BackendError, match="the Edge TPU usb:0 is lost: its process ended by SIGABRT"):
            stick.infer(tiles_for(stick))
    again = opened(DENOISE)
    assert again.pid != denoise.pid
    again.infer(tiles_for(again))
    for stick in (denoise, fine_tune, again):
        stick.close()


def test_a_process_that_was_killed_for_its_memory_says_so():
    stick = opened(DENOISE)
    os.kill(stick.pid, signal.SIGKILL)
    with pytest.raises(BackendError, match="by SIGKILL, which is what the system does where memory is short"):
        stick.infer(tiles_for(stick))
    stick.close()


@pytest.mark.parametrize(
    ("path", "told"),
    [(DENOISE, "did not answer within"), (LARGE, "took nothing for")],
    ids=["fits_the_line", "does_not"],
)
def test_a_stick_that_locks_up_is_given_up(machine, path, told):
    machine.setattr(edge_tpu_process, "PATIENCE", 6.0)
    stick = opened(path)
    child = stick._process.child
    os.kill(stick.pid, signal.SIGSTOP)
    for _ in range(2):
        with pytest.raises(BackendError, match=rf"the Edge TPU usb:0 {told} 6 seconds; unplug it and plug it in again"):
            stick.infer(tiles_for(stick))
    stick.close()
    assert child.returncode == -signal.SIGKILL


def test_a_stick_that_locks_up_while_it_is_opened_is_given_up(machine):
    machine.setattr(edge_tpu_process, "PATIENCE", 0.2)
    machine.setattr(edge_tpu_process, "SCRIPT", "import time; time.sleep(60)")
    with pytest.raises(BackendError, match=r"usb:0 did not answer within 0\.2 seconds"):
        opened(DENOISE)


def test_a_child_that_lets_go_of_its_stick_and_lingers_is_not_told_to_be_short_of_memory(machine):
    machine.setattr(edge_tpu_process, "GRACE", 0.5)
    lingers = "import os, sys, time; os.write(2, b'transfer in failed'); os.close(int(sys.argv[1])); time.sleep(60)"
    machine.setattr(edge_tpu_process, "SCRIPT", lingers)
    with pytest.raises(BackendError) as lost:
        opened(DENOISE)
    assert str(lost.value) == (
        "the Edge TPU usb:0 is lost: its process let go of it, and had to be ended after 0.5 seconds "
        "(transfer in failed)"
    )


def test_a_stick_that_takes_no_word_of_a_network_that_is_closed_is_given_up(machine):
    machine.setattr(edge_tpu_process, "PATIENCE", 0.5)
    machine.setattr(edge_tpu_process, "SCRIPT", "import time; time.sleep(60)")
    process = join_process("usb:0")
    for number in range(100_000):
        process.close(number)
        if process.fault is not None:
            break
    assert process.fault == "took nothing for 0.5 seconds; unplug it and plug it in again"
    assert process.child.returncode == -signal.SIGKILL
    leave_process(process)


def test_a_module_in_the_users_folder_does_not_reach_the_child(machine, tmp_path):
    (tmp_path / "socket.py").write_text("raise ImportError('the file of a user')")
    machine.chdir(tmp_path)
    stick = opened(DENOISE)
    stick.infer(tiles_for(stick))
    stick.close()


def test_an_interrupted_tile_is_not_taken_for_the_answer_to_the_next_one(machine):
    stick = opened(DENOISE)
    process = stick._process

    def interrupted(seconds):
        raise KeyboardInterrupt

    machine.setattr(process._line, "poll", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stick.infer(tiles_for(stick))
    with pytest.raises(BackendError, match="was given up when it was interrupted; open the network anew"):
        stick.infer(tiles_for(stick, 2))
    stick.close()


def test_a_network_that_is_refused_does_not_end_the_process_of_another(machine):
    stick = opened(DENOISE)
    process = join_process("usb:0")
    with pytest.raises(BackendError, match="the Edge TPU usb:0 cannot be used"):
        process.open(shipped("models") / "tomogan" / "README.md", 1)
    leave_process(process)
    stick.infer(tiles_for(stick))
    stick.close()


def test_the_child_ends_when_its_parent_is_killed(machine, wait_until):
    parent = (
        "import sys; from pathlib import Path; from tomopy_edge.networks.edge_tpu_process import join_process\n"
        "one = join_process('usb:0'); one.open(Path(sys.argv[1]), 1); print(one.child.pid, flush=True)\n"
        "sys.stdin.read()"
    )
    with subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "-c", parent, DENOISE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as ran:
        child = int(ran.stdout.readline())
        ran.kill()
    wait_until(lambda: not _alive(child), 10)
    assert not _alive(child)


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123 - not a file of ours
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_networks_may_be_opened_and_closed_from_many_threads():
    def use():
        for _ in range(3):
            stick = opened(FINE_TUNE)
            tiles = tiles_for(stick, 2)
            answers.append(np.array_equal(stick.infer(tiles), right))
            stick.close()

    network = LiteRT(FINE_TUNE, 1)
    right = network.infer(np.random.default_rng(2).integers(-128, 128, (2, *network.ends.shape[1:])).astype(np.int8))
    answers = []
    threads = [threading.Thread(target=use) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 9

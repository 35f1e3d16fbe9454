"""Whose an Edge TPU is: locks on files, which are real here, for devices that are not."""

import subprocess
import sys
import tempfile

import pytest

from tomopy_edge.errors import BackendError
from tomopy_edge.networks.edge_tpu_claim import claimed, lock_file
from tomopy_edge.networks.edge_tpu_library import Device

STICK, OTHER = (Device(f"usb:{i}", f"/sys/bus/usb/devices/2-{i}", f"usb:{i}") for i in (1, 2))

HOLD = """
import sys
from tomopy_edge.networks.edge_tpu_claim import claimed
from tomopy_edge.networks.edge_tpu_library import Device
with claimed(Device(*sys.argv[1:])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


@pytest.fixture
def holder():
    """Another process that has the stick."""
    place = [sys.executable, "-c", HOLD, STICK.name, STICK.place, STICK.option]
    with subprocess.Popen(place, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:  # noqa: S603 - our own script
        assert child.stdout.readline() == b"held\n"
        yield child
        child.kill()


def test_a_device_that_another_process_has_is_refused_and_others_are_not(holder):
    told = r"the Edge TPU usb:1 \(/sys/bus/usb/devices/2-1\) is in use by another run"
    with pytest.raises(BackendError, match=told), claimed(STICK):
        pass
    with claimed(OTHER):
        pass


def test_a_device_is_free_again_however_the_process_that_had_it_ended(holder):
    holder.kill()
    holder.wait()
    with claimed(STICK):
        pass


def test_a_lock_that_was_left_over_can_be_taken_by_every_user(folder):
    with claimed(STICK):
        assert lock_file(STICK).parent == folder
        assert lock_file(STICK).stat().st_mode & 0o777 == 0o644
    with claimed(STICK):
        pass


def test_where_no_lock_can_be_made_a_device_is_used_without_one(folder, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "gone"))
    with claimed(STICK), claimed(STICK):
        pass

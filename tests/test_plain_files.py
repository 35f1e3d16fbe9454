"""Only plain files of a bounded size are read from a model folder."""

import hashlib
import os

import pytest

from tomopy_edge.networks.plain_files import is_name, read_plain, sha256_of


def test_a_file_is_read_and_hashed(tmp_path):
    path = tmp_path / "network"
    path.write_bytes(b"weights")
    assert read_plain(path) == b"weights"
    assert sha256_of(path) == hashlib.sha256(b"weights").hexdigest()


def test_a_larger_file_than_may_be_is_refused_unread(tmp_path):
    path = tmp_path / "network"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(OSError, match="holds 1099511627776 bytes, and may hold 2147483647"):
        read_plain(path)


@pytest.mark.parametrize("read", [read_plain, sha256_of])
def test_devices_pipes_and_folders_are_refused_and_never_waited_for(tmp_path, read):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    for name, told in (("pipe", "is no plain file"), ("link", "is no plain file"), (".", "is a folder")):
        with pytest.raises(OSError, match=told):
            read(tmp_path / name)


def test_a_name_leads_nowhere_else():
    assert is_name("network.tflite")
    for name in ("", ".", "..", "../network", "/etc/passwd", "a/b", "a\0b"):
        assert not is_name(name)

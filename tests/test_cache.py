"""The folder in the user's cache, and what is written there."""

from pathlib import Path

import pytest

from tomopy_edge.networks.cache import cache_folder, keep


def test_a_folder_that_is_named_is_taken_and_a_relative_one_is_not(monkeypatch, tmp_path):
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "tomopy-edge"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == tmp_path / "home" / ".cache" / "tomopy-edge"


def test_what_is_kept_is_the_users_alone_and_takes_the_place_of_what_was_there(tmp_path):
    path = tmp_path / "inner" / "kind" / "one.json"
    for content in (b"first", b"second"):
        keep(path, content)
        assert path.read_bytes() == content
        assert [*path.parent.iterdir()] == [path]
    assert path.parent.stat().st_mode & 0o077 == 0


def test_what_cannot_be_written_whole_leaves_what_was_there(monkeypatch, tmp_path):
    path = tmp_path / "one.json"
    keep(path, b"first")

    def write_half(self, content):
        with self.open("wb") as file:
            file.write(content[:3])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_half)
    with pytest.raises(OSError, match="No space left"):
        keep(path, b"second")
    assert path.read_bytes() == b"first"
    assert [*tmp_path.iterdir()] == [path]

"""What verbs that train need, and what they keep from the terminal."""

import os

import pytest

from tomopy_edge.cli.training_extra import without_small_talk

TALK = b"""WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1.2     9 port.cc:153] oneDNN custom operations are on.
"""


def test_only_small_talk_is_kept_from_the_terminal(capfd):
    with without_small_talk():
        os.write(2, TALK + b"E0000 00:00:1.2     9 cuda.cc:1] no driver\n")
    os.write(2, b"I0000 later\n")
    assert capfd.readouterr().err == "E0000 00:00:1.2     9 cuda.cc:1] no driver\nI0000 later\n"


def test_what_was_said_before_an_error_is_told(capfd):
    def fail():
        os.write(2, TALK + b"not found: libcudart\n")
        raise ImportError

    with pytest.raises(ImportError), without_small_talk():
        fail()
    assert capfd.readouterr().err == "not found: libcudart\n"

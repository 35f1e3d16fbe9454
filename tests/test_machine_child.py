"""What becomes of a process that tries something is always an answer."""

import pytest

from tomopy_edge.machine import child
from tomopy_edge.machine.child import ask_library, ask_python


def test_what_is_told_comes_back_in_order_through_what_others_print():
    answer = ask_python("print('hello'); tell(a=1); print('tomopy-edge found: '); tell(a=2, b='x')")
    assert answer.found == ({"a": 1}, {"a": 2, "b": "x"})
    assert (answer.said("a"), answer.said("c", "none"), answer.ended) == (2, "none", "")


@pytest.mark.parametrize(
    ("script", "ended"),
    [
        ("tell(a=1); import os; os.abort()", "ended the process that tried it (SIGABRT)"),
        ("tell(a=1); raise OSError('no such thing')", "(exit code 1: OSError: no such thing)"),
        ("tell(a=1); raise SystemExit(3)", "ended the process that tried it (exit code 3)"),
    ],
)
def test_a_process_that_ends_keeps_what_it_told_before(script, ended):
    answer = ask_python(script)
    assert answer.said("a") == 1
    assert ended in answer.ended


def test_a_module_in_the_users_folder_does_not_reach_the_child(monkeypatch, tmp_path):
    (tmp_path / "json.py").write_text("raise ImportError('the file of a user')")
    monkeypatch.chdir(tmp_path)
    answer = ask_python("import os; tell(folder=os.getcwd())")
    assert (answer.said("folder"), answer.ended) == (str(tmp_path), "")


def test_a_process_that_hangs_is_given_up(monkeypatch):
    monkeypatch.setattr(child, "PATIENCE", 6.0)
    answer = ask_python("tell(a=1); import time; time.sleep(60)")
    assert answer.ended == "did not answer within 6 seconds"
    assert answer.said("a") == 1


def test_an_interpreter_that_does_not_start_is_an_answer(monkeypatch):
    monkeypatch.setattr(child.sys, "executable", "/not/there")
    assert ask_python("tell(a=1)").ended.startswith("could not be tried")


def test_a_library_is_loaded_by_name_or_from_the_folder_given_as_root(tmp_path):
    assert ask_library("libc.so.6", "tell(pid=library.getpid())").said("pid") > 1
    answer = ask_library("libc.so.6", "tell(pid=library.getpid())", tmp_path)
    assert str(tmp_path / "usr/lib/libc.so.6") in answer.said("fault")
    assert answer.said("absent")
    assert not answer.ended

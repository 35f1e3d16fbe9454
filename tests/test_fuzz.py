"""Nothing that is damaged or hostile gives a traceback, a crash, a hang or takes too much memory.

`python -m tests.fuzz` tries 100 000 of each kind; here are some hundred, and all that once went wrong.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULE = sys.executable, "-m", "tests.fuzz"
CASES = {"recipes": 100, "scans": 40, "networks": 200}


@pytest.mark.parametrize("target", CASES)
def test_what_once_went_wrong_and_new_cases_are_accepted_or_refused_with_a_sentence(target):
    command = [*MODULE, "--target", target, "--replay", "--cases", str(CASES[target]), "--seed", "77"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    kept = len(list((ROOT / "tests/fuzz/corpus" / target).glob("*.json")))
    tried = [line.split()[:2] for line in done.stdout.splitlines()[1:]]
    assert tried == [[f"({target})", str(kept)], [target, str(CASES[target])]]


BAD = """
import ctypes, sys, time
from pathlib import Path
from tests.fuzz.case import Case
from tests.fuzz import watch
watch.SECONDS = 6  # enough to fill 2 GB of memory on a busy machine

def attempt(path, case):
    number = int(path.read_text())
    if number == 1:
        raise KeyError("what nobody expects")
    if number == 2:
        ctypes.string_at(0)
    while number == 3:
        pass
    if number == 4:
        held = [bytearray(10**8) for _ in range(20)]

for outcome in watch.watched(attempt, lambda number: Case({"number": str(number).encode()}), range(6)):
    print(outcome.number, outcome.kind)
"""


def test_a_traceback_a_crash_a_hang_and_much_memory_are_each_told_and_end_nothing():
    done = subprocess.run([sys.executable, "-c", BAD], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own script
    told = dict(line.split() for line in done.stdout.splitlines())
    # What asks for more memory than there may be is told so.
    assert told.pop("4") in {"memory", "traceback"}
    assert told == {"0": "accepted", "1": "traceback", "2": "crash", "3": "hang", "5": "accepted"}, done.stderr


TWICE = """
import ctypes
from tests.fuzz.case import Case
from tests.fuzz import watch
from tomopy_edge.errors import DataError

def attempt(path, case):
    if int(path.read_text()) != 1:
        ctypes.string_at(0)

def careful(path, case):
    if int(path.read_text()) == 2:
        raise DataError("it would crash")
    attempt(path, case)

for outcome in watch.watched(attempt, lambda number: Case({"number": str(number).encode()}), range(1, 4), careful):
    print(outcome.number, outcome.kind)
"""


def test_what_crashes_without_what_protects_a_run_is_tried_again_with_it():
    done = subprocess.run([sys.executable, "-c", TWICE], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own script
    assert done.stdout.splitlines() == ["1 accepted", "2 refused", "3 crash"], done.stderr


def test_ctrl_c_tells_what_became_of_the_cases_so_far(tmp_path):
    # Where a shell starts something in the background, ctrl-C is nothing to it.
    begin = "import signal, runpy; signal.signal(signal.SIGINT, signal.default_int_handler); runpy.run_module"
    command = [sys.executable, "-c", f"{begin}('tests.fuzz', run_name='__main__', alter_sys=True)"]
    command += ["--target", "recipes"]
    place, pipe = os.environ | {"TMPDIR": str(tmp_path)}, subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=place, stdout=pipe, stderr=pipe, text=True) as running:  # noqa: S603 - our own module
        while not list(tmp_path.glob("tomopy-edge-fuzz-*")) and running.poll() is None:
            time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        told, faults = running.communicate()
    assert told.splitlines()[-1].split()[0] == "recipes", faults
    assert running.returncode == 0, faults

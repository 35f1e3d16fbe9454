"""A clock that jumps by hours, forwards and back: nothing but timestamps may depend on it."""

import json
import re

JUMPING = '''
"""Has every look at the clock see another time, hours away."""

import datetime
import random
import time

jumps = random.Random(4)
real_time, real_time_ns, Real = time.time, time.time_ns, datetime.datetime


def seconds():
    return jumps.choice([-1, 1]) * jumps.randrange(10**5)


class Jumping(Real):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(real_time() + seconds(), tz)


time.time = lambda: real_time() + seconds()
time.time_ns = lambda: real_time_ns() + seconds() * 10**9
datetime.datetime = Jumping
'''


def test_a_clock_that_jumps_changes_timestamps_alone(
    start, ended, undisturbed, contents_of, kept, made_whole, tmp_path
):
    folder = tmp_path / "clock"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(JUMPING)
    broken_off = ended(start(tmp_path / "out", formats=["tiff", "zarr"], fault="is interrupted@3", folders=[folder]))
    assert broken_off.code == 130
    assert "out.part: holds 4 slices; --resume goes on with it" in broken_off.said
    assert kept(tmp_path / "out") == 4
    done = ended(start(tmp_path / "out", "--resume", formats=["tiff", "zarr"], folders=[folder]))
    assert done.code == 0
    assert contents_of(tmp_path / "out") == undisturbed(formats=["tiff", "zarr"])
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert 0 < report["settling"] < report["seconds"] < 60
    assert all(0 <= seconds < 60 for parts in report["timings"].values() for seconds in parts.values())
    assert re.match(r"20\d\d-\d\d-\d\dT", report["started"])

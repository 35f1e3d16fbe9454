"""What the system leaves a process, read from folders that look like the system's."""

import subprocess
import sys

import pytest

from tomopy_edge import memory
from tomopy_edge.memory import PLENTY, free_memory, memory_limit, spare_memory

UNLIMITED = str(2**63 - 4096)


@pytest.fixture
def groups(tmp_path):
    """Write which groups a process is in and what they allow, and return the root."""

    def write(membership, limits):
        (tmp_path / "proc/self").mkdir(parents=True)
        (tmp_path / "proc/self/cgroup").write_text(membership)
        for name, limit in limits.items():
            path = tmp_path / "sys/fs/cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{limit}\n")
        return tmp_path

    return write


def test_without_control_groups_there_is_no_limit(tmp_path):
    assert memory_limit(tmp_path) is None


def test_the_least_of_a_group_and_those_above_it_counts(groups):
    limits = {"user.slice/a/memory.max": 3000, "user.slice/memory.max": 2000, "memory.max": "max"}
    assert memory_limit(groups("0::/user.slice/a\n", limits)) == 2000


def test_a_group_without_a_limit_sets_none(groups):
    assert memory_limit(groups("0::/a\n", {"a/memory.max": "max"})) is None


def test_version_1_has_a_folder_for_memory(groups):
    limits = {
        "memory/job/memory.limit_in_bytes": 1000,
        "memory/memory.limit_in_bytes": UNLIMITED,
        "job/memory.max": 10,
    }
    assert memory_limit(groups("4:cpu,memory:/job\n2:cpu:/job\n", limits)) == 1000


def test_in_a_container_the_mounted_group_counts_though_its_path_is_the_hosts(groups):
    assert memory_limit(groups("0::/docker/0123abcd\n", {"memory.max": 500})) == 500


def test_lines_that_make_no_sense_set_no_limit(groups):
    assert memory_limit(groups("nonsense\n\n::\n4:memory\n", {"memory.max": "much"})) is None


LIMITS = """Limit                     Soft Limit           Hard Limit           Units
Max data size             {data}            unlimited            bytes
Max stack size            8388608              unlimited            bytes
Max address space         {space}            unlimited            bytes
"""


MACHINE = {"proc/meminfo": "MemTotal: 8000 kB\nMemFree: 100 kB\nMemAvailable: 4000 kB\nHugePages_Total: 3\n"}


def test_what_can_be_had_without_swapping_is_free(system):
    assert free_memory(system(MACHINE)) == 4000 * 1024


def test_below_a_groups_limit_what_it_has_taken_is_not_free(system):
    group = {
        "proc/self/cgroup": "0::/a\n",
        "sys/fs/cgroup/a/memory.max": "3000000",
        "sys/fs/cgroup/a/memory.current": "1200000",
        "sys/fs/cgroup/memory.max": "2500000",
        "sys/fs/cgroup/memory.current": "2400000",
        "sys/fs/cgroup/memory.stat": "anon 1400000\ninactive_file 1000000\nfile 1000001\n",
    }
    # Of the group above it, 2.4 MB are taken, but 1 MB of that are file pages that make room.
    assert free_memory(system(MACHINE | group)) == 2500000 - 1400000


def test_version_1_names_things_otherwise(system):
    group = {
        "proc/self/cgroup": "4:memory:/job\n",
        "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "1000000",
        "sys/fs/cgroup/memory/job/memory.usage_in_bytes": "900000",
        "sys/fs/cgroup/memory/job/memory.stat": "inactive_file 0\ntotal_inactive_file 500000\n",
    }
    # What the groups below it have of file pages is in its usage, but only in the total of its own account.
    assert free_memory(system(MACHINE | group)) == 600000


@pytest.mark.parametrize(
    ("data", "space", "free"), [("900000", "unlimited", 900000 - 102400), ("unlimited", "1000000", 1000000 - 512000)]
)
def test_a_limit_of_the_process_itself_counts(system, data, space, free):
    own = {
        "proc/self/limits": LIMITS.format(data=data, space=space),
        "proc/self/status": "Name:\tpython\nVmSize:\t 500 kB\nVmData:\t 100 kB\n",
    }
    root = system(MACHINE | own)
    assert free_memory(root) == free
    assert memory_limit(root) == int(data if data != "unlimited" else space)


def test_more_taken_than_allowed_leaves_nothing(system):
    group = {
        "proc/self/cgroup": "0::/\n",
        "sys/fs/cgroup/memory.max": "1000",
        "sys/fs/cgroup/memory.current": "2000",
    }
    assert free_memory(system(MACHINE | group)) == 0


def test_a_system_that_tells_nothing_is_taken_to_have_a_gigabyte(tmp_path):
    assert free_memory(tmp_path) == 2**30


def test_a_limit_of_this_very_process_is_seen():
    told = "import resource as r; from tomopy_edge.memory import free_memory as f"
    held = f"{told}; r.setrlimit(r.RLIMIT_DATA, (3 * 10**8, 3 * 10**8)); assert 10**8 < f() < 3 * 10**8, f()"
    subprocess.run([sys.executable, "-c", held], check=True)  # noqa: S603 - this interpreter


def test_what_is_freed_is_given_back_at_once_where_memory_is_short():
    # Of ten arrays with small ones between them, every second is let go: the heap could not shrink.
    take = """
import sys
from pathlib import Path
from tomopy_edge.memory import spare_memory
spare_memory(int(sys.argv[1]))
import numpy as np
def resident(): return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
for _ in range(3):
    # As large as is kept by default from the second time on.
    held = [np.ones(2 * 10**6) for _ in range(10)]
    before = resident()
    del held[::2]
    after = resident()
print(before - after)
"""
    kept, given = (
        int(subprocess.run([sys.executable, "-c", take, str(free)], check=True, capture_output=True).stdout)  # noqa: S603 - this interpreter
        for free in (PLENTY, PLENTY - 1)
    )
    assert given > 75 * 10**6
    assert kept < given / 2


def test_another_c_library_is_left_as_it_is(monkeypatch):
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: object())
    spare_memory(0)

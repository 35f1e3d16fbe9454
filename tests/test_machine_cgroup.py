"""What control groups allow, read from folders that look like theirs."""

import pytest

from tomopy_edge.machine.cgroup import memory_limit

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

"""What a machine is, read from folders that look like one."""

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tomopy_edge.job import available_cores
from tomopy_edge.machine.facts import describe

CASCADE_LAKE = """processor\t: 0
model name\t: Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz
flags\t\t: fpu sse2 avx avx2 avx512f avx512_vnni

processor\t: 1
model name\t: Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz
flags\t\t: fpu sse2 avx avx2 avx512f avx512_vnni
"""
RASPBERRY_PI_5 = """processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm aes crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x4
CPU part\t: 0xd0b

Revision\t: d04170
Model\t\t: Raspberry Pi 5 Model B Rev 1.0
"""
ORIN = """processor\t: 0
model name\t: ARMv8 Processor rev 1 (v8l)
Features\t: fp asimd asimddp
CPU implementer\t: 0x41
CPU part\t: 0xd42
"""


def test_a_machine_with_nothing_to_read_is_described_all_the_same(tmp_path):
    machine = describe(tmp_path)
    assert (machine.features, machine.memory_bytes, machine.memory_limit_bytes) == ((), 0, None)
    assert (machine.board, machine.gpus, machine.cores) == (None, (), available_cores())
    assert machine.cpu
    assert machine.system
    assert machine.cuda == "no NVIDIA driver (libcuda.so.1 is not found)"


def test_a_server_tells_its_name_and_what_networks_are_fast_by(system):
    machine = describe(
        system({"proc/cpuinfo": CASCADE_LAKE, "proc/meminfo": "MemTotal:       16384 kB\nMemFree: 1 kB\n"})
    )
    assert machine.cpu == "Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz"
    assert machine.features == ("AVX2", "AVX-512", "AVX512-VNNI")
    assert machine.memory_bytes == 16 * 2**20


def test_a_raspberry_pi_is_known_by_the_part_of_its_cores_and_its_device_tree(system):
    machine = describe(
        system({"proc/cpuinfo": RASPBERRY_PI_5, "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0"})
    )
    assert machine.cpu == "Cortex-A76"
    assert machine.features == ("NEON", "dotprod")
    assert machine.board == "Raspberry Pi 5 Model B Rev 1.0"


def test_a_jetson_tells_its_release_and_not_the_name_that_all_its_kin_have(system):
    files = {
        "proc/cpuinfo": ORIN,
        "proc/device-tree/model": "NVIDIA Jetson Orin Nano Developer Kit\0",
        "etc/nv_tegra_release": "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic\n# more\n",
    }
    machine = describe(system(files))
    assert machine.cpu == "Cortex-A78AE"
    assert machine.board == "NVIDIA Jetson Orin Nano Developer Kit, L4T 36.4.3"


def test_a_part_nobody_knows_is_told_by_its_numbers(system):
    strange = RASPBERRY_PI_5.replace("0xd0b", "0xfff").replace("0x41", "0x99")
    assert describe(system({"proc/cpuinfo": strange})).cpu == "part 0xfff of implementer 0x99"


def test_the_distribution_is_named_as_it_names_itself(system):
    machine = describe(system({"etc/os-release": 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'}))
    assert machine.system.startswith("Debian GNU/Linux 12 (bookworm), ")


def test_a_limit_below_the_memory_counts_and_one_above_it_does_not(system):
    files = {"proc/meminfo": "MemTotal: 2048 kB\n", "proc/self/cgroup": "0::/\n"}
    assert describe(system(files | {"sys/fs/cgroup/memory.max": str(2**20)})).memory_limit_bytes == 2**20
    assert describe(system({"sys/fs/cgroup/memory.max": str(2**40)})).memory_limit_bytes is None


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.binary(max_size=80))
def test_files_that_make_no_sense_stop_nobody(tmp_path, text):
    names = ["proc/cpuinfo", "proc/meminfo", "proc/self/cgroup", "etc/nv_tegra_release", "proc/device-tree/model"]
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"MemTotal:" + text + b"\nCPU part:" + text)
    assert describe(tmp_path).memory_bytes >= 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_this_machine_says_how_much_memory_it_has():
    assert describe().memory_bytes > 2**26
    assert Path("/proc/meminfo").exists()

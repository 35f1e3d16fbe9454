"""What NVIDIA's driver says, asked of stand-ins for its library: none of this has run beside a GPU."""

import shutil
import subprocess

import pytest

from tomopy_edge.machine.cuda import ask_cuda

DRIVER = """
#include <stdlib.h>
#include <string.h>
int cuInit(unsigned flags) { START }
int cuDriverGetVersion(int *version) { *version = 12060; return 0; }
int cuDeviceGetCount(int *count) { *count = 2; return 0; }
int cuDeviceGet(int *device, int index) { *device = index; return 0; }
int cuDeviceGetName(char *name, int size, int device) { strcpy(name, device ? "Orin" : "H100"); return 0; }
int cuDeviceGetAttribute(int *value, int which, int device) { *value = which == 75 ? 8 : 7; return 0; }
int cuDeviceTotalMem_v2(size_t *memory, int device) { if (device) { LAST } *memory = 8UL << 30; return 0; }
"""


@pytest.fixture
def machine(tmp_path):
    """Build a stand-in for libcuda, and return the root it is installed in."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler to build a stand-in for libcuda with")

    def build(start="return 0;", last=""):
        (tmp_path / "usr/lib").mkdir(parents=True)
        source = tmp_path / "cuda.c"
        source.write_text(DRIVER.replace("START", start).replace("LAST", last))
        library = tmp_path / "usr/lib/libcuda.so.1"
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)  # noqa: S603 - our own source
        return tmp_path

    return build


def test_every_gpu_is_told_with_its_capability_and_memory(machine):
    cuda = ask_cuda(machine())
    assert cuda.told == "the driver knows CUDA 12.6"
    assert cuda.gpus == ("H100 (compute capability 8.7, 8.0 GiB)", "Orin (compute capability 8.7, 8.0 GiB)")


@pytest.mark.parametrize(
    ("start", "told"),
    [
        ("return 34;", "no CUDA: a stub is found in the place of the driver's library; mend LD_LIBRARY_PATH"),
        ("return 100;", "no CUDA: the driver is there and sees no GPU"),
        ("return 803;", "no CUDA: driver and library are of different releases; restart the machine"),
        ("return 46;", "no CUDA: libcuda.so.1 gives error 46"),
        ("abort();", "libcuda.so.1 ended the process that tried it (SIGABRT)"),
    ],
)
def test_a_driver_that_does_not_start_says_why(machine, start, told):
    cuda = ask_cuda(machine(start))
    assert cuda.told.startswith(told)
    assert cuda.gpus == ()


def test_a_gpu_that_ends_the_process_leaves_those_before_it(machine):
    cuda = ask_cuda(machine(last="abort();"))
    assert len(cuda.gpus) == 1
    assert "SIGABRT" in cuda.told


def test_a_file_that_is_no_library_says_so(tmp_path):
    (tmp_path / "usr/lib").mkdir(parents=True)
    (tmp_path / "usr/lib/libcuda.so.1").write_text("not a library")
    assert "cannot be loaded" in ask_cuda(tmp_path).told

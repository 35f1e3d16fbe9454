"""Edge TPUs as the system sees them, and stand-ins for libedgetpu: none of this has run beside an Edge TPU."""

import shutil
import subprocess

import pytest

from tomopy_edge.machine.coral import ask_coral

LIBRARY = """
#include <stdlib.h>
struct device { int type; const char *path; };
static struct device devices[2] = {{0, "/dev/apex_0"}, {1, "/sys/bus/usb/devices/2-1"}};
const char *edgetpu_version(void) { return "BuildLabel(stand-in), RuntimeVersion(14)"; }
struct device *edgetpu_list_devices(size_t *count) { LIST }
void edgetpu_free_devices(struct device *listed) { (void)listed; }
"""


def stick(root, name="2-1", ids=("1a6e", "089a"), speed="5000", *, device=True):
    folder = root / "sys/bus/usb/devices" / name
    folder.mkdir(parents=True)
    facts = {"idVendor": ids[0], "idProduct": ids[1], "speed": speed, "busnum": "2", "devnum": "7"}
    for fact, text in facts.items():
        (folder / fact).write_text(f"{text}\n")
    file = root / "dev/bus/usb/002/007"
    file.parent.mkdir(parents=True, exist_ok=True)
    if device:
        file.touch()


def card(root):
    folder = root / "sys/bus/pci/devices/0000:01:00.0"
    folder.mkdir(parents=True)
    (folder / "vendor").write_text("0x1ac1\n")
    (folder / "device").write_text("0x089a\n")


@pytest.fixture
def library(tmp_path):
    """Build a stand-in for libedgetpu, and return the root it is installed in."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler to build a stand-in for libedgetpu with")

    def build(how):
        (tmp_path / "usr/lib").mkdir(parents=True)
        source = tmp_path / "edgetpu.c"
        source.write_text(LIBRARY.replace("LIST", how))
        target = tmp_path / "usr/lib/libedgetpu.so.1"
        subprocess.run([compiler, "-shared", "-fPIC", "-o", target, source], check=True)  # noqa: S603 - our own source
        return tmp_path

    return build


def test_a_machine_with_nothing_has_no_edge_tpu_and_no_library(tmp_path):
    coral = ask_coral(tmp_path)
    assert (coral.sticks, coral.library, coral.devices) == ((), "", None)
    assert coral.told == "libedgetpu.so.1 is not found"


@pytest.mark.parametrize("ids", [("1a6e", "089a"), ("18d1", "9302")])
def test_a_stick_is_known_before_and_after_its_firmware_is_loaded(tmp_path, ids):
    stick(tmp_path, ids=ids)
    stick(tmp_path, name="1-1", ids=("046d", "c52b"))
    (found,) = ask_coral(tmp_path).sticks
    assert (found.bus, found.place, found.usable) == ("usb", "2-1", True)
    assert found.told == "Coral USB Accelerator at 5000 Mbit/s"


def test_a_stick_in_an_old_socket_is_told_to_be_slow(tmp_path):
    stick(tmp_path, speed="480")
    assert "a USB 3 socket and cable are faster" in ask_coral(tmp_path).sticks[0].told


def test_a_stick_that_this_user_may_not_open_says_how_to(tmp_path):
    stick(tmp_path, device=False)
    (found,) = ask_coral(tmp_path).sticks
    assert not found.usable
    assert "join the group plugdev" in found.told


def test_a_card_without_its_driver_is_told_apart_from_one_that_works(tmp_path):
    card(tmp_path)
    (found,) = ask_coral(tmp_path).sticks
    assert not found.usable
    assert "gasket-dkms" in found.told
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/apex_0").touch()
    (found,) = ask_coral(tmp_path).sticks
    assert (found.bus, found.place, found.usable) == ("pci", "/dev/apex_0", True)


def test_the_library_tells_its_version_and_devices(library):
    coral = ask_coral(library("*count = 2; return devices;"))
    assert coral.library == "14"
    assert coral.devices == ("pci:0 at /dev/apex_0", "usb:0 at /sys/bus/usb/devices/2-1")
    assert coral.told == f"libedgetpu.so.1 finds 2 Edge TPUs: {', '.join(coral.devices)}"


def test_a_library_that_finds_no_device_says_so(library):
    coral = ask_coral(library("*count = 0; return 0;"))
    assert (coral.devices, coral.told) == ((), "libedgetpu.so.1 finds no Edge TPUs")


@pytest.mark.parametrize(("how", "told"), [("abort();", "SIGABRT"), ("return *(void **)0;", "SIGSEGV")])
def test_a_library_that_crashes_is_a_sentence_with_its_version(library, how, told):
    coral = ask_coral(library(how))
    assert coral.library == "14"
    assert coral.devices is None
    assert f"ended the process that tried it ({told})" in coral.told
    assert "builds for older runtimes do that" in coral.told


def test_another_library_of_the_name_says_what_it_lacks(library):
    root = library("return 0;")
    source = root / "edgetpu.c"
    source.write_text("int something_else;")
    subprocess.run([shutil.which("cc"), "-shared", "-o", root / "usr/lib/libedgetpu.so.1", source], check=True)  # noqa: S603 - our own source
    told = ask_coral(root).told
    assert told.endswith("is another library: it has no edgetpu_version")


def test_on_this_machine_the_library_is_the_one_that_the_runtime_takes(library, monkeypatch):
    root = library("*count = 1; return devices;")
    monkeypatch.setenv("EDGETPU_LIBRARY", str(root / "usr/lib/libedgetpu.so.1"))
    assert ask_coral().devices == ("pci:0 at /dev/apex_0",)


def test_a_library_that_lacks_another_is_not_told_to_be_absent(tmp_path):
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler to build a stand-in for libedgetpu with")
    (tmp_path / "usr/lib").mkdir(parents=True)
    (tmp_path / "usb.c").write_text("int usb(void) { return 0; }")
    (tmp_path / "edgetpu.c").write_text("int usb(void); int edgetpu(void) { return usb(); }")
    needed = tmp_path / "libusb-stand-in.so"
    built = [compiler, "-shared", "-fPIC", "-Wl,--no-as-needed"]
    subprocess.run([*built, "-Wl,-soname,libusb-stand-in.so", "-o", needed, tmp_path / "usb.c"], check=True)  # noqa: S603 - our own source
    library = tmp_path / "usr/lib/libedgetpu.so.1"
    subprocess.run([*built, "-o", library, tmp_path / "edgetpu.c", needed], check=True)  # noqa: S603 - our own source
    needed.unlink()
    assert "cannot be loaded (libusb-stand-in.so: " in ask_coral(tmp_path).told


def test_a_file_that_is_no_library_says_what_the_loader_says(tmp_path):
    (tmp_path / "usr/lib").mkdir(parents=True)
    (tmp_path / "usr/lib/libedgetpu.so.1").write_text("not a library")
    assert "cannot be loaded" in ask_coral(tmp_path).told

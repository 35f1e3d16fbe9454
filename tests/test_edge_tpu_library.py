"""libedgetpu, as far as it can be asked without a device; a stand-in tests our handling of its failures."""

import sys

import pytest

from tomopy_edge.errors import BackendError
from tomopy_edge.networks import edge_tpu_interpreter
from tomopy_edge.networks.edge_tpu_interpreter import find_device, interpreter_name, open_interpreter, uses_pycoral
from tomopy_edge.networks.edge_tpu_library import VARIABLE, AbsentError, Device, Library, ask_library, load
from tomopy_edge.shipped import shipped

NETWORK = (shipped("models") / "tomogan" / "fine_tune_int8_64.tflite").read_bytes()
FIRST, SECOND = "/sys/bus/usb/devices/2-1", "/sys/bus/usb/devices/2-2"


@pytest.fixture
def library(libedgetpu, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(libedgetpu))
    return libedgetpu


def test_devices_are_named_by_their_bus_and_the_number_of_their_place_on_it(library):
    usb = (Device("usb:0", FIRST, "usb:0"), Device("usb:1", SECOND, "usb:1"))
    assert ask_library() == Library("14", (Device("pci:0", "/dev/apex_0", "pci:0"), *usb))


def test_a_device_keeps_its_name_when_the_library_lists_it_elsewhere(library, monkeypatch):
    monkeypatch.setenv("STAND_IN_TURNS", "1")
    assert find_device("usb:0") == Device("usb:0", FIRST, "usb:1")
    assert find_device("usb:1") == Device("usb:1", SECOND, "usb:0")


def test_the_tenth_socket_comes_after_the_second():
    from tomopy_edge.networks.edge_tpu_library import _on

    places = ["/sys/bus/usb/devices/1-10", "/sys/bus/usb/devices/1-2.4", "/sys/bus/usb/devices/1-2.3"]
    assert [device.option for device in _on("usb", places)] == ["usb:2", "usb:1", "usb:0"]


def test_a_library_that_sees_no_device_has_a_version_all_the_same(library, monkeypatch):
    monkeypatch.setenv("STAND_IN_SEES", "0")
    assert ask_library() == Library("14", ())


def test_a_missing_library_is_a_sentence_with_the_way_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "libedgetpu.so.1"))
    with pytest.raises(AbsentError, match=r"libedgetpu\.so\.1 is not found; install a build"):
        ask_library()


def test_a_file_that_is_no_library_is_not_told_to_be_missing(tmp_path):
    file = tmp_path / "libedgetpu.so.1"
    file.write_text("not a library")
    with pytest.raises(BackendError, match=r"libedgetpu\.so\.1 cannot be loaded \(.*\); install a build") as caught:
        load(str(file))
    assert not isinstance(caught.value, AbsentError)


def test_another_library_of_that_name_is_a_sentence(monkeypatch):
    monkeypatch.setenv(VARIABLE, "libm.so.6" if sys.platform == "linux" else pytest.skip("the name is Linux's"))
    with pytest.raises(BackendError, match="is another library: it has no edgetpu_version"):
        ask_library()


def test_a_network_is_opened_on_the_device_that_is_asked_for(library, monkeypatch):
    monkeypatch.setenv("STAND_IN_REFUSES", "usb:0 pci:0")
    open_interpreter(NETWORK, find_device("usb:1"), threads=1).invoke()
    with pytest.raises(
        BackendError, match=r"the Edge TPU pci:0 cannot be used through LiteRT \(Failed to load delegate.*\); see that"
    ):
        open_interpreter(NETWORK, find_device("pci:0"), threads=1)


def test_a_device_is_asked_for_by_the_number_that_it_has_now(library, monkeypatch):
    device = find_device("usb:0")
    monkeypatch.setenv("STAND_IN_TURNS", "1")
    monkeypatch.setenv("STAND_IN_REFUSES", "usb:0")
    open_interpreter(NETWORK, device, threads=1).invoke()


def test_a_device_that_is_gone_is_a_sentence(library, monkeypatch):
    device = find_device("usb:1")
    monkeypatch.setenv("STAND_IN_SEES", "1")
    with pytest.raises(BackendError, match="the Edge TPU usb:1 is not there any more; plug it in again"):
        open_interpreter(NETWORK, device, threads=1)


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_network_without_a_library_is_a_sentence_and_no_traceback_of_a_half_made_delegate(monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "libedgetpu.so.1"))
    with pytest.raises(BackendError, match="is not found"):
        open_interpreter(NETWORK, Device("usb:0", FIRST, "usb:0"), threads=1)


def test_a_file_that_is_no_network_is_a_sentence(library):
    with pytest.raises(BackendError, match="the Edge TPU usb:0 cannot be used"):
        open_interpreter(b"no network" * 10, find_device("usb:0"), threads=1)


def test_a_file_that_was_compiled_for_a_newer_library_says_to_install_that(library, monkeypatch):
    def refuses(content, option, threads):
        # As libedgetpu 14.1 said to what compiler 16 had made (jsk-ros-pkg/coral_usb_ros#78).
        raise RuntimeError(
            "Failed to prepare for TPU. Failed precondition: Package requires runtime version (14), which is newer "
            "than this runtime version (13).Node number 0 (edgetpu-custom-op) failed to prepare."
        )

    monkeypatch.setattr(edge_tpu_interpreter, "_of_litert", refuses)
    with pytest.raises(BackendError, match=r"newer than this runtime version \(13\).*; install a build of libedgetpu"):
        open_interpreter(NETWORK, find_device("usb:0"), threads=1)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install a package called pycoral; whoever imports it without being asked to fails."""

    def install(files):
        for name, content in files.items():
            path = tmp_path / "pycoral" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        monkeypatch.syspath_prepend(str(tmp_path))
        for name in [name for name in sys.modules if name.split(".")[0] == "pycoral"]:
            monkeypatch.delitem(sys.modules, name)

    yield install
    for name in [name for name in sys.modules if name.split(".")[0] == "pycoral"]:
        del sys.modules[name]


def test_the_program_about_reefs_that_pypi_calls_pycoral_is_never_imported(installed, library):
    installed({"__init__.py": "raise SystemExit('imported')", "pycoral.py": ""})
    assert not uses_pycoral()
    assert interpreter_name() == "LiteRT"
    open_interpreter(NETWORK, find_device("usb:0"), threads=1)


PYCORAL = """
class Interpreter:
    def __init__(self, *asked):
        self.asked = asked

    def allocate_tensors(self):
        self.asked += ("allocated",)


def make_interpreter(model_path_or_content, device=None, delegate=None):
    return Interpreter(model_path_or_content, device, delegate)
"""


@pytest.fixture
def pycoral(installed, monkeypatch):
    """Google's PyCoral, by the signature of its make_interpreter, and a machine with a device on a system's library."""
    monkeypatch.delenv(VARIABLE, raising=False)
    device = Device("pci:1", "/dev/apex_1", "pci:1")
    monkeypatch.setattr(edge_tpu_interpreter, "ask_library", lambda: Library("14", (device,)))
    installed({"__init__.py": "", "utils/__init__.py": "", "utils/edgetpu.py": PYCORAL})
    return device


def test_googles_pycoral_opens_the_network_where_it_is_installed(pycoral):
    assert uses_pycoral()
    assert open_interpreter(b"network", pycoral, threads=4).asked == (b"network", "pci:1", None, "allocated")


def test_a_library_that_is_named_is_not_opened_through_pycoral_which_would_take_the_systems(pycoral, monkeypatch):
    monkeypatch.setenv(VARIABLE, "/opt/libedgetpu.so.1")
    assert interpreter_name() == "LiteRT"


def test_without_any_pycoral_litert_is_used(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(edge_tpu_interpreter, "find_spec", lambda name: None)
    assert not uses_pycoral()

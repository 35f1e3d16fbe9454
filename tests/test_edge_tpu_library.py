"""libedgetpu, as far as it can be asked without a device; a stand-in tests our handling of its failures."""

import sys

import pytest

from tomopy_edge.errors import BackendError
from tomopy_edge.networks import edge_tpu_interpreter
from tomopy_edge.networks.edge_tpu_interpreter import has_pycoral, open_interpreter
from tomopy_edge.networks.edge_tpu_library import VARIABLE, Library, ask_library
from tomopy_edge.shipped import shipped

NETWORK = (shipped("models") / "tomogan" / "fine_tune_int8_64.tflite").read_bytes()


@pytest.fixture
def library(libedgetpu, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(libedgetpu))
    return libedgetpu


def test_devices_are_named_by_their_bus_and_the_number_on_it_in_the_librarys_order(library):
    assert ask_library() == Library("14", ("usb:0", "pci:0", "usb:1"))


def test_a_library_that_sees_no_device_has_a_version_all_the_same(library, monkeypatch):
    monkeypatch.setenv("STAND_IN_SEES", "0")
    assert ask_library() == Library("14", ())


def test_a_missing_library_is_a_sentence_with_the_way_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "libedgetpu.so.1"))
    with pytest.raises(BackendError, match=r"libedgetpu\.so\.1 cannot be loaded \(.*No such file.*\); install a build"):
        ask_library()


def test_another_library_of_that_name_is_a_sentence(monkeypatch):
    monkeypatch.setenv(VARIABLE, "libm.so.6" if sys.platform == "linux" else pytest.skip("the name is Linux's"))
    with pytest.raises(BackendError, match="is another library: it has no edgetpu_list_devices"):
        ask_library()


def test_a_network_is_opened_on_the_device_that_is_asked_for(library, monkeypatch):
    monkeypatch.setenv("STAND_IN_REFUSES", "usb:0 pci:0")
    open_interpreter(NETWORK, "usb:1", threads=1).invoke()
    with pytest.raises(
        BackendError, match=r"the Edge TPU pci:0 cannot be used through LiteRT \(Failed to load delegate"
    ):
        open_interpreter(NETWORK, "pci:0", threads=1)


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_network_without_a_library_is_a_sentence_and_no_traceback_of_a_half_made_delegate(monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "libedgetpu.so.1"))
    with pytest.raises(BackendError, match="cannot be loaded"):
        open_interpreter(NETWORK, "usb:0", threads=1)


def test_a_file_that_is_no_network_is_a_sentence(library):
    with pytest.raises(BackendError, match="the Edge TPU usb:0 cannot be used"):
        open_interpreter(b"no network" * 10, "usb:0", threads=1)


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
    assert not has_pycoral()
    assert edge_tpu_interpreter.interpreter_name() == "LiteRT"
    open_interpreter(NETWORK, "usb:0", threads=1)


def test_googles_pycoral_opens_the_network_where_it_is_installed(installed):
    source = """
class Interpreter:
    def __init__(self, *asked):
        self.asked = asked

    def allocate_tensors(self):
        self.asked += ("allocated",)


def make_interpreter(model_path_or_content, device=None, delegate=None):
    return Interpreter(model_path_or_content, device, delegate)
"""
    installed({"__init__.py": "", "utils/__init__.py": "", "utils/edgetpu.py": source})
    assert has_pycoral()
    assert open_interpreter(b"network", "pci:1", threads=4).asked == (b"network", "pci:1", None, "allocated")


def test_without_any_pycoral_litert_is_used(monkeypatch):
    monkeypatch.setattr(edge_tpu_interpreter, "find_spec", lambda name: None)
    assert not has_pycoral()

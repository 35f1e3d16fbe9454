"""What every test may ask for."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st

from tomopy_edge.errors import ModelError
from tomopy_edge.networks.litert import LiteRT
from tomopy_edge.plugins import load_catalogue, make_manager

# A shell has what it runs in the background ignore ctrl-C, and `nohup` the end of the terminal; so would the commands
# that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# `make test` draws the same cases each time: what it says of a change is due to that change. `make fuzz` draws others.
# A busy machine takes longer for a case than Hypothesis grants by itself, which says nothing of the code.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("other", derandomize=False, print_blob=True, deadline=None)
settings.load_profile("same")

OF_THE_RUN = {"report.json", "report.html", "slices.jsonl", "counts.json"}
"""Files of an output that tell how a run went, and so differ from one to the next."""


@pytest.fixture(scope="session")
def scans() -> Path:
    """The folder of real measured scans, or a skip that says where it was looked for."""
    beside = Path(__file__).parents[1].parent / "shared" / "data"
    folder = Path(os.environ.get("TOMOPY_EDGE_TEST_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no real scans: neither $TOMOPY_EDGE_TEST_DATA nor {beside} is a folder")
    return folder


@pytest.fixture(autouse=True, scope="session")
def _cache(tmp_path_factory):
    """Keep what is measured and built for a machine out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def wait_until():
    """What waits until something holds, or for some seconds in vain: the test then says what it misses."""

    def waited(holds, seconds=30):
        end = time.monotonic() + seconds
        while not holds() and time.monotonic() < end:
            time.sleep(0.02)

    return waited


@pytest.fixture
def manager():
    """A plugin manager with the built-in plugin alone."""
    return make_manager(installed=False)


@pytest.fixture
def catalogue():
    """What the built-in plugin offers."""
    return load_catalogue(installed=False)


@pytest.fixture
def system(tmp_path):
    """What writes files of a system, such as proc/cpuinfo, and returns its root."""

    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


@pytest.fixture(scope="session")
def libedgetpu(tmp_path_factory) -> Path:
    """The stand-in for libedgetpu, built; what it sees and when it fails is set in the environment."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler (cc) to build the stand-in for libedgetpu with")
    library = tmp_path_factory.mktemp("library") / "libedgetpu.so.1"
    source = Path(__file__).parent / "stand_ins" / "libedgetpu.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)  # noqa: S603 - our own source
    return library


@pytest.fixture(scope="session")
def contents_of():
    """What reads the bytes of all files of an output that do not tell of the run itself.

    Of an HDF5 file it reads what is in it, without its dates.
    """

    def read(output):
        found = {}
        for path in sorted(path for path in output.rglob("*") if path.is_file() and path.name not in OF_THE_RUN):
            if path.suffix == ".h5":
                with h5py.File(path) as file:
                    names = [*file, *file["exchange"], *file["process"]]
                    found["slices in HDF5"], found["names in HDF5"] = file["exchange/data"][...].tobytes(), names
            found[str(path.relative_to(output))] = b"" if path.suffix == ".h5" else path.read_bytes()
        return found

    return read


@pytest.fixture
def open_tflite(tmp_path):
    """What opens the bytes of a .tflite network."""

    def opened(tflite: bytes) -> LiteRT:
        path = tmp_path / "network.tflite"
        path.write_bytes(tflite)
        return LiteRT(path, 1)

    return opened


@pytest.fixture(scope="session")
def survives_damage(tmp_path_factory):
    """A check that a reader of .tflite files makes something of a damaged one, or calls it damaged.

    It takes the reader, a whole file, and hypothesis' `st.data()`, of which it draws the bytes that are changed.
    """
    path = tmp_path_factory.mktemp("damaged") / "damaged.tflite"

    def check(read, whole, drawn):
        raw = bytearray(whole.read_bytes())
        # The first 8 bytes say that it is a .tflite file at all.
        places, values = st.integers(8, len(raw) - 1), st.integers(0, 255)
        for place, value in drawn.draw(st.dictionaries(places, values, min_size=1, max_size=12)).items():
            raw[place] = value
        path.write_bytes(raw)
        try:
            read(path)
        except ModelError as error:
            assert "is damaged" in str(error)  # noqa: PT017 - surviving is as good

    return check


@pytest.fixture
def scan_file(tmp_path) -> Path:
    """A small DataExchange scan of an off-centre disc: 7 rows, 96 columns, 120 angles, axis at column 45.2."""
    path = tmp_path / "raw" / "disc.h5"
    path.parent.mkdir()
    theta = np.linspace(0, 180, 120, endpoint=False)
    off = np.arange(96) - 45.2 - 12 * np.cos(np.deg2rad(theta))[:, None]
    line_integrals = 0.04 * np.sqrt(np.maximum(15.0**2 - off**2, 0))
    rng = np.random.default_rng(2)
    with h5py.File(path, "w") as file:
        file["implements"] = "exchange"
        file["measurement/sample/name"] = "disc"
        exchange = file.create_group("exchange")
        exchange["data"] = rng.poisson(100 + 4000 * np.exp(-line_integrals[:, None].repeat(7, 1))).astype(np.uint16)
        exchange["data_white"] = rng.poisson(4100, (5, 7, 96)).astype(np.uint16)
        exchange["data_dark"] = rng.poisson(100, (5, 7, 96)).astype(np.uint16)
        exchange["theta"] = theta
        exchange["theta"].attrs["units"] = "degrees"
    return path

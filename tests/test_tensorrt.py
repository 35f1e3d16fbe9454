"""The runtime `tensorrt`, on stand-ins for TensorRT and CUDA.

No GPU has been seen by any of this. What plays TensorRT has only names that the real Python bindings 8.6.0, 10.3.0,
10.13.3 and 11.4.0 have: they are recorded in tensorrt_names.json, from the packages themselves. What plays the GPU does
nothing before it is waited for, and then one stream after the other, so that a buffer that is used too early shows.
"""

import enum
import hashlib
import importlib.util
import json
import logging
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import onnx
import pytest
from google.protobuf.message import DecodeError

from tomopy_edge.backend import Placement
from tomopy_edge.errors import BackendError, ModelError
from tomopy_edge.job import Tally
from tomopy_edge.networks import onnx_half, tensorrt
from tomopy_edge.networks import tensorrt_api as api
from tomopy_edge.networks.gpu import Gpu
from tomopy_edge.networks.manifest import open_model
from tomopy_edge.networks.probing import probed
from tomopy_edge.networks.runtimes import choose_file
from tomopy_edge.networks.slices import Account, open_network

NAMES = {
    version: {kind: set(names.split()) for kind, names in kinds.items()}
    for version, kinds in json.loads(Path(__file__).with_name("tensorrt_names.json").read_text()).items()
}
VERSIONS = tuple(NAMES)
FLAGS, TYPES = VERSIONS[:3], VERSIONS[3:]

MODEL = open_model("tomogan-compact")
FILES = {
    network.precision: MODEL.folder / network.file for network in MODEL.manifest.denoise.onnx if network.tile == 128
}


def answer_to(tiles):
    """What the stand-in computes: cheap, and another thing for every tile and pixel."""
    return (2 * tiles[..., 0] + tiles[..., -1]).astype(np.float32)


class StandInGpu(Gpu):
    """Device memory that is host memory, and streams that put everything off until they are waited for."""

    def __init__(self, device, name="Orin", *, fails=False):
        super().__init__(device, name, "8.7")
        self.depth, self.memory, self.streams, self.fails = 0, {}, {}, fails
        self.most_waiting = 0
        StandInGpu.last = self

    @property
    def held(self):
        """What was not given back: memory, streams, its being current."""
        return [*self.memory, *self.streams] + [self.device] * self.depth

    def reserve(self, size):
        assert self.depth
        address = len(self.memory) + 1
        self.memory[address] = np.full(size // 4, np.nan, np.float32)
        self._held.callback(self.memory.pop, address)
        return address

    def pinned(self, shape):
        assert self.depth
        return np.zeros(shape, np.float32)

    def stream(self):
        assert self.depth
        handle = 1000 + len(self.streams)
        self.streams[handle] = []
        self._held.callback(self.given_back, handle)
        return handle

    def given_back(self, handle):
        assert not self.streams.pop(handle), "work is under way in it"

    def upload(self, pinned, address, stream):
        self.later(stream, lambda: np.copyto(self.memory[address], pinned.ravel()))

    def download(self, address, pinned, stream):
        self.later(stream, lambda: np.copyto(pinned, self.memory[address].reshape(pinned.shape)))

    def later(self, stream, work):
        assert self.depth
        self.streams[stream].append(work)
        self.most_waiting = max(self.most_waiting, sum(bool(work) for work in self.streams.values()))

    def wait(self, stream):
        if self.fails:
            raise BackendError("CUDA's cuStreamSynchronize answered CUDA_ERROR_LAUNCH_FAILED; the GPU may be lost")
        while self.streams[stream]:
            self.streams[stream].pop(0)()

    def _push(self):
        self.depth += 1

    def _pop(self):
        self.depth -= 1


class Played:
    """What the stand-in for TensorRT plays: a version, with a driver or without; and what it built."""

    version, driver, built = "", True, ()


class ILogger:
    Severity = enum.IntEnum("Severity", ["INTERNAL_ERROR", "ERROR", "WARNING", "INFO", "VERBOSE"], start=0)

    def __init__(self):
        self.ready = True

    def log(self, severity, msg):
        raise NotImplementedError


class MadeWithLogger:
    """The real ones are null without a driver, and for a logger whose constructor was not called."""

    def __init__(self, logger):
        if not (Played.driver and logger.ready):
            logger.log(ILogger.Severity.WARNING, "Unable to determine GPU memory usage")
            logger.log(ILogger.Severity.WARNING, "CUDA initialization failure with error: 35")
            raise TypeError("pybind11::init(): factory function returned nullptr")
        self._logger = logger


class Builder(MadeWithLogger):
    def create_network(self, flags=0):
        return SimpleNamespace(flags=flags, graph=None)

    def create_builder_config(self):
        return IBuilderConfig()

    def build_serialized_network(self, network, config):
        if Played.version.startswith("8."):
            assert network.flags == 1 << enum_of("NetworkDefinitionCreationFlag").EXPLICIT_BATCH
        ends = [
            (end.name, [edge.dim_value for edge in end.type.tensor_type.shape.dim])
            for end in (*network.graph.input, *network.graph.output)
        ]
        self._logger.log(ILogger.Severity.VERBOSE, "Tactic: 0x1")
        self._logger.log(ILogger.Severity.INFO, "Detected 1 inputs and 1 output network tensors.")
        if any(0 in shape for _, shape in ends):
            self._logger.log(ILogger.Severity.ERROR, "Network has dynamic inputs, but no optimization profile")
            self._logger.log(ILogger.Severity.ERROR, "engine != nullptr")
            return None
        half = any(one.data_type == onnx.TensorProto.FLOAT16 for one in network.graph.initializer)
        plan = {"version": Played.version, "ends": ends, "flags": config._flags, "half": half}
        Played.built.append(plan)
        return bytearray(json.dumps(plan).encode())


class IBuilderConfig:
    def __init__(self):
        self._flags = ["TF32"]

    def set_flag(self, flag):
        self._flags.append(flag.name)

    def clear_flag(self, flag):
        self._flags.remove(flag.name)


class OnnxParser:
    def __init__(self, network, logger):
        self._network, self._faults = network, []

    def parse(self, model, path=None):
        try:
            self._network.graph = onnx.load_model_from_string(model).graph
        except DecodeError as error:
            self._faults = [str(error)]
        return not self._faults

    @property
    def num_errors(self):
        return len(self._faults)

    def get_error(self, index):
        return ParserError(self._faults[index])


class ParserError:
    def __init__(self, told):
        self._told = told

    def desc(self):
        return self._told


class Runtime(MadeWithLogger):
    def deserialize_cuda_engine(self, serialized_engine):
        plan = json.loads(bytes(serialized_engine))
        if plan["version"] != Played.version:
            self._logger.log(ILogger.Severity.ERROR, "The engine plan file is not compatible with this version")
            return None
        return ICudaEngine(plan["ends"])


class ICudaEngine:
    def __init__(self, ends):
        self._ends = ends

    @property
    def num_io_tensors(self):
        return len(self._ends)

    def get_tensor_name(self, index):
        return self._ends[index][0]

    def get_tensor_mode(self, name):
        modes = enum_of("TensorIOMode")
        return modes.INPUT if name == self._ends[0][0] else modes.OUTPUT

    def get_tensor_shape(self, name):
        return dict(self._ends)[name]

    def get_tensor_dtype(self, name):
        return enum_of("DataType").FLOAT

    def create_execution_context(self):
        return IExecutionContext(self._ends)


class IExecutionContext:
    def __init__(self, ends):
        self._ends, self._addresses, self._stream = ends, {}, None

    def set_tensor_address(self, name, memory):
        self._addresses[name] = memory
        return name in dict(self._ends)

    def execute_async_v3(self, stream_handle):
        # One context in two streams is not allowed.
        assert self._stream in {None, stream_handle}
        self._stream = stream_handle
        gpu = StandInGpu.last
        taken, given = (gpu.memory[self._addresses[name]] for name, _ in self._ends)
        shape = self._ends[0][1]
        gpu.later(stream_handle, lambda: np.copyto(given, answer_to(taken.reshape(shape)).ravel()))
        return True


CLASSES = (Builder, IBuilderConfig, OnnxParser, ParserError, Runtime, ICudaEngine, IExecutionContext, ILogger)
ENUMS = ("DataType", "TensorIOMode", "BuilderFlag", "NetworkDefinitionCreationFlag")


def enum_of(kind):
    """An enumeration with the members that it has in the version that is played."""
    return enum.IntEnum(kind, sorted(name for name in NAMES[Played.version][kind] if name.isupper()), start=0)


def stand_in(version, *, driver=True):
    """The module `tensorrt` of a version, as far as its names and what is done with them go."""
    Played.version, Played.driver, Played.built = version, driver, []
    module = ModuleType("tensorrt")
    vars(module).update({"__version__": version, "built": Played.built})
    vars(module).update({kind.__name__: kind for kind in CLASSES} | {kind: enum_of(kind) for kind in ENUMS})
    return module


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", CLASSES)
def test_the_stand_in_has_only_names_that_tensorrt_has(version, kind):
    assert {name for name in vars(kind) if not name.startswith("_")} <= NAMES[version][kind.__name__]


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Puts a version of TensorRT and a GPU into this machine, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def equip(version=VERSIONS[1], gpu="Orin", *, driver=True, fails=False):
        trt = stand_in(version, driver=driver)
        monkeypatch.setitem(sys.modules, "tensorrt", trt)
        monkeypatch.setattr(tensorrt, "devices", lambda: ("cuda:0", "cuda:1"))
        monkeypatch.setattr(tensorrt, "open_gpu", lambda device: StandInGpu(device, gpu, fails=fails))
        return trt

    return equip


def opened(path=FILES["float"], notes=None):
    return tensorrt.ENTRY.open(path, Placement(note=(notes if notes is not None else []).append))


def engines(tmp_path):
    return sorted((tmp_path / "cache").rglob("*.engine"))


def with_ends(tmp_path, taken, given):
    """An .onnx file of one operator with these shapes at its ends."""
    value = onnx.helper.make_tensor_value_info
    ends = [[value(name, onnx.TensorProto.FLOAT, shape)] for name, shape in (("taken", taken), ("given", given))]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["taken"], ["given"])], "graph", *ends)
    path = tmp_path / "ends.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)]), path)
    return path


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_every_tile_gets_its_own_answer(machine, version, count):
    machine(version)
    backend = opened()
    tiles = np.random.default_rng(0).normal(size=(count, 128, 128, 3)).astype(np.float32)
    np.testing.assert_array_equal(backend.infer(tiles), answer_to(tiles))
    np.testing.assert_array_equal(backend.infer(tiles[::-1]), answer_to(tiles[::-1]))


LARGE = replace(MODEL.manifest.denoise.onnx[0], tile=96, halo=16, stride=64)
"""A tile that no file is for."""


@pytest.mark.parametrize(("shape", "file"), [((100, 150), None), ((300, 40), None), ((100, 150), LARGE)])
def test_slices_go_through_it_whole_and_in_tiles_of_any_size(machine, shape, file):
    trt = machine()
    networks, tally = MODEL.manifest.denoise, Tally()
    file = file or choose_file(tensorrt.ENTRY, networks, "float", None, shape)
    network = open_network(
        *(MODEL, networks, file), shape=shape, threads=1, account=Account("denoise", tally), entry=tensorrt.ENTRY
    )
    edges = [edge for name, shape in trt.built[0]["ends"] for edge in shape[1:3]]
    assert edges == [96 if file is LARGE else max(shape) + 2 * 16 + (-max(shape)) % 4] * 4
    noisy = np.random.default_rng(0).normal(size=(4, *shape)).astype(np.float32)
    np.testing.assert_allclose(network(noisy), 2 * noisy[:-2] + noisy[2:], atol=1e-5)
    assert "builds an engine for this GPU and tiles of this size" in tally.notes["denoise"][0]
    network.close()
    assert not StandInGpu.last.held


def test_a_tile_that_does_not_suit_the_network_is_refused(machine):
    machine()
    with pytest.raises(ModelError, match=r"float_128\.onnx: its levels do not fit tiles of 130 pixels: .*join"):
        tensorrt.ENTRY.open(FILES["float"], Placement(tile=130))


def test_a_batch_that_is_not_full_is_answered_as_far_as_it_goes(machine, tmp_path):
    machine()
    backend = opened(with_ends(tmp_path, (4, 8, 8, 1), (4, 8, 8, 1)))
    tiles = np.random.default_rng(0).normal(size=(11, 8, 8, 1)).astype(np.float32)
    np.testing.assert_array_equal(backend.infer(tiles), answer_to(tiles))


def test_the_next_batch_is_copied_while_one_computes_and_a_single_one_takes_no_second_lane(machine, tmp_path):
    machine()
    backend = opened(with_ends(tmp_path, (1, 8, 8, 1), (1, 8, 8, 1)))
    backend.infer(np.zeros((1, 8, 8, 1), np.float32))
    assert len(StandInGpu.last.streams) == 1
    backend.infer(np.zeros((6, 8, 8, 1), np.float32))
    assert len(StandInGpu.last.streams) == StandInGpu.last.most_waiting == tensorrt.LANES


def test_where_there_is_no_memory_for_a_second_lane_one_does_it_all_and_says_so(machine, tmp_path, monkeypatch):
    machine()
    notes = []
    backend = opened(with_ends(tmp_path, (1, 8, 8, 1), (1, 8, 8, 1)), notes)
    make = StandInGpu.stream

    def stream(gpu):
        if gpu.streams:
            raise BackendError("CUDA's cuStreamCreate answered CUDA_ERROR_OUT_OF_MEMORY; take smaller tiles")
        return make(gpu)

    monkeypatch.setattr(StandInGpu, "stream", stream)
    tiles = np.random.default_rng(0).normal(size=(5, 8, 8, 1)).astype(np.float32)
    for _ in range(2):
        np.testing.assert_array_equal(backend.infer(tiles), answer_to(tiles))
    assert StandInGpu.last.most_waiting == 1
    told = [note for note in notes if "there is no room for two at once: CUDA's cuStreamCreate" in note]
    assert len(told) == 1


def test_where_there_is_no_memory_for_one_lane_inference_fails_with_what_helps(machine, monkeypatch):
    machine()
    backend = opened()
    monkeypatch.setattr(ICudaEngine, "create_execution_context", lambda engine: None)
    with pytest.raises(BackendError, match=r"TensorRT cannot run the engine: .*; take smaller tiles"):
        backend.infer(np.zeros((2, 128, 128, 3), np.float32))


@pytest.mark.parametrize("version", FLAGS)
@pytest.mark.parametrize(("precision", "flags"), [("float", ["FP16"]), ("int8", ["INT8", "FP16"])])
def test_flags_allow_half_and_integer_precision_below_tensorrt_11(machine, version, precision, flags):
    trt = machine(version)
    backend = opened(FILES[precision])
    assert trt.built[0]["flags"] == ["TF32", *flags]
    assert not trt.built[0]["half"]
    assert backend.told == f"TensorRT {version} in {' and '.join(flags)} on Orin (cuda:0)"


@pytest.mark.parametrize("version", TYPES)
def test_a_float_network_is_cast_to_half_precision_from_tensorrt_11_on(machine, version):
    trt = machine(version)
    assert "in FP16 on" in opened().told
    assert trt.built[0]["half"]
    assert trt.built[0]["flags"] == ["TF32"]


@pytest.mark.parametrize("version", TYPES)
def test_a_network_that_cannot_be_cast_computes_in_single_precision_and_says_so(machine, version, monkeypatch):
    trt = machine(version)
    monkeypatch.setattr(onnx_half, "HALF_OPERATORS", frozenset({"Conv"}))
    notes = []
    assert "in FP32 on" in opened(notes=notes).told
    assert "computes in FP32, as it has weights or operators that FP16 has not" in notes[0]
    assert not trt.built[0]["flags"]


@pytest.mark.parametrize("version", TYPES)
def test_without_the_package_onnx_the_way_to_half_precision_is_told(machine, version, monkeypatch):
    machine(version)

    monkeypatch.setitem(sys.modules, "onnx", None)
    notes = []
    assert "in FP32 on" in opened(notes=notes).told
    assert "computes in FP32, as the package onnx cannot be imported (" in notes[0]
    assert notes[0].endswith("; pip install onnx")


@pytest.mark.parametrize("version", TYPES)
def test_an_int8_network_keeps_its_types(machine, version):
    trt = machine(version)
    assert "in INT8 and FP32 on" in opened(FILES["int8"]).told
    assert not trt.built[0]["half"]
    assert not trt.built[0]["flags"]


def test_the_engine_is_built_once_and_read_from_the_cache_after(machine, tmp_path):
    trt = machine()
    notes = []
    opened(notes=notes).close()
    assert "builds an engine for this GPU and tiles of this size; that takes minutes, once" in notes[0]
    (kept,) = engines(tmp_path)
    assert kept.parent.stat().st_mode & 0o077 == 0
    assert list(kept.parent.iterdir()) == [kept]
    again = []
    opened(notes=again)
    assert len(trt.built) == 1
    assert not again


@pytest.mark.parametrize(
    ("second", "path", "tile"),
    [
        ({"version": VERSIONS[2]}, FILES["float"], None),
        ({"gpu": "Xavier"}, FILES["float"], None),
        ({}, FILES["int8"], None),
        ({}, FILES["float"], 64),
    ],
    ids=["version", "gpu", "network", "tile"],
)
def test_another_version_gpu_network_or_tile_has_an_engine_of_its_own(machine, tmp_path, second, path, tile):
    machine()
    opened()
    trt = machine(**second)
    tensorrt.ENTRY.open(path, Placement(tile=tile))
    assert len(trt.built) == 1
    assert len(engines(tmp_path)) == 2


@pytest.mark.parametrize("damage", [lambda raw: raw[:-3], lambda raw: raw[:40] + b"X" + raw[41:], lambda raw: b""])
def test_a_damaged_engine_never_reaches_tensorrt_and_is_built_anew(machine, tmp_path, damage):
    trt = machine()
    opened()
    (kept,) = engines(tmp_path)
    kept.write_bytes(damage(kept.read_bytes()))
    notes = []
    opened(notes=notes)
    assert len(trt.built) == 2
    assert f"the engine kept in {kept} is built anew: it is damaged" in notes[0]
    opened()
    assert len(trt.built) == 2


def test_a_kept_engine_that_tensorrt_refuses_is_built_anew(machine, tmp_path):
    trt = machine()
    opened()
    (kept,) = engines(tmp_path)
    plan = json.dumps({"version": "1.0"}).encode()
    kept.write_bytes(hashlib.sha256(plan).digest() + plan)
    notes = []
    opened(notes=notes)
    assert len(trt.built) == 2
    assert "is built anew: TensorRT 10.3.0 cannot load the engine: The engine plan file is not compatible" in notes[0]


def test_a_cache_that_cannot_be_written_is_no_error(machine, tmp_path):
    machine()
    (tmp_path / "cache").write_text("in the way")
    notes = []
    opened(notes=notes)
    assert "the engine cannot be kept, so the next run builds it again" in notes[-1]


def test_a_user_without_a_home_builds_every_time(machine, tmp_path, monkeypatch):
    machine()
    monkeypatch.delenv("XDG_CACHE_HOME")

    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    notes = []
    opened(notes=notes)
    assert "Could not determine home directory" in notes[-1]


def test_messages_of_tensorrt_go_to_logging_and_the_chatter_does_not(machine, caplog):
    machine()
    with caplog.at_level(logging.DEBUG, "tomopy_edge.networks.tensorrt_api"):
        opened()
    told = [(one.levelname, one.getMessage()) for one in caplog.records if one.name.endswith("tensorrt_api")]
    assert told == [("DEBUG", "TensorRT: Detected 1 inputs and 1 output network tensors.")]


def test_a_file_that_is_not_there_is_named(machine, tmp_path):
    machine()
    with pytest.raises(ModelError, match=r"gone\.onnx: cannot be read: No such file"):
        opened(tmp_path / "gone.onnx")


@pytest.mark.parametrize(
    ("version", "told"), [(VERSIONS[1], "TensorRT 10.3.0 cannot read it: "), (VERSIONS[3], "is no ONNX network: ")]
)
def test_a_file_that_is_no_network_is_refused_and_the_gpu_given_back(machine, tmp_path, version, told):
    machine(version)
    path = tmp_path / "bad.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(ModelError, match=rf"bad\.onnx: {told}"):
        opened(path)
    assert not StandInGpu.last.held


@pytest.mark.parametrize(
    ("taken", "given"), [((1, 8, 8), (1, 8, 8)), ((1, 8, 8, 3), (1, 8, 8, 3)), ((1, 8, 8, 1), (1, 4, 8, 1))]
)
def test_a_network_that_is_none_for_slices_is_refused_with_its_shapes(machine, tmp_path, taken, given):
    machine()
    with pytest.raises(ModelError, match=r"ends\.onnx: expected an input \(tile, y, x, channel\) and an output"):
        opened(with_ends(tmp_path, taken, given))
    assert not StandInGpu.last.held


def test_a_network_that_cannot_be_built_comes_with_the_first_of_tensorrts_errors(machine, tmp_path):
    machine()
    with pytest.raises(BackendError, match=r"10\.3\.0 cannot build it for this GPU: Network has dynamic inputs"):
        opened(with_ends(tmp_path, (None, 8, 8, 1), (None, 8, 8, 1)))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_null_builder_is_a_sentence(machine, version):
    machine(version, driver=False)
    with pytest.raises(BackendError, match=rf"TensorRT {version} cannot use the GPU: CUDA initialization failure"):
        opened()
    found = tensorrt._probe()
    assert not found.works
    assert found.version == version
    assert "cannot use the GPU: CUDA initialization failure with error: 35; its CUDA must not be newer" in found.told


def test_a_device_that_is_not_there_is_told_with_those_that_are(machine):
    machine()
    with pytest.raises(BackendError, match=r"runtime tensorrt: has no device 'cuda:2' \(there are: cuda:0, cuda:1\)"):
        tensorrt.ENTRY.open(FILES["float"], Placement(device="cuda:2"))


@pytest.mark.parametrize(("device", "taken"), [(None, "cuda:0"), ("cuda", "cuda:0"), ("cuda:1", "cuda:1")])
def test_the_device_that_is_named_runs_it_or_else_the_first(machine, device, taken):
    machine()
    assert tensorrt.ENTRY.open(FILES["float"], Placement(device=device)).told.endswith(f"on Orin ({taken})")


def test_what_is_under_way_after_a_fault_is_waited_for_before_its_memory_is_given_back(machine, tmp_path):
    machine()
    backend = opened(with_ends(tmp_path, (1, 8, 8, 1), (1, 8, 8, 1)))
    gpu = StandInGpu.last
    gpu.download = None
    with pytest.raises(TypeError):
        backend.infer(np.zeros((1, 8, 8, 1), np.float32))
    assert any(gpu.streams.values())
    backend.close()
    assert not gpu.held


def test_a_gpu_that_is_lost_is_a_sentence_and_what_it_owed_stays_out_of_later_answers(machine):
    machine(fails=True)
    backend = opened()
    tiles = np.ones((3, 128, 128, 3), np.float32)
    with pytest.raises(BackendError, match=r"\(cuda:0\): .* CUDA_ERROR_LAUNCH_FAILED; the GPU may be lost"):
        backend.infer(tiles)
    StandInGpu.last.fails = False
    np.testing.assert_array_equal(backend.infer(tiles), answer_to(tiles))


def test_a_network_that_is_closed_gives_the_gpu_back_once(machine):
    machine()
    backend = opened()
    backend.close()
    backend.close()
    assert not StandInGpu.last.held
    with pytest.raises(RuntimeError, match="this network is closed"):
        backend.infer(np.ones((1, 128, 128, 3), np.float32))


def test_a_probe_without_the_package_onnx_says_so(machine, monkeypatch):
    machine()
    monkeypatch.setattr(tensorrt, "find_spec", lambda name: None)
    found = tensorrt._probe()
    assert (found.works, found.version) == (False, "10.3.0")
    assert found.told.endswith("the package onnx, is missing; pip install onnx")


def test_a_probe_that_works_tells_gpu_version_and_devices(machine):
    machine()
    found = tensorrt._probe()
    assert (found.works, found.told, found.version) == (True, "Orin, compute capability 8.7", "10.3.0")
    assert found.devices == ("cuda:0", "cuda:1")
    assert not StandInGpu.last.held


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"__version__": "8.5.3.1"}, r"TensorRT 8\.5\.3\.1 is too old; 8\.6 is the first"),
        ({"Builder": None}, "has no Builder; it is a part or a stub of TensorRT"),
    ],
)
def test_another_tensorrt_is_refused_with_what_it_lacks(machine, change, told):
    trt = machine()
    for name, value in change.items():
        if value is None:
            delattr(trt, name)
        else:
            setattr(trt, name, value)
    with pytest.raises(BackendError, match=told):
        api.load()


@pytest.mark.skipif(importlib.util.find_spec("tensorrt") is not None, reason="TensorRT is installed here")
def test_without_tensorrt_the_probe_says_where_to_get_it():
    found = probed(tensorrt.ENTRY)
    assert not found.works
    assert found.told.startswith("TensorRT cannot be imported (No module named 'tensorrt'); on a Jetson it comes with")

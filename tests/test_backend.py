"""What every runtime of this machine must hold, tried on networks that are shipped, and on one made of numpy."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

import tomopy_edge
from tomopy_edge.backend import Backend, Ends, Placement, Probe, slice_shape
from tomopy_edge.codes import QuantParams
from tomopy_edge.errors import BackendError, ModelError
from tomopy_edge.networks.agreement import apart
from tomopy_edge.networks.manifest import open_model
from tomopy_edge.networks.probing import probed
from tomopy_edge.networks.quantize import quantize
from tomopy_edge.networks.resizing import with_tile
from tomopy_edge.networks.runtimes import files_for
from tomopy_edge.plugins import load_catalogue

MODEL = open_model("tomogan-compact")
RUNTIMES = load_catalogue(installed=False).backends


def networks_here():
    """One small network of each precision for each runtime that works on this machine."""
    for entry in RUNTIMES.values():
        files = files_for(entry, MODEL.manifest.denoise) if probed(entry).works else ()
        for precision in dict.fromkeys(file.precision for file in files):
            fitting = [file for file in files if file.precision == precision]
            yield pytest.param((entry, min(fitting, key=lambda file: file.tile)), id=f"{entry.name}-{precision}")


@pytest.fixture(params=networks_here())
def opened(request):
    entry, file = request.param
    whole = file.tile if entry.whole else None
    backend = entry.open(MODEL.path(file.file, file.sha256), Placement(threads=1, tile=whole))
    yield backend
    backend.close()


def tiles_for(backend, count, seed=0):
    """Tiles of a disc with noise, as the backend takes them."""
    _, tile, _, channels = backend.ends.shape
    v, u = np.ogrid[:tile, :tile]
    disc = np.where(np.hypot(v - tile / 2, u - tile / 2) < tile / 3, 1, 0)[None, :, :, None]
    noise = np.random.default_rng(seed).normal(scale=0.3, size=(count, tile, tile, channels))
    tiles = (disc + noise).astype(np.float32)
    return tiles if backend.ends.input_params is None else quantize(tiles, backend.ends.input_params)[0]


def reference_answer(content, tiles):
    """The answer of the kernels that LiteRT takes for the definition of its operators."""
    interpreter = Interpreter(model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], tiles)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[..., 0]


@pytest.mark.parametrize("pair", [pair for pair in networks_here() if pair.values[0][0].reads == "tflite"])
def test_the_answer_is_that_of_the_reference_kernels_but_for_the_rounding_of_some_codes(pair, tmp_path):
    entry, file = pair
    path = tmp_path / file.file
    # Those of float32 are slow.
    path.write_bytes(with_tile(MODEL.path(file.file, file.sha256).read_bytes(), 64))
    backend = entry.open(path, Placement(threads=1, tile=64 if entry.whole else None))
    tiles = tiles_for(backend, 1)
    answer = backend.infer(tiles)
    backend.close()
    assert apart(answer, reference_answer(path.read_bytes(), tiles)) is None
    assert apart(answer + answer.dtype.type(2), reference_answer(path.read_bytes(), tiles)) is not None


@pytest.mark.parametrize("count", [0, 1, 3, 5])
def test_any_number_of_tiles_is_answered_each_as_if_it_were_alone(opened, count):
    tiles = tiles_for(opened, count)
    answers = opened.infer(tiles)
    assert answers.shape == tiles.shape[:3]
    assert answers.dtype == tiles.dtype
    for tile, answer in zip(tiles, answers, strict=True):
        np.testing.assert_array_equal(opened.infer(tile[None])[0], answer)


def test_an_answer_is_the_callers_and_stays(opened):
    first = opened.infer(tiles_for(opened, 1))
    kept = first.copy()
    second = opened.infer(tiles_for(opened, 1, seed=1))
    np.testing.assert_array_equal(first, kept)
    assert not np.array_equal(first, second)


def test_a_closed_network_may_be_closed_again_but_not_used(opened):
    opened.close()
    opened.close()
    with pytest.raises(RuntimeError, match="this network is closed"):
        opened.infer(tiles_for(opened, 1))


def test_threads_that_share_a_network_get_the_answers_they_would_get_alone(opened):
    wanted = [opened.infer(tiles_for(opened, 2, seed)) for seed in range(4)]
    given = [None] * 4

    def ask(seed):
        given[seed] = opened.infer(tiles_for(opened, 2, seed))

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for got, right in zip(given, wanted, strict=True):
        np.testing.assert_array_equal(got, right)


def test_tiles_of_another_shape_or_type_are_refused_with_what_is_taken(opened):
    tiles = tiles_for(opened, 1)
    with pytest.raises(ValueError, match=r"tiles: expected (int8|float32) \(tile, y, x, channel\) with tiles of"):
        opened.infer(tiles[:, 1:])
    with pytest.raises(ValueError, match="got float64"):
        opened.infer(tiles.astype(np.float64))


def test_a_network_says_what_runs_it(opened):
    assert opened.told


@pytest.mark.parametrize("pair", [*networks_here()])
def test_a_device_that_a_runtime_does_not_have_is_refused(pair):
    entry, file = pair
    with pytest.raises(BackendError, match=f"runtime {entry.name}: has no device 'usb:99'"):
        entry.open(MODEL.path(file.file, file.sha256), Placement(device="usb:99"))


@pytest.mark.parametrize(
    ("device", "there", "meant"),
    [
        (None, (), ("cpu",)),
        ("cpu", (), ("cpu",)),
        (None, ("usb:0", "usb:1"), ("usb:0", "usb:1")),
        ("usb", ("usb:0", "pci:0", "usb:1"), ("usb:0", "usb:1")),
        ("usb:1", ("usb:0", "usb:1"), ("usb:1",)),
        ("cuda:3", ("tensorrt", "cuda", "cpu"), ("cuda:3",)),
    ],
)
def test_a_device_is_named_by_itself_by_its_kind_or_by_its_number_where_none_are_counted(device, there, meant):
    assert Placement(device=device).devices("thing", there) == meant


@pytest.mark.parametrize(
    ("device", "there"),
    [("cpu:1", ()), ("gpu", ()), ("us", ("usb:0",)), ("usb:2", ("usb:0",)), ("cuda:x", ("cuda",)), ("", ("usb:0",))],
)
def test_a_device_that_is_not_there_is_refused_with_those_that_are(device, there):
    told = rf"thing: has no device '{device}' \(there are: {', '.join(there) or 'cpu'}\)"
    with pytest.raises(BackendError, match=told):
        Placement(device=device).devices("thing", there)


SOURCE = Path("one.net")
IN, OUT = (1, 8, 8, 3), (1, 8, 8, 1)


def test_the_shape_that_a_network_takes_is_told_in_plain_numbers():
    shape = slice_shape([np.array(IN, np.int32)], [np.array(OUT, np.int32)], SOURCE)
    assert shape == IN
    assert {type(edge) for edge in shape} == {int}


@pytest.mark.parametrize(("inputs", "outputs"), [(0, 1), (2, 1), (1, 0), (1, 2)])
def test_a_network_with_more_or_fewer_ends_is_refused_with_their_number(inputs, outputs):
    with pytest.raises(ModelError, match=rf"one\.net: expected one input and one output, got {inputs} and {outputs}"):
        slice_shape([IN] * inputs, [OUT] * outputs, SOURCE)


@pytest.mark.parametrize(
    ("taken", "given"),
    [
        (IN, IN),
        (IN, (1, 8, 8)),
        (IN, (1, 4, 8, 1)),
        ((8, 8), (8, 1)),
        (("batch", 8, 8, 3), ("batch", 8, 8, 1)),
        ((None, 8, 8, 3), (None, 8, 8, 1)),
        ((-1, 8, 8, 3), (-1, 8, 8, 1)),
    ],
    ids=["channels", "flat", "smaller", "plain", "named", "open", "negative"],
)
def test_a_network_that_is_not_for_slices_is_refused_with_its_shapes(taken, given):
    with pytest.raises(ModelError) as refused:
        slice_shape([taken], [given], SOURCE)
    assert str(refused.value) == (
        "one.net: expected an input (tile, y, x, channel) and an output (tile, y, x, 1) of fixed shapes, got "
        f"{taken} and {given}"
    )


class Careless(Backend):
    """A network that answers twice what it is given, from a buffer that it uses again, and says who is inside."""

    def __init__(self, io="float32"):
        params = None if io == "float32" else QuantParams(0.1, 0)
        super().__init__(Ends((2, 4, 4, 1), params, params, io), "numpy")
        self.buffer = np.zeros((2, 4, 4, 1), io)
        self.inside, self.most, self.freed = 0, 0, 0

    def _run(self, batch):
        self.inside += 1
        self.most = max(self.most, self.inside)
        assert batch.flags.c_contiguous
        assert batch.dtype == self.ends.io
        self.buffer[...] = batch
        threading.Event().wait(0.002)
        self.inside -= 1
        return self.buffer

    def _free(self):
        self.freed += 1


def test_the_buffer_of_a_careless_runtime_never_reaches_a_caller():
    network = Careless()
    first = network.infer(np.ones((2, 4, 4, 1), np.float32))
    network.infer(np.zeros((2, 4, 4, 1), np.float32))
    assert (first == 1).all()


def test_threads_take_turns():
    network = Careless()
    threads = [threading.Thread(target=network.infer, args=(np.ones((4, 4, 4, 1), np.float32),)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert network.most == 1


def test_codes_of_uint8_are_hidden():
    codes = np.arange(-128, -128 + 32, dtype=np.int8).reshape(2, 4, 4, 1)
    network = Careless("uint8")
    np.testing.assert_array_equal(network.infer(codes), codes[..., 0])
    np.testing.assert_array_equal(network.buffer.ravel(), np.arange(32))


class Wrong(Careless):
    """A network that gives what `made` makes of the answer."""

    def __init__(self, io, made):
        super().__init__(io)
        self.made = made

    def _run(self, batch):
        return self.made(super()._run(batch))


@pytest.mark.parametrize(
    ("io", "made", "got"),
    [
        ("int8", lambda answer: answer.astype(np.float32) * 3, r"float32 \(2, 4, 4, 1\)"),
        ("uint8", lambda answer: answer.astype(np.float32) * 3, r"float32 \(2, 4, 4, 1\)"),
        ("uint8", lambda answer: answer.view(np.int8), r"int8 \(2, 4, 4, 1\)"),
        ("float32", lambda answer: answer.astype(np.float64), r"float64 \(2, 4, 4, 1\)"),
        ("float32", lambda answer: answer[..., 0].transpose(1, 2, 0), r"float32 \(4, 4, 2\)"),
        ("float32", lambda answer: answer[:, 1:], r"float32 \(2, 3, 4, 1\)"),
        ("float32", lambda answer: answer.ravel(), r"float32 \(32,\)"),
        ("float32", lambda _: None, r"object \(\)"),
    ],
)
def test_an_answer_of_another_type_or_shape_is_an_error_that_names_the_runtime(io, made, got):
    network = Wrong(io, made)
    tiles = np.zeros((3, 4, 4, 1), network.ends.kind)
    with pytest.raises(
        BackendError, match=rf"numpy: expected an answer of {io} \(2, 4, 4\), got {got}; that is a fault"
    ):
        network.infer(tiles)


def test_an_answer_may_have_its_one_channel_or_not():
    tiles = np.ones((3, 4, 4, 1), np.float32)
    np.testing.assert_array_equal(Wrong("float32", lambda answer: answer[..., 0]).infer(tiles), tiles[..., 0])


def test_what_is_closed_is_freed_once():
    network = Careless()
    network.close()
    network.close()
    assert network.freed == 1


def test_a_runtime_of_a_plugin_is_offered_with_the_built_in_ones_and_runs_a_network():
    opened = []

    def open_it(path, placement):
        opened.append((path.name, placement.threads))
        return RUNTIMES["litert"].open(path, placement)

    def probe():
        return Probe(works=True, told="a sketch")

    class Plugin:
        @tomopy_edge.hookimpl
        def tomopy_edge_backends(self):
            yield tomopy_edge.BackendEntry("sketch", "The Sketch accelerator", "tflite", open_it, probe)

    from tomopy_edge.catalogue import ask
    from tomopy_edge.denoisers.tomogan import NetworkOptions, settle_tomogan
    from tomopy_edge.plugins import make_manager

    manager = make_manager(installed=False)
    manager.register(Plugin(), name="sketch")
    job = tomopy_edge.Job(ncore=1, catalogue=ask(manager))
    slices = np.random.default_rng(0).normal(1, 0.2, (3, 64, 64)).astype(np.float32)
    volume = tomopy_edge.Volume(slices, 0)
    settled = settle_tomogan(NetworkOptions(model="tomogan-compact", runtime="sketch", tile=64), volume, job)
    denoiser = job.catalogue.denoisers["tomogan"].create(settled, job)
    plain = job.catalogue.denoisers["tomogan"].create(replace(settled, runtime="litert"), job)
    np.testing.assert_array_equal(denoiser(slices), plain(slices))
    assert opened == [("tomogan-compact_int8_64.tflite", 1)]

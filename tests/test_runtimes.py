"""Which runtime runs a network, and what is said where one does not."""

from dataclasses import replace

import numpy as np
import pytest

from tomopy_edge.backend import Probe
from tomopy_edge.catalogue import Catalogue
from tomopy_edge.data import Volume
from tomopy_edge.denoisers.tomogan import NetworkOptions, check_network, settle_tomogan
from tomopy_edge.errors import BackendError, ModelError, PluginError
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.job import Job
from tomopy_edge.networks import litert, room, runtimes
from tomopy_edge.networks.manifest import open_model
from tomopy_edge.networks.runtimes import Wish, able, choose_file, partner_for, settle_runtime

MODEL = open_model("tomogan")
NETWORKS = MODEL.manifest.denoise


def works():
    return Probe(works=True, told="it works", version="1.0", devices=("usb:0", "usb:1"))


def fails():
    return Probe(works=False, told="there is no such device; plug it in")


def entry(probe, name="thing", **more):
    return BackendEntry(name, "A thing", **{"reads": "tflite", "open": None, "probe": probe} | more)


def broken(name):
    return entry(fails, name, alike=True)


def job(*entries):
    return Job(ncore=1, catalogue=Catalogue({}, {}, {}, {one.name: one for one in entries}))


def test_auto_takes_the_first_that_works_of_those_that_give_the_same_answers():
    told = job(entry(works, "other"), entry(fails, "broken", alike=True), entry(works, "good", alike=True))
    assert settle_runtime("auto", NETWORKS, told, "denoise", fallback=False).name == "good"


@pytest.fixture
def chosen_from(monkeypatch):
    """The candidates that the measured choice was given; it takes the last."""
    given = []

    def last(candidates, model, shape, threads, note):
        given.extend(candidates)
        note("measured")
        return candidates[-1].entry

    monkeypatch.setattr(runtimes, "fastest", last)
    return given


def settled(wish, networks, *entries):
    told = job(*entries)
    return settle_runtime("auto", networks, told, "denoise", fallback=False, wish=wish).name, told.tally.notes


def test_auto_measures_those_that_give_the_same_answers_and_work_here(chosen_from):
    others = entry(works, "other"), entry(fails, "broken", alike=True), entry(works, "big", alike=True, whole=True)
    wish = Wish(MODEL, None, None, (1024, 1024))
    name, notes = settled(wish, NETWORKS, litert.ENTRY, *others, entry(works, "good", alike=True))
    assert name == "good"
    assert [one.entry.name for one in chosen_from] == ["litert", "good"]
    assert {one.runs for one in chosen_from} == {NETWORKS.choose(None, None, (1024, 1024))}
    assert {one.file for one in chosen_from} == {NETWORKS.choose(None, 256, (1024, 1024))}
    assert notes == {"denoise": ["measured"]}


def test_auto_measures_nothing_where_there_is_one_runtime_or_nothing_to_run(chosen_from):
    wish = Wish(MODEL, None, None, (64, 64))
    assert settled(wish, NETWORKS, litert.ENTRY, entry(works, "other"))[0] == "litert"
    assert settled(None, NETWORKS, litert.ENTRY, entry(works, "good", alike=True))[0] == "litert"
    assert chosen_from == []


def test_auto_compares_a_compiled_network_with_what_it_was_compiled_from(chosen_from):
    original = replace(NETWORKS.choose("int8", 128, (64, 64)), file="uint8.tflite", io="uint8")
    compiled = replace(original, file="compiled.tflite", sha256="0", compiled_from=original.file)
    device = entry(works, "device", reads="edgetpu", alike=True)
    held = replace(NETWORKS, networks=(*NETWORKS.networks, original), compiled=(compiled,))
    assert settled(Wish(MODEL, "int8", None, (64, 64)), held, litert.ENTRY, device)[0] == "device"
    assert (chosen_from[-1].file, chosen_from[-1].reference) == (compiled, original)


def test_auto_never_changes_the_precision_or_the_tile_for_speed(chosen_from):
    original = NETWORKS.choose("int8", 128, (64, 64))
    compiled = replace(original, file="compiled.tflite", compiled_from=original.file)
    device = entry(works, "device", reads="edgetpu", alike=True)
    held = replace(NETWORKS, compiled=(compiled,))
    assert settled(Wish(MODEL, "float", None, (64, 64)), held, litert.ENTRY, device)[0] == "litert"
    assert settled(Wish(MODEL, "int8", 256, (64, 64)), held, litert.ENTRY, device)[0] == "litert"
    assert chosen_from == []
    other = entry(works, "other", reads="edgetpu", alike=True)
    with pytest.raises(ModelError, match="the model holds no float network that runtime device could run, only int8"):
        settled(Wish(MODEL, "float", None, (64, 64)), held, device, other)


def test_auto_says_what_it_tried_where_nothing_works():
    with pytest.raises(
        BackendError, match=r"no runtime works on this machine: a: there is no such device; plug it in; b: "
    ):
        settle_runtime(
            "auto",
            NETWORKS,
            job(entry(fails, "a", alike=True), entry(fails, "b", alike=True)),
            "denoise",
            fallback=True,
        )


def test_a_named_runtime_that_does_not_work_is_an_error_unless_another_may_take_over():
    told = job(entry(fails), litert.ENTRY)
    with pytest.raises(BackendError, match="runtime thing: there is no such device; plug it in; or leave the option"):
        settle_runtime("thing", NETWORKS, told, "denoise", fallback=False)
    assert settle_runtime("thing", NETWORKS, told, "denoise", fallback=True) is litert.ENTRY
    (note,) = told.tally.notes["denoise"]
    assert note == "runtime thing: there is no such device; plug it in; the recipe allows another runtime"


def test_the_settled_recipe_names_the_runtime_and_a_device_only_where_it_is_one_of_that_runtime():
    volume = Volume(np.random.default_rng(0).normal(1, 0.2, (3, 64, 64)).astype(np.float32), 0)
    told = job(entry(fails), entry(works, "good", alike=True))
    options = NetworkOptions(runtime="thing", device="usb:0", fallback=True)
    settled = settle_tomogan(options, volume, told)
    assert (settled.runtime, settled.device) == ("good", None)
    assert settle_tomogan(replace(options, runtime="good"), volume, told).device == "usb:0"


def test_an_unknown_runtime_is_refused_with_the_nearest_name():
    with pytest.raises(PluginError, match="no runtime is named 'litertt'; did you mean 'litert'"):
        able("litertt", NETWORKS, job(litert.ENTRY).catalogue)
    with pytest.raises(PluginError, match="no runtime is named 'litertt'"):
        check_network(NetworkOptions(runtime="litertt"), job(litert.ENTRY).catalogue, "denoise")


def test_a_model_without_files_for_a_runtime_is_refused_with_the_command_that_makes_them():
    with pytest.raises(ModelError, match="runtime thing: the model holds no network that it could run; tomopy-edge co"):
        choose_file(entry(works, reads="edgetpu"), NETWORKS, None, None, (64, 64))
    with pytest.raises(ModelError, match="the model holds no chained network that it could run; tomopy-edge export"):
        choose_file(entry(works, reads="onnx", precisions=("chained",)), NETWORKS, None, None, (64, 64))


def test_a_runtime_of_one_precision_runs_that_one_where_none_is_asked_for():
    assert choose_file(entry(works, precisions=("float",)), NETWORKS, None, None, (64, 64)).precision == "float"
    with pytest.raises(ModelError, match="the model holds no int8 network that runtime thing could run, only float"):
        choose_file(entry(works, precisions=("float",)), NETWORKS, "int8", None, (64, 64))


@pytest.mark.parametrize("shape", [(64, 64), (100, 333), (1024, 1024)])
def test_a_runtime_of_whole_slices_gets_one_tile_with_all_that_the_network_sees(shape):
    file = choose_file(entry(works, whole=True, precisions=("float",)), NETWORKS, None, None, shape)
    grid = file.grid(shape)
    assert grid.counts == (1, 1)
    assert file.tile % NETWORKS.multiple == 0
    assert NETWORKS.is_exact(file)
    assert file.tile < max(shape) + 2 * (NETWORKS.reach + NETWORKS.multiple) + NETWORKS.multiple
    assert replace(file, tile=256, halo=56, stride=144).file == file.file


def test_auto_says_where_speed_costs_seams(chosen_from):
    small = next(file for file in NETWORKS.networks if (file.precision, file.tile) == ("int8", 64))
    compiled = replace(small, file="compiled.tflite", compiled_from=small.file)
    held = replace(NETWORKS, compiled=(compiled,))
    device = entry(works, "device", reads="edgetpu", alike=True)
    _, notes = settled(Wish(MODEL, "int8", None, (1024, 1024)), held, litert.ENTRY, device)
    assert "its tiles of 64 pixels are blended; runtime litert has some that leave no seam" in notes["denoise"]
    _, notes = settled(Wish(MODEL, "int8", 64, (1024, 1024)), held, litert.ENTRY, device)
    assert notes == {"denoise": ["measured"]}


def test_a_device_without_its_runtime_is_refused():
    with pytest.raises(ValueError, match="device: 'usb:0' is one of a runtime's devices; name the runtime too"):
        NetworkOptions(device="usb:0")


def test_a_runtime_of_whole_slices_takes_tiles_of_the_edge_that_is_named():
    whole = entry(works, whole=True, precisions=("float",))
    file = choose_file(whole, NETWORKS, None, 512, (1000, 1000))
    assert (file.tile, file.stride) == (512, 512 - 2 * file.halo)
    assert NETWORKS.is_exact(file)


@pytest.mark.parametrize("tile", [130, 16])
def test_a_tile_that_leaves_nothing_or_does_not_suit_the_network_is_refused(tile):
    with pytest.raises(ModelError, match=rf"tile: must be a multiple of \d+ above \d+ pixels, .*; got {tile}"):
        choose_file(entry(works, whole=True, precisions=("float",)), NETWORKS, None, tile, (1000, 1000))


@pytest.mark.parametrize("fallback", [True, False])
def test_a_model_without_files_for_a_runtime_runs_on_another_where_the_recipe_allows_it(fallback):
    device = entry(works, "device", reads="edgetpu")
    options = NetworkOptions(runtime="device", fallback=fallback)
    told = job(litert.ENTRY, device)
    volume = Volume(np.random.default_rng(0).random((1, 64, 64), np.float32))
    if fallback:
        check_network(options, told.catalogue, "denoise")
        assert settle_tomogan(options, volume, told).runtime == "litert"
        assert "the model holds no network that it could run" in told.tally.notes["denoise"][0]
        return
    for refused in (
        lambda: check_network(options, told.catalogue, "denoise"),
        lambda: settle_tomogan(options, volume, told),
    ):
        with pytest.raises(ModelError, match="the model holds no network that it could run"):
            refused()


def test_before_fine_tune_a_runtime_runs_what_it_holds_of_what_that_was_trained_on():
    compact = open_model("tomogan-compact").manifest.denoise
    told = job(litert.ENTRY, entry(works, "onnx", reads="onnx"), entry(works, "float", precisions=("float",))).catalogue
    assert [partner_for(name, compact, told) for name in ("auto", "litert", "onnx", "float")] == [
        "int8-ptq",
        "int8-ptq",
        "int8",
        "float",
    ]
    with pytest.raises(PluginError, match="no runtime is named 'flot'; did you mean 'float'"):
        partner_for("flot", compact, told)


@pytest.mark.parametrize("tile", [None, 512])
def test_the_choice_is_the_same_however_much_memory_is_free_and_the_tile_alone_becomes_smaller(
    chosen_from, monkeypatch, tile
):
    volume = Volume(np.random.default_rng(0).normal(1, 0.2, (1, 1000, 1000)).astype(np.float32))
    told = job(litert.ENTRY, entry(works, "good", alike=True))
    settled = []
    for free in (10**10, 260 * 10**6):
        monkeypatch.setattr(room, "free_memory", lambda free=free: free)
        options = NetworkOptions(precision="int8", unit=1.0, tile=tile)
        settled.append(settle_tomogan(options, volume, told))
    plenty, little = chosen_from[:2], chosen_from[2:]
    assert plenty == little
    assert settled[0].runtime == settled[1].runtime == "good"
    assert [one.tile for one in settled] == ([1136, 256] if tile is None else [512, 512])
    assert [one.file.tile for one in plenty] == [256, 256]


def test_nothing_is_measured_that_there_is_no_memory_for(chosen_from, monkeypatch):
    monkeypatch.setattr(room, "free_memory", lambda: 40 * 10**6)
    told = job(litert.ENTRY, entry(works, "good", alike=True))
    wish = Wish(MODEL, "int8", None, (1000, 1000))
    with pytest.raises(BackendError, match=r"tiles of 256 pixels, take 0\.034 to 0\.046 GB of memory, and 0\.04"):
        settle_runtime("auto", NETWORKS, told, "denoise", fallback=False, wish=wish)
    assert chosen_from == []


def test_what_is_measured_on_other_tiles_is_told_for_those_that_would_run(chosen_from):
    settled(Wish(MODEL, "int8", None, (1024, 1024)), NETWORKS, litert.ENTRY, entry(works, "good", alike=True))
    one = chosen_from[0]
    assert (one.file.tile, one.runs.tile) == (256, 1136)
    # One tile of 1136 pixels has the pixels of 19.7 of 256, and these take as long as 19.7 of those.
    assert one.seconds(0.1, (1024, 1024)) == pytest.approx(0.1 * (1136 / 256) ** 2)


def test_a_device_of_a_runtime_is_looked_for_before_anything_is_read():
    catalogue = job(litert.ENTRY, entry(works, "stick"), entry(fails)).catalogue
    with pytest.raises(BackendError, match=r"runtime litert: has no device 'gpu' \(there are: cpu\)$"):
        check_network(NetworkOptions(runtime="litert", device="gpu"), catalogue, "denoise")
    with pytest.raises(BackendError, match=r"runtime stick: has no device 'usb:2' \(there are: usb:0, usb:1\)$"):
        check_network(NetworkOptions(runtime="stick", device="usb:2"), catalogue, "denoise")
    with pytest.raises(BackendError, match="runtime thing: there is no such device"):
        check_network(NetworkOptions(runtime="thing"), catalogue, "denoise")
    check_network(NetworkOptions(runtime="stick", device="usb"), catalogue, "denoise")
    check_network(NetworkOptions(runtime="thing", fallback=True), catalogue, "denoise")


def test_another_runtime_takes_over_for_a_device_that_is_not_there_too():
    volume = Volume(np.random.default_rng(0).normal(1, 0.2, (3, 64, 64)).astype(np.float32), 0)
    options = NetworkOptions(runtime="stick", device="usb:2", fallback=True)
    told = job(litert.ENTRY, entry(works, "stick"))
    settled = settle_tomogan(options, volume, told)
    assert (settled.runtime, settled.device) == ("litert", None)
    assert told.tally.notes["denoise"][0] == (
        "runtime stick: has no device 'usb:2' (there are: usb:0, usb:1); the recipe allows another runtime"
    )
    # The one that is named may take over itself, on the devices that it has.
    settled = settle_tomogan(replace(options, runtime="litert", device="gpu"), volume, told)
    assert (settled.runtime, settled.device) == ("litert", None)


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({"precisions": ("float",)}, "no int8 network that runtime thing could run, only float"),
        ({"reads": "onnx"}, "no chained network that runtime thing could run, only float and int8"),
    ],
)
def test_a_model_is_not_said_to_lack_what_the_runtime_alone_cannot_run(chosen, told):
    precision = told.split()[1]
    with pytest.raises(ModelError, match=f"the model holds {told}$"):
        choose_file(entry(works, **chosen), NETWORKS, precision, None, (64, 64))
    with pytest.raises(ModelError, match="no float network for tiles of 512 pixels that runtime thing could run, only"):
        choose_file(entry(works, reads="onnx"), NETWORKS, "float", 512, (64, 64))


def test_a_runtime_that_litert_has_nothing_to_compare_with_is_not_measured(chosen_from):
    odd = replace(NETWORKS.choose("int8", 128, (64, 64)), file="odd.onnx", tile=384, stride=368)
    held = replace(NETWORKS, onnx=(odd,))
    other = entry(works, "other", reads="onnx", alike=True)
    assert settled(Wish(MODEL, "int8", None, (64, 64)), held, litert.ENTRY, other)[0] == "litert"
    assert chosen_from == []

"""A model folder is what its manifest says, or it is refused."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from tomopy_edge.errors import ModelError
from tomopy_edge.networks.manifest import model_names, open_model
from tomopy_edge.shipped import shipped


def network(**changes):
    return {
        "file": "net.tflite",
        "sha256": hashlib.sha256(b"weights").hexdigest(),
        "precision": "int8",
        "tile": 64,
        "halo": 8,
        "stride": 48,
    } | changes


def manifest(*networks, **changes):
    return {
        "format": 1,
        "name": "toy",
        "summary": "a toy",
        "licence": "BSD-3-Clause",
        "commands": ["make toy"],
        "seed": 1,
        "denoise": {"channels": 3, "reach": 20, "multiple": 8, "networks": list(networks or [network()])},
    } | changes


@pytest.fixture
def folder(tmp_path):
    def write(content):
        (tmp_path / "net.tflite").write_bytes(b"weights")
        (tmp_path / "manifest.json").write_text(json.dumps(content) if isinstance(content, dict) else content)
        return str(tmp_path)

    return write


def test_a_file_that_was_exchanged_is_refused(folder):
    model = open_model(folder(manifest()))
    (file,) = model.manifest.denoise.networks
    assert model.path(file.file, file.sha256).read_bytes() == b"weights"
    (model.folder / "net.tflite").write_bytes(b"weighty")
    with pytest.raises(ModelError, match="damaged or was exchanged"):
        model.path(file.file, file.sha256)
    (model.folder / "net.tflite").unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        model.path(file.file, file.sha256)


def test_a_model_that_is_not_there_is_told_the_nearest():
    with pytest.raises(ModelError, match="no model is named 'tomogun'; did you mean 'tomogan'"):
        open_model("tomogun")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not JSON"),
        (manifest(format=2), "format: "),
        (manifest(nam="x"), "did you mean 'name'"),
        (manifest(network(tile=60, stride=40)), "denoise.networks: tile, halo and stride"),
        (manifest(network(halo=32)), "denoise.networks.0.halo: a tile of 64"),
        (manifest(network(stride=56)), "stride"),
        (manifest(network(file="../net.tflite")), "within the model folder"),
        (manifest(network(tile="64")), "valid integer"),
    ],
)
def test_a_faulty_manifest_is_refused_with_its_place(folder, content, words):
    with pytest.raises(ModelError) as caught:
        open_model(folder(content))
    assert words in str(caught.value)
    assert "manifest.json" in str(caught.value)


def test_a_manifest_that_is_no_text_is_refused(folder):
    name = folder(manifest())
    (Path(name) / "manifest.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(ModelError, match=r"manifest\.json: not JSON: 'utf-8' codec"):
        open_model(name)


def test_the_network_that_computes_least_without_a_seam_is_chosen(folder):
    sizes = [
        network(tile=64, halo=8, stride=48),
        network(tile=256, halo=24, stride=208),
        network(tile=512, halo=24, stride=464),
    ]
    networks = open_model(folder(manifest(*sizes))).manifest.denoise
    assert networks.choose("int8", None, (200, 200)).tile == 256
    assert networks.choose("int8", None, (464, 464)).tile == 512
    assert networks.choose("int8", 64, (464, 464)).tile == 64
    assert networks.is_exact(networks.networks[1])
    assert not networks.is_exact(networks.networks[0])


def test_one_tile_at_once_is_preferred_where_a_batch_computes_as_much(folder):
    sizes = [network(batch=4, halo=24, stride=16), network(halo=24, stride=16, io="uint8"), network(halo=24, stride=16)]
    networks = open_model(folder(manifest(*sizes))).manifest.denoise
    chosen = networks.choose("int8", None, (64, 64))
    assert (chosen.batch, chosen.io) == (1, "int8")


def test_a_batch_that_would_not_be_full_is_dearer(folder):
    sizes = [network(batch=8, tile=64, halo=24, stride=16), network(tile=128, halo=24, stride=80)]
    networks = open_model(folder(manifest(*sizes))).manifest.denoise
    # One tile of 64 would do, yet eight are computed.
    assert networks.choose("int8", None, (16, 16)).tile == 128
    assert networks.choose("int8", None, (32, 64)).tile == 128


def test_a_file_that_looks_further_than_the_others_needs_a_wider_halo_to_be_exact(folder):
    sizes = [
        network(tile=128, halo=24, stride=80),
        network(tile=128, halo=24, stride=80, precision="chained", reach=25),
    ]
    plain, chained = open_model(folder(manifest(*sizes))).manifest.denoise.networks
    networks = open_model(folder(manifest(*sizes))).manifest.denoise
    assert networks.is_exact(plain)
    assert not networks.is_exact(chained)


def test_onnx_files_are_named_and_never_chosen(folder):
    content = manifest()
    content["denoise"]["onnx"] = [network(file="net.onnx", precision="float")]
    networks = open_model(folder(content)).manifest.denoise
    assert [one.file for one in networks.onnx] == ["net.onnx"]
    with pytest.raises(ModelError, match="no float network"):
        networks.choose("float", None, (100, 100))


def advising(precision, *held):
    content = manifest(*(network(precision=each) for each in held))
    return content | {"denoise": content["denoise"] | {"advised": precision}}


@pytest.mark.parametrize("precision", ["int8", "chained", "float"])
def test_what_is_advised_runs_where_nothing_is_asked_for(folder, precision):
    networks = open_model(folder(advising(precision, "float", "int8", "chained"))).manifest.denoise
    assert networks.usual == precision
    assert networks.choose(None, None, (100, 100)).precision == precision
    assert networks.choose("int8", None, (100, 100)).precision == "int8"


@pytest.mark.parametrize(
    ("held", "usual"),
    [(("float", "int8", "chained"), "int8"), (("chained", "float"), "chained"), (("float",), "float")],
)
def test_an_older_manifest_advises_int8_or_what_it_has(folder, held, usual):
    networks = open_model(folder(manifest(*(network(precision=each) for each in held)))).manifest.denoise
    assert networks.choose(None, None, (100, 100)).precision == usual


def test_advice_that_the_files_do_not_follow_is_refused_with_file_and_field(folder):
    name = folder(advising("chained", "float", "int8"))
    with pytest.raises(ModelError) as caught:
        open_model(name)
    assert str(caught.value).splitlines() == [
        f"{name}/manifest.json:",
        "  - denoise.advised: there is no chained network (there are: float, int8)",
    ]


def test_advice_of_no_precision_is_refused_with_its_field(folder):
    with pytest.raises(ModelError, match=r"denoise\.advised: input should be 'int8', 'int8-ptq', .*, got \"int4\""):
        open_model(folder(advising("int4", "int8")))


def test_fine_tune_works_behind_what_was_quantized_after_training_only(folder):
    both, plain = ([network(precision=each) for each in held] for held in (("int8", "int8-ptq"), ("float", "int8")))
    assert open_model(folder(manifest(*both))).manifest.denoise.partner == "int8-ptq"
    assert open_model(folder(manifest(*plain))).manifest.denoise.partner == "int8"


def test_a_precision_that_the_model_lacks_is_refused_with_those_it_holds(folder):
    networks = open_model(folder(manifest(network(), network(precision="chained")))).manifest.denoise
    with pytest.raises(ModelError, match=r"no int8-ptq network \(it holds: chained, int8\)"):
        networks.choose("int8-ptq", None, (100, 100))


def test_a_precision_or_tile_that_the_model_lacks_is_refused(folder):
    networks = open_model(folder(manifest())).manifest.denoise
    with pytest.raises(ModelError, match="no float network"):
        networks.choose("float", None, (100, 100))
    with pytest.raises(ModelError, match=r"no int8 network for tiles of 128 pixels, only of \[64\]"):
        networks.choose("int8", 128, (100, 100))


@pytest.mark.parametrize("name", model_names())
def test_every_file_of_a_shipped_model_is_what_its_manifest_says(name, tmp_path):
    shutil.copytree(shipped("models") / name, tmp_path / name)
    model = open_model(str(tmp_path / name))
    parts = [model.manifest.denoise, model.manifest.fine_tune]
    for networks in filter(None, parts):
        for file in networks.networks:
            assert model.path(file.file, file.sha256).is_file()
    for file, sha256 in model.manifest.files.items():
        assert model.path(file, sha256).is_file()
    assert (model.folder / "README.md").is_file()


@pytest.mark.parametrize("name", model_names())
def test_a_shipped_model_has_both_its_networks_in_float_for_whole_slices(name):
    manifest = open_model(name).manifest
    for networks in (manifest.denoise, manifest.fine_tune):
        (file,) = [one for one in networks.networks if one.precision == "float"]
        assert networks.is_exact(file)


@pytest.mark.parametrize(("name", "advised"), [("tomogan", "int8"), ("tomogan-compact", "int8")])
def test_shipped_models_advise_what_their_figures_say(name, advised):
    assert open_model(name).manifest.denoise.advised == advised


def test_tomogan_is_shipped():
    assert "tomogan" in model_names()


@pytest.mark.parametrize("name", ["../net.tflite", "/dev/zero", "..", "", "a/b", "a\0b"])
def test_a_further_file_outside_the_folder_is_refused(folder, name):
    with pytest.raises(ModelError, match="files: must be names within the model folder"):
        open_model(folder(manifest(files={name: "0"})))


def test_a_link_that_leads_out_of_the_folder_is_followed_to_what_the_manifest_says_and_nothing_else(folder, tmp_path):
    model = open_model(folder(manifest()))
    (file,) = model.manifest.denoise.networks
    path = model.folder / file.file
    path.unlink()
    (tmp_path / "store").write_bytes(b"weights")
    path.symlink_to(tmp_path / "store")
    assert model.path(file.file, file.sha256) == path
    for target, told in (("/etc/hostname", "sha256"), ("/dev/zero", "cannot be read"), ("nowhere", "cannot be read")):
        path.unlink()
        path.symlink_to(target)
        with pytest.raises(ModelError, match=told):
            model.path(file.file, file.sha256)


@pytest.mark.parametrize("name", ["a\0b", "a" * 300, "~nobody-is-called-so/x", "/dev/zero", "/" + "x/" * 3000])
def test_a_name_that_no_folder_can_have_is_refused(name):
    with pytest.raises(ModelError, match=r"no model|embedded null byte|Not a directory"):
        open_model(name)


@pytest.mark.parametrize("content", ["[" * 100_000, '{"seed": ' + "9" * 5000 + "}", " " * 2**21])
def test_a_hostile_manifest_is_refused(folder, content):
    with pytest.raises(ModelError, match=r"not JSON|cannot be read: holds 2097152 bytes"):
        open_model(folder(content))

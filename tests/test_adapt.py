"""A model learns from one scan's own views, and is judged by views it never saw."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import argparse
import dataclasses
import json
import shutil

import h5py
import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the extra `train` is not installed")
pytest.importorskip("tensorflow", reason="the extra `train` is not installed")

import tomopy_edge  # noqa: E402 - after the skips
from tomopy_edge import adapt as adapting  # noqa: E402
from tomopy_edge.cli import STOPPED  # noqa: E402
from tomopy_edge.cli import adapt as verb  # noqa: E402
from tomopy_edge.errors import DataError, EdgeError, ModelError, OutputError  # noqa: E402
from tomopy_edge.job import Job  # noqa: E402
from tomopy_edge.networks.manifest import open_model  # noqa: E402
from tomopy_edge.plugins import load_catalogue  # noqa: E402
from tomopy_edge.readers import open_scan  # noqa: E402
from tomopy_edge.recipe import parse_recipe  # noqa: E402
from tomopy_edge.simulation.files import write_scan  # noqa: E402
from tomopy_edge.simulation.phantoms import draw_phantom  # noqa: E402
from tomopy_edge.simulation.scans import Exposure, expose  # noqa: E402
from tomopy_edge.training.adaptation import AdaptOptions, export_adapted  # noqa: E402
from tomopy_edge.training.compact import build_compact  # noqa: E402
from tomopy_edge.training.folder import ModelFolder  # noqa: E402
from tomopy_edge.training.held_out_views import Distance, distance  # noqa: E402
from tomopy_edge.training.noise2inverse import HalvesOptions, write_halves  # noqa: E402
from tomopy_edge.training.plan import TrainOptions  # noqa: E402
from tomopy_edge.training.quantize import QuantizeOptions, quantize_model  # noqa: E402
from tomopy_edge.training.train import train  # noqa: E402

# TensorFlow's variables do not know numpy 2's copy keyword yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

COLUMNS = 64


@pytest.fixture(scope="module")
def catalogue():
    return load_catalogue(installed=False)


@pytest.fixture(scope="module")
def job(catalogue):
    return Job(ncore=1, catalogue=catalogue)


@pytest.fixture(scope="module")
def recipe(catalogue):
    stages = ["read", "normalize", "minus_log", {"find_center": {"center": 32.0}}, "reconstruct"]
    return parse_recipe(stages, catalogue)


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    path = tmp_path_factory.mktemp("scan") / "grains.h5"
    rng = np.random.default_rng(1)
    exposure = Exposure(angles=64, counts=500, absorption=1.0, offset=0)
    write_scan(path, expose(draw_phantom(rng, "grains", COLUMNS), exposure, 2, COLUMNS, rng))
    return path


@pytest.fixture(scope="module")
def pairs(scan, recipe, job, tmp_path_factory):
    path = tmp_path_factory.mktemp("pairs") / "pairs.h5"
    write_halves(scan, path, HalvesOptions(), recipe=recipe, job=job)
    return path


@pytest.fixture(scope="module")
def model(pairs, tmp_path_factory):
    """The folder of a network that knows nothing yet."""
    folder = tmp_path_factory.mktemp("models") / "raw"
    keras.utils.set_random_seed(1)
    network = folder.parent / "raw.keras"
    build_compact().save(network)
    chosen = QuantizeOptions(name="raw", tiles=(64,), float_tiles=(64,), samples=4)
    quantize_model(network, pairs, folder, chosen, ("tomopy-edge train",))
    return folder


@pytest.fixture
def chosen(model):
    return AdaptOptions(model=str(model), steps=6, rate=3e-3, precision="float32", tiles=(64,))


@pytest.fixture
def run(scan, chosen, recipe, job, tmp_path):
    """Adapts the model to the scan, into the folder `new`."""

    def adapted(**changed):
        settings = {"recipe": recipe, "job": job} | changed
        return adapting.adapt(scan, tmp_path / "new", settings.pop("chosen", chosen), **settings)

    return adapted


@pytest.fixture
def judged(model, monkeypatch):
    """Trains and exports nothing, and judges as it is told: float and int8 before, float and int8 after."""

    def exported(_network, _pairs, folder, *_, **__):
        shutil.copytree(model, folder)
        return open_model(str(folder))

    def judge(*distances):
        told = iter(distances)
        monkeypatch.setattr(adapting, "train_further", lambda start, *_: start)
        monkeypatch.setattr(adapting, "export_adapted", exported)
        monkeypatch.setattr(adapting, "distance", lambda *_: Distance(4.0, next(told), 1.0, 1.0))

    return judge


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_new_model_runs_in_a_recipe_and_says_what_made_it(run, scan, tmp_path):
    done = run(command="tomopy-edge adapt grains.h5 new")
    assert done.better
    assert done.folder == tmp_path / "new"
    assert names(tmp_path) == ["new"]
    manifest = open_model(str(done.folder)).manifest
    assert manifest.name == "new"
    assert manifest.summary == "raw adapted to grains.h5"
    assert manifest.commands == ("tomopy-edge train", "tomopy-edge adapt grains.h5 new")
    with open_scan(scan) as opened:
        rows = opened.read(0, 2)
    slices = tomopy_edge.recon_and_denoise(
        rows.projections, rows.theta, 32.0, flat=rows.flats, dark=rows.darks, model=str(done.folder), ncore=1
    )
    assert slices.shape == (2, COLUMNS, COLUMNS)
    assert np.isfinite(slices).all()
    # A few steps and the level make more of a slice than nothing: the judge's figure is a real one.
    assert done.after["int8"].gain > done.before["int8"].gain
    assert done.after["float"].raw == pytest.approx(done.before["int8"].raw)


@pytest.mark.parametrize(("source", "made"), [("float", "float"), ("chained", "int8")])
def test_the_new_model_advises_what_the_old_one_did_where_it_holds_that(model, pairs, chosen, tmp_path, source, made):
    old = open_model(str(model))
    networks = old.manifest.denoise.networks
    denoise = dataclasses.replace(
        old.manifest.denoise,
        networks=(*networks, dataclasses.replace(networks[0], precision="chained")),
        advised=source,
    )
    advising = dataclasses.replace(old, manifest=dataclasses.replace(old.manifest, denoise=denoise))
    arguments = {"model": advising, "about": "new", "command": ""}
    new = export_adapted(model / "raw.keras", pairs, tmp_path / "new", chosen, **arguments)
    assert new.manifest.denoise.advised == made
    assert new.manifest.commands == old.manifest.commands


def test_both_models_are_judged_by_what_recipes_run(judged, run, chosen, model, tmp_path):
    """A model that advises its float network is judged by that alone."""
    float_first = tmp_path / "float_first"
    shutil.copytree(model, float_first)
    folder = ModelFolder.open(float_first, None)
    folder.advise("float")
    folder.close(())
    judged(2.0, 3.0, 1.9)
    done = run(chosen=dataclasses.replace(chosen, model=str(float_first)))
    assert (list(done.before), list(done.after)) == (["float"], ["float", "int8"])
    assert done.better
    assert done.gained == pytest.approx(20 * np.log10(2.0 / 1.9))


def test_a_model_that_is_no_better_is_not_written(run, judged, tmp_path):
    judged(3.0, 3.0, 2.0, 3.0)
    done = run()
    assert not done.better
    assert done.folder is None
    assert names(tmp_path) == []


def test_a_model_that_is_no_better_is_kept_where_that_is_asked_for(run, judged, tmp_path):
    judged(3.0, 3.0, 2.0, 3.5)
    done = run(keep=True)
    assert not done.better
    assert open_model(str(done.folder)).manifest.name == "raw"
    assert names(tmp_path) == ["new"]


def test_an_interrupted_run_leaves_no_model_and_goes_on_where_it_was(run, monkeypatch, tmp_path):
    import tomopy_edge.training.train as training

    begun = training.Loop.go

    def interrupted(loop, crops, held_out):
        begun(loop, crops, held_out)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(training.Loop, "go", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run()
    assert names(tmp_path) == ["new.adapting"]
    with pytest.raises(OutputError, match="go on with --resume, or remove it"):
        run()
    written = (tmp_path / "new.adapting" / "pairs.h5").stat().st_mtime_ns
    seen = []
    monkeypatch.setattr(adapting, "distance", lambda _, pairs, *__: seen.append(pairs) or Distance(4, 3, 1, 1))
    monkeypatch.setattr(adapting.shutil, "rmtree", lambda *_, **__: None)
    run(resume=True, keep=True)
    assert seen[0].stat().st_mtime_ns == written
    with (tmp_path / "new.adapting" / "trained.keras.training" / "log.csv").open() as log:
        steps = [line.split(",")[0] for line in log][1:]
    assert len(steps) == len(set(steps)), "no step was made twice"
    assert (tmp_path / "new").is_dir()


def test_a_run_that_is_killed_goes_on_from_its_last_look(run, chosen, monkeypatch, tmp_path):
    from tomopy_edge.training import adaptation
    from tomopy_edge.training.learners import Supervised

    monkeypatch.setattr(adaptation, "LOOK_EVERY", 2)
    fitted, fit = [], Supervised.fit

    def killed(learner, *given):
        if len(fitted) == 5:
            raise MemoryError
        fitted.append(given)
        return fit(learner, *given)

    with monkeypatch.context() as patched:
        patched.setattr(Supervised, "fit", killed)
        with pytest.raises(MemoryError):
            run()
    assert (tmp_path / "new.adapting" / "trained.keras").is_file()
    monkeypatch.setattr(adapting, "distance", lambda *_: Distance(4, 3, 1, 1))
    monkeypatch.setattr(adapting.shutil, "rmtree", lambda *_, **__: None)
    # Sizes of tiles matter after the training alone.
    done = run(resume=True, keep=True, chosen=dataclasses.replace(chosen, tiles=(32,)))
    with (tmp_path / "new.adapting" / "trained.keras.training" / "log.csv").open() as log:
        assert [line.split(",")[0] for line in log][1:] == ["2", "4", "6"]
    tiles = [one.tile for one in done_networks(done) if one.precision == "int8"]
    assert tiles == [32]


def done_networks(done):
    return open_model(str(done.folder)).manifest.denoise.networks


def test_tiles_that_do_not_suit_are_refused_before_anything_is_done(run, chosen, tmp_path):
    for edge, words in ((66, "a multiple of 4"), (24, "at least 32")):
        with pytest.raises(ModelError, match=f"tile: must be {words}.*, got {edge}"):
            run(chosen=dataclasses.replace(chosen, tiles=(edge,)))
    assert names(tmp_path) == []


def test_a_run_is_resumed_only_as_it_was_begun(run, chosen, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(adapting, "write_halves", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run()
    with pytest.raises(OutputError, match="begun with another steps and another seed"):
        run(resume=True, chosen=dataclasses.replace(chosen, steps=7, seed=3))


def test_nothing_to_resume_is_said(run):
    with pytest.raises(OutputError, match="holds nothing to resume"):
        run(resume=True)


def test_an_existing_folder_is_left_alone(run, tmp_path):
    (tmp_path / "new").mkdir()
    with pytest.raises(OutputError, match="new: exists"):
        run()
    assert names(tmp_path) == ["new"]


def test_a_model_without_its_keras_network_cannot_be_adapted(run, model, chosen, tmp_path):
    bare = tmp_path / "bare"
    bare.mkdir()
    manifest = json.loads((model / "manifest.json").read_text()) | {"files": {}}
    (bare / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match=r"its manifest names no raw\.keras"):
        run(chosen=dataclasses.replace(chosen, model=str(bare)))
    assert names(tmp_path) == ["bare"]


def test_too_few_views_for_the_parts_are_refused_and_may_be_tried_again(run, chosen, tmp_path):
    with pytest.raises(DataError, match="64 views in 9 parts leave 7"):
        run(chosen=dataclasses.replace(chosen, parts=9))
    assert names(tmp_path) == []


def test_distances_are_those_of_the_definition(pairs, model, job, monkeypatch):
    import tomopy_edge.training.held_out_views as judging

    class Halving:
        def __init__(self, *_):
            pass

        def __call__(self, noisy):
            return noisy[1:-1] / 2

        def close(self):
            pass

    monkeypatch.setattr(judging, "NetworkDenoiser", Halving)
    found = distance(open_model(str(model)), pairs, "float", job)
    with h5py.File(pairs) as file:
        unit = file.attrs["unit"]
        raw, others = unit * file["judge_ns"][..., 1].astype(float), unit * file["judge_gt"][()].astype(float)
    # Around the rotation axis, where FBP puts it.
    v, u = np.ogrid[:COLUMNS, :COLUMNS]
    inside = np.hypot(v - 31, u - 32) <= 0.95 * 32
    assert found.raw == pytest.approx(np.sqrt(np.mean((raw - others)[:, inside] ** 2)), rel=1e-4)
    assert found.denoised == pytest.approx(np.sqrt(np.mean((raw / 2 - others)[:, inside] ** 2)), rel=1e-4)
    assert found.shift == pytest.approx(-0.5)
    assert found.gain == pytest.approx(20 * np.log10(found.raw / found.denoised))


def test_pairs_with_nothing_held_out_judge_nobody(scan, recipe, job, model, tmp_path):
    write_halves(scan, tmp_path / "all.h5", HalvesOptions(held_out=False, slices=1), recipe=recipe, job=job)
    with pytest.raises(DataError, match="no views were held out"):
        distance(open_model(str(model)), tmp_path / "all.h5", "int8", job)


def test_a_network_is_trained_from_nothing_on_a_scans_own_pairs(pairs, tmp_path):
    plan = TrainOptions(steps=2, crop=32, batch=2, loss="mse", check_every=2)
    assert np.isfinite(train(build_compact, pairs, tmp_path / "own.keras", plan).error)


def parsed(*words):
    parser = argparse.ArgumentParser()
    verb.add(parser.add_subparsers())
    return parser.parse_args(["adapt", *map(str, words)])


def test_the_verb_tells_what_was_gained_and_by_its_exit_code_whether(scan, model, tmp_path, monkeypatch, capsys):
    given = {}

    def told(_scan, _folder, chosen, **settings):
        given.update(settings, chosen=chosen)
        return adapting.Adapted({"int8": Distance(4.0, 2.0, 1.0, 1.01)}, {"int8": after}, None)

    monkeypatch.setattr(adapting, "adapt", told)
    words = (scan, tmp_path / "new", "--model", model, "--center", 32, "--stripes", "none", "--angles-step", 2)
    after = Distance(4.0, 2.5, 1.0, 1.0)
    assert verb.run(parsed(*words, "--rows", 0, 1)) == verb.NO_BETTER
    out = capsys.readouterr().out
    assert "comes no nearer (-1.938 dB)" in out
    assert "before, int8 2.0000e+00   6.021 dB  mean grey value 1.01000e+00 (+1.00%)" in out
    assert "model: not written" in out
    stages = {name: options for stage in given["recipe"].to_plain() for name, options in stage.items()}
    assert stages["read"] == {"rows": [0, 1], "angles": [0, 64, 2]}
    assert stages["find_center"]["center"] == 32
    assert stages["remove_stripes"]["method"] == "none"
    after = Distance(4.0, 1.9, 1.0, 1.0)
    assert verb.run(parsed(*words)) == 0


def test_the_verb_says_how_to_go_on_after_ctrl_c(scan, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(adapting, "adapt", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    assert verb.run(parsed(scan, tmp_path / "new")) == STOPPED
    assert "go on with the same command and --resume" in capsys.readouterr().err


def test_the_verb_writes_pairs_alone(scan, model, tmp_path, capsys):
    path = tmp_path / "pairs.h5"
    words = (scan, path, "--pairs-only", "--model", model, "--center", 32, "--slices", 1, "--ncore", 1)
    assert verb.run(parsed(*words)) == 0
    assert capsys.readouterr().out.endswith(f"pairs: {path}\n")
    with h5py.File(path) as file:
        assert sorted(file) == ["test_gt", "test_ns", "train_gt", "train_ns"]


def test_a_wrong_option_is_told_without_a_traceback(scan, tmp_path):
    with pytest.raises(DataError, match="adapt: parts: must be at least 3"):
        verb.run(parsed(scan, tmp_path / "new", "--parts", 1))
    with pytest.raises(DataError, match="adapt: seed: must not be negative"):
        verb.run(parsed(scan, tmp_path / "new", "--seed", -1))


def test_flags_of_a_training_are_refused_where_there_is_none(scan, tmp_path):
    words = ("--steps", 5, "--rate", 1e-4, "--aware-minutes", 1, "--tiles", 64, "--resume")
    said = "--steps and --rate and --aware-minutes and --tiles and --resume with --pairs-only"
    with pytest.raises(DataError, match=said):
        verb.run(parsed(scan, tmp_path / "pairs.h5", "--pairs-only", *words))
    with pytest.raises(DataError, match="--overwrite without --pairs-only"):
        verb.run(parsed(scan, tmp_path / "new", "--overwrite"))


def test_pairs_are_replaced_where_that_is_asked_for(scan, model, tmp_path):
    path = tmp_path / "pairs.h5"
    path.write_bytes(b"older")
    words = (scan, path, "--pairs-only", "--model", model, "--center", 32, "--slices", 1, "--ncore", 1)
    with pytest.raises(OutputError, match="replace it with --overwrite"):
        verb.run(parsed(*words))
    assert verb.run(parsed(*words, "--overwrite")) == 0
    assert path.stat().st_size > 1000


def test_another_backend_is_refused_before_anything_is_done(scan, tmp_path, monkeypatch):
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(EdgeError, match="adapt: Keras computes in jax"):
        verb.run(parsed(scan, tmp_path / "new"))
    assert names(tmp_path) == []

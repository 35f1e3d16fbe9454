"""Simulated scans and pairs on disk, and the command that writes them."""

import argparse
import threading

import h5py
import numpy as np
import pytest
import tifffile

from tomopy_edge.cli import simulate
from tomopy_edge.errors import DataError, OutputError
from tomopy_edge.fbp import FilteredBackProjection
from tomopy_edge.fbp.axis import radii
from tomopy_edge.job import Job
from tomopy_edge.networks.unit import attenuation_unit
from tomopy_edge.readers import open_scan
from tomopy_edge.simulation import pair_files, pairs
from tomopy_edge.simulation.hdf5_files import new_hdf5
from tomopy_edge.simulation.phantoms import KINDS
from tomopy_edge.simulation.pieces import Phantom, Shape, pieces
from tomopy_edge.simulation.scans import Exposure, expose
from tomopy_edge.stages.minus_log import MinusLogOptions, minus_log
from tomopy_edge.stages.normalize import NormalizeOptions, normalize


def command(*words):
    parser = argparse.ArgumentParser()
    simulate.add(parser.add_subparsers())
    args = parser.parse_args(["simulate", *map(str, words)])
    return args.run(args)


def contents(path):
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
    return found


@pytest.fixture(scope="module")
def pair():
    return pairs.draw_pair(7, 128, "foam")


def test_a_simulated_scan_reads_back_as_data_exchange(tmp_path):
    path = tmp_path / "scan.h5"
    assert (
        command("scan", path, "--columns", 96, "--rows", 5, "--angles", 40, "--offset", 3.25, "--kind", "grains") == 0
    )
    with open_scan(path) as scan:
        assert scan.read(0, 5).projections.shape == (40, 5, 96)
        assert (scan.rows, scan.columns) == (5, 96)
        np.testing.assert_allclose(scan.theta, np.arange(40) * np.pi / 40)
        assert scan.pixel_size == 1.0
    with h5py.File(path) as file:
        assert file["exchange/data"].dtype == np.uint16
        assert file["exchange/theta"].attrs["units"] == "deg"
        assert file["simulated/truth"].shape == (5, 96, 96)
        assert file["simulated"].attrs["center"] == 51.25


def test_a_slightly_wrong_centre_costs_what_the_command_says_it_would_be(tmp_path, capsys):
    path = tmp_path / "scan.h5"
    command("scan", path, "--columns", 96, "--rows", 1, "--angles", 120, "--counts", 30_000, "--offset", 1.5)
    told = capsys.readouterr().out
    assert told.endswith("at column 49.5\n1.5 pixels off for a recipe with --set find_center.center=48\n")
    with h5py.File(path) as file:
        truth = file["simulated/truth"][0]
    with open_scan(path) as scan:
        line_integrals = pairs.line_integrals_of(scan.read(0, 1))
    fbp = FilteredBackProjection(np.arange(120) * np.pi / 120, 96)
    right, wrong = (np.abs(fbp(line_integrals, center)[0] - truth)[20:-20, 20:-20].mean() for center in (49.5, 48.0))
    assert wrong > 1.3 * right
    command("scan", tmp_path / "middle.h5", "--columns", 64, "--rows", 1, "--angles", 4)
    assert "pixels off" not in capsys.readouterr().out


def test_the_truth_of_a_scan_is_what_its_counts_reconstruct_to(tmp_path):
    path = tmp_path / "scan.h5"
    command("scan", path, "--columns", 256, "--rows", 3, "--angles", 400, "--counts", 30_000, "--offset", -7.5)
    with open_scan(path) as scan, h5py.File(path) as file:
        center, truth = file["simulated"].attrs["center"], file["simulated/truth"][:]
        line_integrals = pairs.line_integrals_of(scan.read(0, 3))
    slices = FilteredBackProjection(np.arange(400) * np.pi / 400, 256)(line_integrals, center)
    for noisy, clean in zip(slices, truth, strict=True):
        assert np.corrcoef(noisy[40:-40, 40:-40].ravel(), clean[40:-40, 40:-40].ravel())[0, 1] > 0.9
        assert noisy[40:-40, 40:-40].mean() == pytest.approx(clean[40:-40, 40:-40].mean(), rel=0.02)


@pytest.mark.parametrize("what", ["scan", "pairs"])
def test_a_seed_gives_the_same_file(tmp_path, what):
    flags = ["--columns", 128, "--seed", 4]
    flags += ["--rows", 2, "--angles", 20] if what == "scan" else ["--count", 2, "--held-out", 1]
    command(what, tmp_path / "first.h5", *flags)
    command(what, tmp_path / "again.h5", *flags, *(["--ncore", 2] if what == "pairs" else []))
    first, again = contents(tmp_path / "first.h5"), contents(tmp_path / "again.h5")
    assert first.keys() == again.keys()
    for name, values in first.items():
        assert np.array_equal(values, again[name]), name


def test_more_pairs_begin_with_the_same_ones(tmp_path):
    for count in (1, 2):
        pair_files.write_pairs(tmp_path / f"{count}.h5", count=count, held_out=1, columns=128, seed=2, ncore=1)
    few, many = contents(tmp_path / "1.h5"), contents(tmp_path / "2.h5")
    assert np.array_equal(few["train_ns"][0], many["train_ns"][0])
    assert np.array_equal(few["test_ns"], many["test_ns"])
    assert not np.array_equal(many["train_gt"][0], many["train_gt"][1])
    assert not np.array_equal(many["train_gt"][0], many["test_gt"][0])


def test_all_cores_draw_pairs_at_once(tmp_path, monkeypatch):
    cores = 12
    together = threading.Barrier(cores, timeout=60)

    def met(seed, columns, volumes):
        together.wait()
        return pairs.Pair(*(np.zeros((columns, columns, *more), np.float32) for more in ((3,), ())), 1.0, "foam", 0.0)

    monkeypatch.setattr(pair_files, "draw_pair", met)
    pair_files.write_pairs(tmp_path / "p.h5", count=2 * cores, held_out=cores, columns=16, seed=1, ncore=cores)


def test_a_pair_is_in_the_unit_of_its_own_noisy_slices(pair):
    assert attenuation_unit(np.moveaxis(pair.noisy, 2, 0)) == pytest.approx(1, rel=1e-4)
    assert attenuation_unit(pair.truth[np.newaxis]) == pytest.approx(1, abs=0.5)


def test_the_noise_of_the_three_slices_differs_and_the_truth_is_of_the_middle_one(pair):
    errors = pair.noisy - pair.truth[..., None]
    inside = np.s_[40:-40, 40:-40]
    correlation = np.corrcoef([errors[inside][..., channel].ravel() for channel in range(3)])
    assert np.abs(correlation - np.eye(3)).max() < 0.5
    assert errors[..., 1].std() <= errors[..., 0].std() * 1.1
    assert pair.noise > 0.02


def test_a_fair_share_of_the_scans_is_clean_and_as_many_are_very_noisy():
    rng = np.random.default_rng(1)
    doses = np.array([(exposure := pairs.draw_exposure(rng)).counts * exposure.angles for _ in range(400)])
    assert 0.1 < (doses > 1e7).mean() < 0.2
    assert (doses < 1e5).mean() > 0.1


def test_every_fault_is_met_in_training():
    rng = np.random.default_rng(1)
    drawn = [pairs.draw_exposure(rng) for _ in range(200)]
    for fault in ("wedge_deg", "irregular", "offset", "blur", "fringes", "spread", "rings", "zingers", "read_noise"):
        share = np.mean([getattr(exposure, fault) > 0 for exposure in drawn])
        assert share > 0.02, fault


def test_pairs_with_zingers_are_cleaned_as_a_run_cleans_them():
    disc = Phantom("test", pieces(1, Shape.ELLIPSOID, attenuation=1, a=40, b=40))
    clean, struck = (
        expose(disc, Exposure(angles=60, zingers=zingers, absorption=0.5), 1, 128, np.random.default_rng(1)).scan
        for zingers in (0.0, 2e-3)
    )
    worst = np.abs(pairs.line_integrals_of(struck) - pairs.line_integrals_of(clean)).max()
    raw = minus_log(normalize(struck, NormalizeOptions(), Job()), MinusLogOptions(), Job()).line_integrals
    assert np.abs(raw - pairs.line_integrals_of(clean)).max() > 1
    assert worst < 0.7


@pytest.mark.parametrize("kind", KINDS)
def test_pairs_of_every_kind_are_finite_and_not_hopeless(kind):
    drawn = pairs.draw_pair(3, 96, kind)
    assert drawn.kind == kind
    assert drawn.noisy.shape == (96, 96, 3)
    assert np.isfinite(drawn.noisy).all()
    assert np.isfinite(drawn.truth).all()
    assert drawn.noise <= pairs.NOISIEST


@pytest.mark.parametrize("columns", [64, 65])
def test_masked_pairs_show_a_circle_around_the_axis_that_fbp_uses(columns, monkeypatch):
    monkeypatch.setattr(pairs, "MASKED", 1.0)
    drawn = pairs.draw_pair(3, columns, "foam")
    inside = radii((columns, columns)) <= columns / 2 - 1
    assert (drawn.noisy[~inside] == 0).all()
    assert (drawn.noisy[inside] != 0).all()


def test_a_seed_whose_scans_judge_networks_is_refused(tmp_path):
    with pytest.raises(DataError, match="seed: 900 to 999 are kept for scans that judge networks, got 950"):
        command("pairs", tmp_path / "pairs.h5", "--seed", 950, "--columns", 64, "--count", 1, "--held-out", 1)
    assert list(tmp_path.iterdir()) == []


def test_more_pairs_than_a_file_has_seeds_for_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(pair_files, "SEEDS", 2)
    with pytest.raises(DataError, match="a file holds at most 1 pairs of each part, got 2, 1"):
        command("pairs", tmp_path / "pairs.h5", "--columns", 64, "--count", 2, "--held-out", 1)
    assert list(tmp_path.iterdir()) == []


def test_pairs_are_cut_from_volumes_where_there_are_any(tmp_path):
    tifffile.imwrite(tmp_path / "ball.tif", np.random.default_rng(1).integers(0, 255, (20, 20, 20), np.uint8))
    command(
        "pairs", tmp_path / "pairs.h5", "--columns", 96, "--count", 6, "--held-out", 1, "--seed", 5,
        "--volumes", tmp_path
    )  # fmt: skip
    with h5py.File(tmp_path / "pairs.h5") as file:
        assert b"volume" in file["train_kind"][:]
        assert list(file.attrs["volumes"]) == ["ball.tif"]


def test_a_scan_has_the_faults_it_was_asked_for(tmp_path):
    flags = ["--columns", 96, "--rows", 1, "--angles", 30, "--kind", "fibres", "--flawed", "--width", 0.7]
    command("scan", tmp_path / "scan.h5", *flags, "--wedge-deg", 30, "--rings", 0.01, "--zingers", 1e-3, "--blur", 0.5)
    with h5py.File(tmp_path / "scan.h5") as file:
        attributes = dict(file["simulated"].attrs)
        theta = np.sort(file["exchange/theta"][:])
    assert (attributes["wedge_deg"], attributes["rings"], attributes["zingers"], attributes["blur"]) == (
        30, 0.01, 1e-3, 0.5
    )  # fmt: skip
    assert np.diff(theta, append=theta[0] + 180).max() == pytest.approx(30 + 150 / 30)


def test_a_scan_of_a_volume_is_made_of_that_volume(tmp_path):
    tifffile.imwrite(tmp_path / "ball.tif", np.random.default_rng(1).integers(0, 255, (20, 20, 20), np.uint8))
    command("scan", tmp_path / "scan.h5", "--columns", 64, "--rows", 5, "--angles", 8, "--volumes", tmp_path)
    with h5py.File(tmp_path / "scan.h5") as file:
        assert file["simulated"].attrs["kind"] == "volume"
        assert file["simulated/truth"][:].std(axis=(1, 2)).min() > 0


def test_float16_keeps_values_just_below_a_power_of_two(tmp_path, monkeypatch):
    """HDF5's own conversion from float32 makes 0.25 of 0.4999987, where a tiny value came before it."""
    values = np.random.default_rng(1).random((64, 64)).astype(np.float32)
    values[:, ::7], values[0, 0] = 0.4999987, 1e-6
    almost = pairs.Pair(np.repeat(values[..., None], 3, 2), values, 1.0, "foam", 0.1)
    monkeypatch.setattr(pair_files, "draw_pair", lambda *_, **__: almost)
    pair_files.write_pairs(tmp_path / "pairs.h5", count=1, held_out=1, columns=64, seed=1, ncore=1)
    written = contents(tmp_path / "pairs.h5")
    np.testing.assert_allclose(written["train_gt"][0], values, atol=1e-3)
    np.testing.assert_allclose(written["test_ns"][0], almost.noisy, atol=1e-3)


def test_a_file_that_exists_is_kept_unless_it_may_be_replaced(tmp_path):
    path = tmp_path / "scan.h5"
    path.write_text("precious")
    small = ["--columns", 64, "--rows", 1, "--angles", 4]
    with pytest.raises(OutputError, match="exists; choose another name, or replace it with --overwrite"):
        command("scan", path, *small)
    assert path.read_text() == "precious"
    command("scan", path, *small, "--overwrite")
    assert h5py.is_hdf5(path)


def test_nothing_half_written_is_left_behind(tmp_path):
    def interrupted():
        with new_hdf5(tmp_path / "half.h5", lambda file: file.create_group("some")) as file:
            assert "some" in file
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_a_file_is_made(tmp_path):
    command("scan", tmp_path / "some" / "new" / "scan.h5", "--columns", 64, "--rows", 1, "--angles", 4)
    assert h5py.is_hdf5(tmp_path / "some" / "new" / "scan.h5")


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"scan\.h5: cannot be written: .*file"):
        command("scan", tmp_path / "file" / "scan.h5", "--columns", 64, "--rows", 1, "--angles", 4)


def test_an_impossible_exposure_is_a_fault_of_the_user(tmp_path):
    with pytest.raises(DataError, match="simulate scan: counts: must be above 0"):
        command("scan", tmp_path / "scan.h5", "--counts", -1)
    assert list(tmp_path.iterdir()) == []

"""The network that is not quantized, on whole slices."""

import sys

import numpy as np
import pytest

from tomopy_edge.backend import Placement
from tomopy_edge.catalogue import Catalogue
from tomopy_edge.data import Volume
from tomopy_edge.denoisers.tomogan import NetworkDenoiser, NetworkOptions, settle_tomogan
from tomopy_edge.errors import ModelError
from tomopy_edge.job import Job
from tomopy_edge.networks import litert, whole
from tomopy_edge.networks.manifest import open_model
from tomopy_edge.networks.runtimes import files_for

MODEL = open_model("tomogan-compact")


def job():
    return Job(ncore=1, catalogue=Catalogue({}, {}, {}, {"litert": litert.ENTRY, "float": whole.ENTRY}))


def denoised(**chosen):
    slices = np.random.default_rng(0).normal(1, 0.2, (3, 200, 330)).astype(np.float32)
    told = job()
    settled = settle_tomogan(NetworkOptions(model="tomogan-compact", unit=1.0, **chosen), Volume(slices, 0), told)
    denoiser = NetworkDenoiser("denoise", "denoise", settled, told)
    return denoiser(slices), settled, told.tally.notes["denoise"]


def test_a_whole_slice_is_what_its_tiles_are_without_their_number():
    clean, settled, notes = denoised(runtime="float")
    tiled, _, _ = denoised(runtime="litert", precision="float")
    np.testing.assert_allclose(clean, tiled, atol=1e-5)
    assert (settled.runtime, settled.precision, settled.tile) == ("float", "float", None)
    assert any(", 1 tile of " in note for note in notes)


def test_a_network_is_opened_for_the_tile_that_is_asked_for():
    (file,) = files_for(whole.ENTRY, MODEL.manifest.denoise)
    backend = whole.ENTRY.open(MODEL.path(file.file, file.sha256), Placement(tile=96))
    assert backend.ends.shape == (1, 96, 96, 3)
    backend.close()


def test_a_tile_that_the_network_does_not_scale_to_is_refused():
    (file,) = files_for(whole.ENTRY, MODEL.manifest.denoise)
    with pytest.raises(ModelError, match="has a level of"):
        whole.ENTRY.open(MODEL.path(file.file, file.sha256), Placement(tile=99))


def test_it_works_where_litert_does_and_needs_its_writer_of_network_files(monkeypatch):
    assert whole.ENTRY.probe().works
    monkeypatch.setattr(whole, "can_resize", lambda: False)
    assert whole.ENTRY.probe().told == "rewriting a network for whole slices needs ai-edge-litert; pip install it"
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    assert "ai-edge-litert cannot be imported" in whole.ENTRY.probe().told

"""Which ways of denoising are compared, as recipes, and how one is run on slices that are reconstructed already."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from tomopy_edge.catalogue import Catalogue
from tomopy_edge.data import Float32, Volume
from tomopy_edge.denoisers.classical import SliceBySlice
from tomopy_edge.errors import DataError, did_you_mean
from tomopy_edge.hookspecs import DenoiserEntry
from tomopy_edge.job import Job, Tally
from tomopy_edge.networks.manifest import Manifest, open_model
from tomopy_edge.options import options
from tomopy_edge.pipeline import Span, settle, stream
from tomopy_edge.recipe import Recipe, parse_recipe

ORACLE_WEIGHTS = (1.0, 2.0, 4.0, 8.0)
"""Weights of total variation, in units of each slice's noise, of which the truth chooses the best."""

ORACLE = "tv-best"
"""Name of the method that users cannot have."""

CLASSICAL: dict[str, tuple[str, tuple[dict[str, Any], ...]]] = {
    "tv": ("total variation", ({"denoiser": "total_variation"},)),
    ORACLE: (
        "total variation, best of 4 (oracle)",
        tuple({"denoiser": "total_variation", "options": {"weight": weight}} for weight in ORACLE_WEIGHTS),
    ),
    "nlm": ("non-local means", ({"denoiser": "non_local_means"},)),
    "bm3d": ("BM3D", ({"denoiser": "bm3d"},)),
}
"""Name on the command line -> title and the denoise stages to try; the truth chooses where there are several."""

NETWORKS = {
    "float": "float",
    "int8": "int8",
    "int8-ptq": "int8-ptq",
    "fine-tune": "{partner} + Fine-Tune",
    "chained": "chained",
}
"""Name on the command line -> title; a row for each model."""

NAMES = ("noisy", *NETWORKS, *CLASSICAL)
"""Every name there is, in the order of the table."""


@dataclass(frozen=True)
class Method:
    """A row of the table.

    Attributes
    ----------
    title : what the table calls it
    name : as given on the command line
    model : what the model is called whose network it runs, or None
    recipes : what turns noisy slices into clean ones; where there are several, the truth chooses the best
    """

    title: str
    name: str
    model: str | None
    recipes: tuple[Recipe, ...]


@dataclass(frozen=True)
class Denoised:
    """One slice, denoised.

    Attributes
    ----------
    slice : (y, x), attenuation per pixel
    seconds : that the denoiser took, without opening its network
    counts : what saturated or was clipped -> pixels
    """

    slice: Float32
    seconds: float
    counts: dict[str, int]


BM3D_PACKAGE = "bm3d"
"""Never a dependency: its licence allows no commercial use."""


@options
class Bm3dOptions:
    """Options of the denoiser `bm3d`: there are none."""


def _create_bm3d(_options: Bm3dOptions, _job: Job) -> SliceBySlice:
    bm3d = import_module(BM3D_PACKAGE).bm3d
    return SliceBySlice(lambda image: bm3d(image, sigma_psd=1.0))


BM3D = DenoiserEntry("bm3d", "BM3D, from the package bm3d", Bm3dOptions, _create_bm3d)


def with_bm3d(catalogue: Catalogue) -> Catalogue:
    """Return `catalogue` with the denoiser `bm3d` where its package is installed."""
    if find_spec(BM3D_PACKAGE) is None or "bm3d" in catalogue.denoisers:
        return catalogue
    return dataclasses.replace(catalogue, denoisers={**catalogue.denoisers, "bm3d": BM3D})


def methods_of(
    models: Sequence[str], catalogue: Catalogue, asked: Iterable[str] = NAMES
) -> tuple[tuple[Method, ...], tuple[str, ...]]:
    """Return the methods to compare, and sentences about those that are left out.

    Parameters
    ----------
    models : names of shipped models, or model folders
    catalogue : what denoisers there are; see `with_bm3d`
    asked : names of `NAMES`, or of any other denoiser of the catalogue, which runs with its own defaults

    Raises
    ------
    DataError : where a name is unknown, or nothing is left to compare
    ModelError : where a model is not there or damaged
    """
    asked = tuple(dict.fromkeys(asked))
    known = {*NAMES, *catalogue.denoisers}
    for name in asked:
        if name not in known:
            raise DataError(f"--methods {name}: there is no such method{did_you_mean(name, known)}")
    found: list[Method] = []
    notes: list[str] = []
    if "noisy" in asked:
        found.append(_method("noisy FBP", "noisy", None, [[{"denoise": {"denoiser": "none"}}]], catalogue))
    labels = _labels(models)
    for model in labels:
        _add_networks(model, labels[model], [name for name in asked if name in NETWORKS], catalogue, found, notes)
    for name in asked:
        if name in CLASSICAL:
            title, stages = CLASSICAL[name]
            if stages[0]["denoiser"] not in catalogue.denoisers:
                notes.append(f"{title}: left out, because the package {name} is not installed")
                continue
            found.append(_method(title, name, None, [[{"denoise": stage}] for stage in stages], catalogue))
        elif name not in NAMES:
            found.append(_method(name, name, None, [[{"denoise": {"denoiser": name}}]], catalogue))
    if not found:
        raise DataError("; ".join(["evaluate: no method is left to compare", *notes]))
    return tuple(found), tuple(notes)


def _labels(models: Sequence[str]) -> dict[str, str]:
    """Return what to call each model: its name, or its folder where several have that name."""
    names = {model: open_model(model).manifest.name for model in models}
    return {model: name if [*names.values()].count(name) == 1 else model for model, name in names.items()}


def _add_networks(
    model: str, label: str, asked: Sequence[str], catalogue: Catalogue, found: list[Method], notes: list[str]
) -> None:
    manifest = open_model(model).manifest
    held = manifest.denoise.held
    # The Fine-Tune network was trained on what plain post-training quantization leaves.
    partner = manifest.denoise.partner
    for name in asked:
        title = f"{label} {NETWORKS[name].format(partner=partner)}"
        precision = partner if name == "fine-tune" else name
        if precision not in held or (name == "fine-tune" and not _has_int8_fine_tune(manifest)):
            notes.append(f"{title}: left out, because the model has no such network")
            continue
        network = {"model": model, "precision": precision}
        stages: list[dict[str, Any]] = [{"denoise": {"denoiser": "tomogan", "options": network}}]
        if name == "fine-tune":
            stages.append({"fine_tune": {"model": model, "precision": "int8"}})
        found.append(_method(title, name, label, [stages], catalogue))


def _has_int8_fine_tune(manifest: Manifest) -> bool:
    return manifest.fine_tune is not None and any(n.precision == "int8" for n in manifest.fine_tune.networks)


def _method(
    title: str, name: str, model: str | None, stages: Iterable[list[dict[str, Any]]], catalogue: Catalogue
) -> Method:
    recipes = tuple(parse_recipe(some, catalogue, source=title) for some in stages)
    return Method(title, name, model, recipes)


def denoise(recipe: Recipe, noisy: Volume, catalogue: Catalogue, ncore: int) -> Denoised:
    """Return the middle one of adjacent slices, denoised as a run of the pipeline would.

    Parameters
    ----------
    recipe : stages that take and give slices; what they left open (a network's unit) is found on `noisy`
    noisy : (z, y, x), attenuation per pixel
    """
    tally = Tally()
    job = Job(ncore=ncore, tally=tally, catalogue=catalogue)
    rows = len(noisy.slices)

    def read(first: int, last: int) -> Iterator[Volume]:
        yield dataclasses.replace(noisy, slices=noisy.slices[first:last], first_row=first)

    settled = settle(recipe, noisy, job)
    (volume,) = stream(settled, read, Span(rows // 2, rows // 2 + 1, rows), job)
    seconds = sum(parts["total"] - parts.get("opening", 0.0) for parts in tally.seconds.values())
    counts: dict[str, int] = {}
    for stage in tally.counts.values():
        for what, number in stage.items():
            counts[what] = counts.get(what, 0) + number
    return Denoised(volume.slices[0], seconds, counts)

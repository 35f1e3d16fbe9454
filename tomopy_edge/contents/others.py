"""What is in a model folder, a recipe, a file of overrides, or a file of training pairs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tomopy_edge.catalogue import Catalogue
from tomopy_edge.contents.found import Contents, plural
from tomopy_edge.contents.output import in_short
from tomopy_edge.errors import DataError
from tomopy_edge.networks.manifest import Manifest, open_model
from tomopy_edge.recipe import Recipe, read_recipe
from tomopy_edge.writers.sizes import in_words
from tomopy_edge.yaml_text import LARGEST, load_yaml

if TYPE_CHECKING:
    import h5py

PAIRS = ("train_ns", "train_gt", "test_ns", "test_gt")


def model_in(folder: Path) -> Contents:
    """Return what is in a model folder.

    Raises
    ------
    ModelError : where its manifest is faulty
    """
    manifest: Manifest = open_model(str(folder.absolute())).manifest
    parts = {"denoise": manifest.denoise, "fine_tune": manifest.fine_tune}
    facts: dict[str, Any] = {
        "name": manifest.name,
        "summary": manifest.summary,
        "licence": manifest.licence,
        "parts": {},
    }
    told = [f"model {manifest.name}: {manifest.summary}"]
    for part, networks in parts.items():
        if networks is None:
            continue
        tiles = {
            precision: sorted({network.tile for network in networks.networks if network.precision == precision})
            for precision in networks.held
        }
        facts["parts"][part] = {"usual": networks.usual, "reach": networks.reach, "tiles": tiles}
        held = "; ".join(f"{precision} in tiles of {', '.join(map(str, sizes))}" for precision, sizes in tiles.items())
        more = f", {len(networks.onnx)} as ONNX" * bool(networks.onnx)
        more += f", {len(networks.compiled)} for the Edge TPU" * bool(networks.compiled)
        told.append(f"{part}: {held}{more}")
    lost = [
        network.file
        for set_ in parts.values()
        if set_
        for network in set_.networks
        if not (folder / network.file).is_file()
    ]
    facts["lost"] = lost
    if lost:
        told.append(f"MISSING, though the manifest names them: {', '.join(lost)}")
    told.append(f"`tomopy-edge models {folder}` tells more, and whether every file is what the manifest says")
    return Contents(folder, "model", tuple(told), facts)


def yaml_in(path: Path, catalogue: Catalogue) -> Contents:
    """Return what is in a YAML file: a recipe, or overrides for one scan.

    Raises
    ------
    RecipeError : where it is a recipe with faults
    DataError : where it is neither
    """
    raw = _raw(path)
    if isinstance(raw, dict):
        stages = [str(stage) for stage in raw]
        known = [stage for stage in stages if stage in catalogue.stages]
        if known == stages and stages:
            told = (
                f"overrides of a recipe for one scan: {', '.join(stages)}",
                "`tomopy-edge batch` takes them from beside the scan of the same name",
            )
            return Contents(path, "overrides", told, {"stages": stages, "overrides": raw})
        raise DataError(
            f"{path}: YAML, but neither a recipe (a list of stages) nor overrides (stages with their options); it is a "
            f"mapping of {', '.join(stages[:5]) or 'nothing'}"
        )
    return _recipe(path, read_recipe(path, catalogue))


def _raw(path: Path) -> Any:
    """Return the mapping that a YAML file holds, None where it holds anything else, of which `read_recipe` tells."""
    try:
        with path.open(encoding="utf-8") as file:
            raw = load_yaml(file.read(LARGEST + 1))
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        return None
    return raw if isinstance(raw, dict) else None


def _recipe(path: Path, recipe: Recipe) -> Contents:
    plain = recipe.to_plain()
    stages = [block.entry.name for block in recipe.blocks]
    axes = [stage["find_center"]["center"] for stage in plain if "find_center" in stage]
    found = "not asked for" if not axes else "found in each scan" if axes[0] is None else "given"
    told = [
        f"recipe: {plural(len(stages), 'stage')}, no faults",
        f"stages: {in_short(plain)}",
        f"rotation axis: {found}",
        "`tomopy-edge check RECIPE SCAN` tells what it makes of a scan, and what that takes",
    ]
    return Contents(path, "recipe", tuple(told), {"stages": stages, "recipe": plain})


def is_pairs(file: h5py.File) -> bool:
    """Return whether an open HDF5 file holds pairs to train on."""
    return all(name in file for name in PAIRS)


def pairs_in(file: h5py.File, path: Path) -> Contents:
    """Return what is in an open file of pairs."""
    import h5py

    shapes = {}
    for name in PAIRS:
        if not isinstance(file[name], h5py.Dataset) or not file[name].ndim:
            raise DataError(f"{path}: {name} is no stack of slices; write pairs with tomopy-edge simulate pairs")
        shapes[name] = [int(length) for length in file[name].shape]
    made_by = file.attrs.get("made_by")
    seed = file.attrs.get("seed")
    facts: dict[str, Any] = {
        "train": shapes["train_gt"][0],
        "held_out": shapes["test_gt"][0],
        "shapes": shapes,
        "type": str(file["train_ns"].dtype),
        "made_by": None if made_by is None else str(made_by),
        "seed": None if seed is None else int(seed),
        "bytes": path.stat().st_size,
    }
    size = " x ".join(map(str, shapes["train_gt"][1:]))
    told = [
        f"pairs to train on: {facts['train']}, and {facts['held_out']} held out, of {size} pixels, {facts['type']}",
        f"made by: {facts['made_by'] or 'it does not say'}" + (f", seed {facts['seed']}" if seed is not None else ""),
        f"{in_words(facts['bytes'])} on the disk",
    ]
    return Contents(path, "pairs", tuple(told), facts)

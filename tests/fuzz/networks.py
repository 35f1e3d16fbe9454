"""Networks: .tflite files with damaged bytes or damaged fields, and manifests; opened and run as a recipe does."""

from __future__ import annotations

import copy
import hashlib
import json
import tempfile
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from ai_edge_litert.tools import flatbuffer_utils

from tests.fuzz.case import Case
from tests.fuzz.damage import LARGE, SPECIAL, damaged
from tomopy_edge.job import Job
from tomopy_edge.networks import litert
from tomopy_edge.networks.edge_tpu import foretell
from tomopy_edge.networks.footprint import footprint
from tomopy_edge.networks.litert import LiteRT
from tomopy_edge.networks.manifest import open_model
from tomopy_edge.networks.resizing import with_tile
from tomopy_edge.networks.runtimes import choose_file
from tomopy_edge.networks.slices import Account, open_network
from tomopy_edge.shipped import shipped

SEEDS = Path(__file__).parent / "seeds"
TILE = 8

VALUES: tuple[Any, ...] = (
    *(None, True, "", "int8", "uint8", "float", "x", "\x00", "\ud800"),
    *("..", "/dev/zero", "../network.tflite", "~", "a" * 5000),
    *([], {}, [[]], {"file": "x"}, 0.5, -1, 0, 1, 2, 3, 4, 7, 8),
    *(16, 2**31, 2**63, 10**30, 1e308, float("nan"), float("inf")),
)  # fmt: skip


@cache
def prepare() -> dict[str, bytes]:
    """Return small whole networks; one is run, so that what numba compiles for it is there for all cases."""
    tuned = shipped("models") / "tomogan"
    seeds = {
        "int8": with_tile((tuned / "fine_tune_int8_64.tflite").read_bytes(), TILE),
        "float": with_tile((tuned / "fine_tune_float_256.tflite").read_bytes(), TILE),
    }
    seeds |= {path.stem: path.read_bytes() for path in sorted(SEEDS.glob("*.tflite"))}
    with tempfile.TemporaryDirectory() as folder:
        manifest = _whole(seeds["int8"], "int8", seeds["int8"])
        Case({"manifest.json": json.dumps(manifest).encode(), "network.tflite": seeds["int8"]}).write(Path(folder))
        _attempt_folder(Path(folder))
    return seeds


def make(rng: Random) -> Case:
    """Return a network, or a model folder."""
    seeds = prepare()
    name = rng.choice(list(seeds))
    kind = rng.random()
    if kind < 0.15:
        return _folder(rng, seeds[name], name)
    if kind < 0.6:
        return Case({"network.tflite": damaged(rng, seeds[name])})
    content = _edited(rng, seeds[name])
    return Case({"network.tflite": damaged(rng, content) if rng.random() < 0.1 else content})


def attempt(path: Path, _case: Case) -> None:
    """Look into a network, open it, and run it on a tile; or do so with what a model folder holds."""
    if path.suffix == ".json":
        _attempt_folder(path.parent)
        return
    foretell(path)
    footprint(path, TILE)
    network = LiteRT(path, 1)
    answers = network.infer(np.zeros((1, *network.ends.shape[1:]), network.ends.kind))
    assert answers.shape == (1, *network.ends.shape[1:3])
    network.close()


def _attempt_folder(folder: Path) -> None:
    model = open_model(f"{folder}/")
    manifest = model.manifest
    for file, sha256 in manifest.files.items():
        model.path(file, sha256)
    for networks in (manifest.denoise, manifest.fine_tune):
        if networks is None:
            continue
        file = choose_file(litert.ENTRY, networks, None, None, (20, 24))
        account = Account("denoise", Job(ncore=1).tally)
        network = open_network(model, networks, file, shape=(20, 24), threads=1, account=account)
        noisy = np.random.default_rng(1).normal(size=(networks.channels, 20, 24)).astype(np.float32)
        assert network(noisy).shape == (1, 20, 24)
        network.close()


def _folder(rng: Random, network: bytes, name: str) -> Case:
    """Return a manifest that is wrong in a few places, and its network."""
    content = damaged(rng, network) if rng.random() < 0.3 else network
    whole = _whole(network, name, content)
    for _ in range(rng.choice((0, 1, 1, 2))):
        _replace(rng, whole)
    text = json.dumps(whole)
    hostile = (
        "[" * 100_000,
        '{"a":' * 100_000,
        "9" * 5000,
        '{"seed": ' + "9" * 5000 + "}",
        "",
        "null",
        '"a"' * 3,
        text * 2,
    )
    kind = rng.random()
    raw = rng.choice(hostile).encode() if kind < 0.03 else damaged(rng, text.encode()) if kind < 0.3 else text.encode()
    return Case({"manifest.json": raw, "network.tflite": content})


def _whole(network: bytes, name: str, content: bytes) -> dict[str, Any]:
    """Return a manifest that is right for a network, whose file has other content."""
    file = {
        "file": "network.tflite",
        "sha256": hashlib.sha256(content).hexdigest(),
        "precision": "float" if "float" in name else "int8",
        "tile": TILE,
        "halo": 0,
        "stride": TILE,
    }
    tensor = flatbuffer_utils.read_model_from_bytearray(bytearray(network)).subgraphs[0]
    channels = int(tensor.tensors[tensor.inputs[0]].shape[3])
    return {
        "format": 1,
        "name": "toy",
        "summary": "a toy",
        "licence": "BSD-3-Clause",
        "commands": ["make toy"],
        "seed": 1,
        "denoise": {"channels": channels, "reach": 2, "multiple": 1, "networks": [file]},
        "files": {"network.tflite": file["sha256"]},
    }


def _replace(rng: Random, tree: Any) -> None:
    """Put something else in the place of one member of a tree of mappings and lists."""
    while True:
        key = rng.choice(list(tree) if isinstance(tree, dict) else range(len(tree)))
        if not isinstance(tree[key], (dict, list)) or not tree[key] or rng.random() < 0.3:
            break
        tree = tree[key]
    kind = rng.random()
    if kind < 0.7:
        tree[key] = copy.deepcopy(rng.choice(VALUES))
    elif kind < 0.8 or not isinstance(tree, dict):
        del tree[key]
    else:
        tree[str(rng.choice(VALUES))] = tree.pop(key)


def _edited(rng: Random, network: bytes) -> bytes:
    """Return a network with one to four fields changed, and all offsets right."""
    for _ in range(20):
        model = flatbuffer_utils.read_model_from_bytearray(bytearray(network))
        members = list(_members(model))
        for _ in range(rng.choice((1, 1, 2, 4))):
            _edit(rng, *rng.choice(members))
        try:
            return bytes(flatbuffer_utils.convert_object_to_bytearray(model))
        except Exception:  # noqa: BLE001, S112 - not everything can be written
            continue
    return network


def _members(owner: Any) -> Any:
    """Yield everything that can be changed: what holds it, and its name or its place there."""
    pairs = enumerate(owner) if isinstance(owner, list) else vars(owner).items()
    for key, value in pairs:
        if value is not None:
            yield owner, key
        if isinstance(value, np.ndarray):
            continue
        if hasattr(value, "__dict__") or isinstance(value, list):
            yield from _members(value)


def _edit(rng: Random, owner: Any, key: Any) -> None:
    """Change what `owner` holds under the name, or at the place, `key`."""
    if not isinstance(owner, list):
        setattr(owner, key, _other(rng, getattr(owner, key)))
    elif key < len(owner):
        owner[key] = _other(rng, owner[key])


def _other(rng: Random, value: Any) -> Any:
    """Return something else in the place of a value, most often of its kind."""
    if isinstance(value, (list, np.ndarray)) and len(value):
        return _rearranged(rng, list(value))
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, np.integer)):
        near = (int(value) + 1, int(value) - 1, int(value) * 2, rng.randrange(210))
        return rng.choice((*SPECIAL, *LARGE[:1], -1, -2, *near))
    if isinstance(value, (float, np.floating)):
        return rng.choice((0.0, -1.0, 1e-30, 1e30, float("nan"), float("inf"), float(value) * 2, float(value) / 1000))
    return rng.choice((b"", b"\xff", b"x" * 300, b"\x00", value * 2)) if isinstance(value, bytes) else None


def _rearranged(rng: Random, values: list[Any]) -> list[Any]:
    kind, at = rng.randrange(5), rng.randrange(len(values))
    if kind == 0:
        return values[:at]
    if kind == 1:
        return values * 2
    if kind == 2:
        return [*values[:at], values[-1], *values[at:]]
    if kind == 3:
        return rng.sample(values, len(values))
    return [*values[:at], values[at - 1], *values[at + 1 :]]

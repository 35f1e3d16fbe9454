"""What training slices are like: measured once, for the manifest, so that a run can tell slices unlike them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tomopy_edge.networks.learned import Likeness
from tomopy_edge.networks.manifest import open_model
from tomopy_edge.training.folder import ModelFolder
from tomopy_edge.training.pairs_file import open_pairs

MEASURED = 400
"""Training slices that are looked at, at most, spread over all."""

ENDS = (2.5, 97.5)
"""Percentiles of the slices that a range goes from and to."""


def measure_learned(pairs: Path) -> dict[str, Any]:
    """Return what the noisy slices of a file of pairs are like, as a manifest holds it.

    Raises
    ------
    DataError : where the file cannot be read, or is none of pairs
    """
    with open_pairs(pairs, channels=1) as data:
        noisy = data["train_ns"]
        chosen = np.unique(np.linspace(0, len(noisy) - 1, MEASURED).round().astype(int))
        found = [asdict(Likeness.of(np.asarray(noisy[int(n)], np.float32)[..., 0], 1.0)) for n in chosen]
    learned: dict[str, Any] = {"slices": len(found)}
    for name in found[0]:
        learned[name] = [round(float(end), 4) for end in np.percentile([one[name] for one in found], ENDS)]
    return learned


def tell_learned(folder: Path, pairs: Path, commands: tuple[str, ...] = ()) -> None:
    """Measure what the slices were like that a model learned from, and write that into its manifest.

    Parameters
    ----------
    folder : of the model
    pairs : what it was trained on, or more of the same kind
    commands : what was done, for the manifest

    Raises
    ------
    ModelError : where there is no model
    DataError : where the pairs cannot be read
    OutputError : where the folder cannot be written
    """
    opened = open_model(str(folder))
    model = ModelFolder.open(opened.folder, {})
    model.manifest["learned"] = measure_learned(pairs)
    model.close(commands)

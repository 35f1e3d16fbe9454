"""Write what networks of the shipped models answer to set tiles, so that two machines can be compared code by code."""

import sys
from pathlib import Path

import numpy as np

from tomopy_edge.backend import Placement
from tomopy_edge.networks import litert
from tomopy_edge.networks.manifest import open_model
from tomopy_edge.networks.quantize import quantize

NETWORKS = {
    "tomogan": ("tomogan_int8_256", "tomogan_int8_64", "tomogan_chained_64", "fine_tune_int8_64"),
    "tomogan-compact": ("tomogan-compact_int8_256", "tomogan-compact_int8_64", "fine_tune_int8_64"),
}
"""Files of each model: the demo's own, and small ones of every kind."""

NOISE = (0.05, 0.2)
"""Standard deviations of the noise of the tiles, one tile each, in the attenuation of the disc that they show."""


def tiles_for(tile: int, channels: int) -> np.ndarray:
    """Return discs with noise, float32 (tile, y, x, channel)."""
    v, u = np.ogrid[:tile, :tile]
    disc = (np.hypot(v - tile / 2, u - tile / 2) < tile / 3).astype(np.float32)[None, :, :, None]
    rng = np.random.default_rng(1)
    # Steps of 1/1024, which a float32 holds exactly: the tiles are the same whatever machine draws them.
    noise = np.round(rng.normal(size=(len(NOISE), tile, tile, channels)) * np.reshape(NOISE, (-1, 1, 1, 1)) * 1024)
    return disc + noise.astype(np.float32) / 1024


def answers() -> dict[str, np.ndarray]:
    """Return the codes that go into each network (".../in") and those that come out of it (".../out")."""
    found = {}
    for name, stems in NETWORKS.items():
        model = open_model(name)
        networks = [model.manifest.denoise, model.manifest.fine_tune]
        files = {file.file: file for part in networks if part is not None for file in part.networks}
        for stem in stems:
            file = files[f"{stem}.tflite"]
            network = litert.ENTRY.open(model.path(file.file, file.sha256), Placement(threads=1))
            _, tile, _, channels = network.ends.shape
            codes = quantize(tiles_for(tile, channels), network.ends.input_params)[0]
            found[f"{name}/{stem}/in"], found[f"{name}/{stem}/out"] = codes, network.infer(codes)
            network.close()
    return found


if __name__ == "__main__":
    np.savez(Path(sys.argv[1]), **answers())

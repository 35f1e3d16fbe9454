"""What int8 costs: the same held-out slices through a float network and through its int8 exports."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tomopy_edge.data import Float32
from tomopy_edge.errors import ModelError
from tomopy_edge.job import available_cores
from tomopy_edge.networks.litert import LiteRT
from tomopy_edge.networks.manifest import open_model
from tomopy_edge.networks.quantize import dequantize_slices, quantize
from tomopy_edge.networks.resizing import with_tile
from tomopy_edge.training.architectures import architecture_of
from tomopy_edge.training.keras_files import load_network
from tomopy_edge.training.pairs_file import open_pairs
from tomopy_edge.training.scores import Scores, mean, score
from tomopy_edge.training.surgery import with_int8


def compare(network: Any, pairs: Path, exports: dict[str, Path], multiple: int = 1) -> dict[str, Scores]:
    """Return the mean scores of the "input" and of the "float" and all int8 answers on the held-out pairs.

    Parameters
    ----------
    network : Keras model, its size open
    pairs : see `simulation.files.write_pairs`; slices are put through whole, so tiling has no part in the scores
    exports : name -> any int8 .tflite that takes the same slices
    multiple : what rows and columns must be a multiple of, pixels; what is beyond is cut off
    """
    answers: dict[str, Callable[[Float32], Float32]] = {
        "float": lambda stack: np.asarray(network.predict_on_batch(stack)[0, ..., 0])
    }
    scores: dict[str, list[Scores]] = {name: [] for name in ("input", "float", *exports)}
    with open_pairs(pairs, network.input_shape[-1]) as file, tempfile.TemporaryDirectory() as folder:
        y, x = (edge - edge % multiple for edge in file["test_gt"].shape[1:])
        for name, path in exports.items():
            whole = Path(folder) / path.name
            whole.write_bytes(with_tile(with_int8(path.read_bytes()), (y, x)))
            answers[name] = _Int8(whole)
        for noisy, truth in zip(file["test_ns"], file["test_gt"], strict=True):
            stack, wanted = noisy[None, :y, :x].astype(np.float32), truth[:y, :x]
            scores["input"].append(score(stack[0, ..., stack.shape[-1] // 2], wanted))
            for name, answer in answers.items():
                scores[name].append(score(answer(stack), wanted))
    return {name: mean(many) for name, many in scores.items()}


def compare_model(folder: Path, trained: Path, pairs: Path) -> dict[str, Scores]:
    """Return the mean scores of a model's "input", "float" and all its int8 networks on held-out pairs.

    Parameters
    ----------
    folder : of the model
    trained : .keras file of its denoiser or of its Fine-Tune network
    pairs : what that was trained on. Where it holds a denoiser's answers, what was denoised is compared, with all of
        the model's networks; where that is no longer there, the Fine-Tune network alone.
    """
    import h5py

    manifest = open_model(str(folder)).manifest
    network = load_network(trained)
    part = architecture_of(network, trained)
    networks = manifest.denoise if part.block == "denoise" else manifest.fine_tune
    with h5py.File(pairs, "r") as file:
        original = Path(str(file.attrs.get("pairs", "")))
    kept = [folder / name for name in manifest.files if name.endswith(".keras") and name != "fine_tune.keras"]
    if part.block == "fine_tune" and original.is_file() and kept:
        network, pairs, networks = load_network(kept[0]), original, manifest.denoise
    if networks is None:
        raise ModelError(f"{folder}: holds no Fine-Tune network")
    exports = {
        str(one.precision): folder / one.file
        for one in networks.networks
        if one.batch == 1 and one.precision != "float"
    }
    return compare(network, pairs, exports, networks.multiple)


class _Int8:
    """An int8 network that answers slices (1, y, x, channel) of the one size it is for, in network units."""

    def __init__(self, path: Path) -> None:
        self._backend = LiteRT(path, available_cores())
        given, answered = self._backend.ends.input_params, self._backend.ends.output_params
        if given is None or answered is None:
            raise ModelError(f"{path.name}: is not an int8 network")
        self._given, self._answered = given, answered

    def __call__(self, stack: Float32) -> Float32:
        codes, _ = quantize(stack, self._given)
        return dequantize_slices(self._backend.infer(codes)[0], self._answered)

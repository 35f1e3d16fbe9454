"""What int8 costs: the same held-out slices through a float network and its int8 export."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from tomopy_edge.errors import ModelError
from tomopy_edge.job import available_cores
from tomopy_edge.networks.litert import LiteRT
from tomopy_edge.networks.quantize import dequantize, quantize
from tomopy_edge.training.export import with_tile
from tomopy_edge.training.samples import open_pairs
from tomopy_edge.training.scores import Scores, mean, score


def compare(trained: Path, pairs: Path, int8: Path) -> dict[str, Scores]:
    """Return the mean scores of the "input" and of the "float" and "int8" answers on the held-out pairs.

    Parameters
    ----------
    trained : .keras file
    pairs : see `simulation.files.write_pairs`; slices are put through whole, so tiling has no part in the scores
    int8 : any int8 .tflite that was exported from `trained`
    """
    import keras

    network = keras.models.load_model(trained, compile=False)
    scores: dict[str, list[Scores]] = {"input": [], "float": [], "int8": []}
    with open_pairs(pairs, network.input_shape[-1]) as file, tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.tflite"
        whole.write_bytes(with_tile(int8.read_bytes(), file["test_gt"].shape[1]))
        backend = LiteRT(whole, available_cores())
        given, answered = backend.input_params, backend.output_params
        if given is None or answered is None:
            raise ModelError(f"{int8}: is not an int8 network")
        for noisy, truth in zip(file["test_ns"], file["test_gt"], strict=True):
            stack = noisy[None].astype(np.float32)
            codes, _ = quantize(stack, given)
            scores["input"].append(score(stack[0, ..., stack.shape[-1] // 2], truth))
            scores["float"].append(score(network.predict_on_batch(stack)[0, ..., 0], truth))
            scores["int8"].append(score(dequantize(backend.infer(codes)[0], answered), truth))
        backend.close()
    return {name: mean(many) for name, many in scores.items()}

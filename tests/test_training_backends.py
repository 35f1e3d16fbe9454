"""Training on Keras's other backends, each in a process of its own, for Keras has one backend in each."""

import os
import subprocess
import sys
from importlib.util import find_spec

import h5py
import numpy as np
import pytest

pytest.importorskip("keras", reason="the extra `train` is not installed")

SCRIPT = """
import sys
from pathlib import Path
import keras
from tomopy_edge.training.architectures import architecture
from tomopy_edge.training.plan import TrainOptions
from tomopy_edge.training.train import train

backend, folder = sys.argv[1], Path(sys.argv[2])
assert keras.backend.backend() == backend
for loss in ("mae+ms-ssim", "gan"):
    for steps in (1, 2):
        plan = TrainOptions(steps=steps, crop=32, batch=2, check_every=1, loss=loss)
        build = architecture("tomogan-compact").build
        train(build, folder / "pairs.h5", folder / f"{loss}.keras", plan, resume=steps == 2)
"""


def run(backend, *words):
    # One thread: those of several backends would wait for each other.
    quiet = {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "2", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", *map(str, words)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ | quiet)  # noqa: S603 - our own script
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_cudnn_tries_its_kernels_for_as_long_as_a_training_lasts():
    pytest.importorskip("torch", reason="torch is not installed")
    script = """
import torch
from tomopy_edge.training.learners import fastest_kernels
with fastest_kernels():
    print(torch.backends.cudnn.benchmark)
print(torch.backends.cudnn.benchmark)
"""
    assert run("torch", script).split()[-2:] == ["True", "False"]


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_a_network_trained_and_resumed_on_another_backend_loads_in_tensorflow_in_float32(tmp_path, backend):
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    rng = np.random.default_rng(1)
    truth = np.zeros((4, 64, 64), np.float32)
    truth[:, 16:48, 16:48] = 1
    with h5py.File(tmp_path / "pairs.h5", "w") as file:
        for part in ("train", "test"):
            file[f"{part}_gt"] = truth
            file[f"{part}_ns"] = (truth[..., None] + rng.normal(0, 0.3, (4, 64, 64, 3))).astype(np.float32)
    run(backend, SCRIPT, backend, tmp_path)
    loading = "import keras, sys; print(keras.models.load_model(sys.argv[1]).dtype_policy.name)"
    for loss in ("mae+ms-ssim", "gan"):
        assert run("tensorflow", loading, tmp_path / f"{loss}.keras").split()[-1] == "float32"

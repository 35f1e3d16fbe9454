"""`tomopy-edge train`."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import h5py
import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the extra `train` is not installed")

from tomopy_edge.cli import FAULT, main  # noqa: E402 - after the skip
from tomopy_edge.training import architectures  # noqa: E402

# TensorFlow's variables do not know numpy 2's copy keyword yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def stacks(tmp_path):
    """Adjacent grey slices of noisy steps."""
    rng = np.random.default_rng(1)
    path = tmp_path / "stacks.h5"
    with h5py.File(path, "w") as file:
        for part in ("train", "test"):
            truth = np.full((4, 32, 32), 20, np.float32)
            truth[:, 8:24, 8:24] = 200
            file[f"{part}_ns"], file[f"{part}_gt"] = truth + rng.normal(0, 30, truth.shape), truth
    return path


def train(stacks, *words):
    return main(["train", str(stacks), str(stacks.with_name("student.keras")), "--crop", "16", "--batch", "2", *words])


def test_a_compact_student_of_one_channel_learns_from_a_teacher(stacks, capsys):
    teacher = stacks.with_name("teacher.keras")
    architectures.architecture("tomogan-compact").build().save(teacher)
    chosen = ("--architecture", "tomogan-compact", "--channels", "1", "--teacher", str(teacher))
    # The teacher sees three slices and so two pairs of the four; a student of one sees all four.
    assert train(stacks, "--steps", "1", *chosen) == FAULT
    assert "does not hold a teacher's answers to all 4 training pairs" in capsys.readouterr().err
    stacks.with_name("student.teacher.h5").unlink()
    chosen = (*chosen[:3], "3", *chosen[4:])
    assert train(stacks, "--steps", "1", *chosen) == 0
    assert "held out: error" in capsys.readouterr().out
    assert train(stacks, "--steps", "2", *chosen, "--resume") == 0
    network = keras.models.load_model(stacks.with_name("student.keras"))
    assert architectures.architecture_of(network, "student").name == "tomogan-compact"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--architecture", "tomogan-compakt"), "did you mean 'tomogan-compact'"),
        (("--crop", "20"), "crop: must be a multiple of 8"),
        (("--vgg19", "weights.h5"), 'vgg19: belongs to the loss "gan"'),
        (("--teacher", "tomogen"), "did you mean 'tomogan'"),
    ],
)
def test_wrong_words_are_told(stacks, capsys, words, message):
    assert train(stacks, "--steps", "1", *words) == FAULT
    assert message in capsys.readouterr().err
    assert not list(stacks.parent.glob("student*"))

"""`tomopy-edge train`."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import h5py
import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the extra `train` is not installed")

from tomopy_edge.cli import FAULT, STOPPED, main  # noqa: E402 - after the skip
from tomopy_edge.job import Job  # noqa: E402
from tomopy_edge.networks.manifest import open_model  # noqa: E402
from tomopy_edge.training import architectures, fine_tune, teacher  # noqa: E402
from tomopy_edge.training import train as training  # noqa: E402

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
        (("--rate", "0"), "rate: must be above 0, got 0"),
        (("--seed", "-1"), "seed: must be at least 0"),
        (("--fine-tune", "tomogan", "--architecture", "tomogan"), "--architecture would do nothing"),
        (("--fine-tune", "tomogan", "--channels", "1"), "--channels would do nothing"),
        (("--fine-tune-pairs", "9"), "--fine-tune-pairs would do nothing, for it belongs to --fine-tune"),
        (("--teacher-share", "0"), "--teacher-share would do nothing, for it belongs to --teacher"),
    ],
)
def test_wrong_words_are_told(stacks, capsys, words, message):
    assert train(stacks, "--steps", "1", *words) == FAULT
    assert message in capsys.readouterr().err
    assert not list(stacks.parent.glob("student*"))


def stop(*_, **__):
    raise KeyboardInterrupt


def test_ctrl_c_while_a_teacher_answers_tells_that_its_answers_are_kept(stacks, capsys, monkeypatch):
    def answering(_, noisy, answers, **__):
        answers.write_text("some")
        stop()

    monkeypatch.setattr(teacher, "find_teacher", lambda _: None)
    monkeypatch.setattr(teacher, "write_answers", answering)
    assert train(stacks, "--steps", "1", "--teacher", "tomogan") == STOPPED
    told = capsys.readouterr().err
    assert "kept in student.teacher.h5: start again with the same command" in told
    assert "--resume" not in told


def test_ctrl_c_tells_to_resume_only_where_there_is_a_checkpoint(stacks, capsys, monkeypatch):
    chosen = ("--steps", "2", "--architecture", "tomogan-compact", "--channels", "1")
    monkeypatch.setattr(training, "check_values", stop)
    assert train(stacks, *chosen) == STOPPED
    assert "nothing was trained yet: start again with the same command" in capsys.readouterr().err
    monkeypatch.undo()
    monkeypatch.setattr(training.Loop, "go", stop)
    assert train(stacks, *chosen) == STOPPED
    assert "go on with the same command and --resume" in capsys.readouterr().err


def test_answers_for_a_fine_tune_network_are_kept_and_not_taken_for_others(stacks, capsys, monkeypatch):
    words = ("--steps", "1", "--fine-tune", "tomogan", "--fine-tune-pairs", "1")
    monkeypatch.setattr(training, "check_values", stop)
    for _ in range(2):
        assert train(stacks, *words) == STOPPED
        assert "kept in student.pairs.h5" in capsys.readouterr().err
        monkeypatch.setattr(fine_tune, "_write", None)
    assert train(stacks, *words[:-1], "2") == FAULT
    assert "student.pairs.h5: was left by an earlier command" in capsys.readouterr().err


def sizes(folder):
    return [path.stat().st_size for path in sorted(folder.iterdir())]


def test_the_truth_for_a_fine_tune_network_is_rounded_to_the_nearest(tmp_path, monkeypatch):
    begun = []
    monkeypatch.setattr(fine_tune, "track", lambda rows, **_: begun.append(sizes(tmp_path)) or rows)
    # What HDF5's own conversion to float16 makes 0.25 of, after a tiny value.
    truth = np.resize(np.float32([1e-7, 0.4999987, 0.3]), (2, 32, 32))
    with h5py.File(tmp_path / "pairs.h5", "w") as file:
        for part in ("train", "test"):
            file[f"{part}_ns"], file[f"{part}_gt"] = np.repeat(truth[..., None], 3, 3), truth
    answers = tmp_path / "answers.h5"
    fine_tune.write_answers(open_model("tomogan"), tmp_path / "pairs.h5", answers, most=1, job=Job(ncore=1))
    with h5py.File(answers) as file:
        np.testing.assert_array_equal(file["train_gt"][:], truth[:1].astype(np.float16))
    # All room on the disk is taken before a pair is written.
    assert begun == 2 * [sizes(tmp_path)]

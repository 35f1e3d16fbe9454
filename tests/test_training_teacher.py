"""A teacher's answers: which network gives them, how they are kept, and what a student learns from them."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import re

import h5py
import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the extra `train` is not installed")

from tomopy_edge.errors import DataError, ModelError, OutputError  # noqa: E402 - after the skip
from tomopy_edge.job import Job  # noqa: E402
from tomopy_edge.networks.manifest import open_model  # noqa: E402
from tomopy_edge.training import teacher  # noqa: E402

NOISY = np.random.default_rng(1).random((3, 30, 37, 3)).astype(np.float32)


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.h5"
    with h5py.File(path, "w") as file:
        for part in ("train", "test"):
            file[f"{part}_ns"], file[f"{part}_gt"] = NOISY, NOISY[..., 1]
    return path


class Doubling:
    """Answers with twice the middle slice, and counts."""

    channels, sha256 = 3, "0" * 64

    def __init__(self, last=99):
        self.answered, self.last = 0, last

    def open(self, shape, job):
        def answer(noisy):
            if self.answered == self.last:
                raise KeyboardInterrupt
            self.answered += 1
            return 2 * noisy[..., 1]

        return answer


def kept(path):
    with teacher.open_answers(path, (3, 30, 37)) as answers:
        return answers[:]


def test_answers_are_kept_once_for_the_same_teacher_and_pairs(pairs, tmp_path, monkeypatch):
    doubling, begun = Doubling(), []

    def sizes():
        return [path.stat().st_size for path in sorted(tmp_path.iterdir())]

    monkeypatch.setattr(teacher, "track", lambda rows, **_: begun.append(sizes()) or rows)
    for _ in range(2):
        teacher.write_answers(doubling, pairs, tmp_path / "answers.h5", job=Job())
    assert doubling.answered == 3
    # All room on the disk is taken before an answer is written.
    assert begun == [sizes()]
    np.testing.assert_allclose(kept(tmp_path / "answers.h5"), 2 * NOISY[..., 1], atol=2e-3)


def test_answers_that_were_broken_off_are_gone_on_from_and_not_learned_from(pairs, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        teacher.write_answers(Doubling(last=2), pairs, tmp_path / "answers.h5", job=Job())
    with pytest.raises(DataError, match="does not hold a teacher's answers to all 3"):
        kept(tmp_path / "answers.h5")
    rest = Doubling()
    teacher.write_answers(rest, pairs, tmp_path / "answers.h5", job=Job())
    assert rest.answered == 1
    np.testing.assert_allclose(kept(tmp_path / "answers.h5"), 2 * NOISY[..., 1], atol=2e-3)


def test_answers_of_another_teacher_are_neither_used_nor_overwritten(pairs, tmp_path):
    teacher.write_answers(Doubling(), pairs, tmp_path / "answers.h5", job=Job())
    other = Doubling()
    other.sha256 = "1" * 64
    with pytest.raises(OutputError, match=f"teacher: {'0' * 64} then, {'1' * 64} now.*; remove it"):
        teacher.write_answers(other, pairs, tmp_path / "answers.h5", job=Job())


def test_answers_that_cannot_be_read_are_refused(tmp_path):
    (tmp_path / "answers.h5").write_text("no")
    with pytest.raises(DataError, match=re.escape("answers.h5: a teacher's answers cannot be read")):
        kept(tmp_path / "answers.h5")


def test_a_keras_file_answers_slices_of_any_size_whole(tmp_path):
    noisy = keras.layers.Input((None, None, 3))
    pooled = keras.layers.UpSampling2D(8)(keras.layers.MaxPooling2D(8)(noisy))
    keras.Model(noisy, pooled[..., :1]).save(tmp_path / "pooling.keras")
    found = teacher.find_teacher(str(tmp_path / "pooling.keras"))
    answer = found.open((30, 37), Job())(NOISY[0])
    assert found.channels == 3
    assert answer.shape == (30, 37)
    assert np.all(answer[:8, :8] == NOISY[0, :8, :8, 0].max())


def test_the_shipped_tomogan_answers_the_same_whole_as_in_float_tiles():
    model = open_model("tomogan")
    noisy = np.random.default_rng(2).random((256, 256, 3)).astype(np.float32)
    whole = teacher.find_teacher("tomogan").open((256, 256), Job(ncore=1))(noisy)
    tiles = teacher._tiled_teacher(model).open((256, 256), Job(ncore=1))(noisy)
    # Tiles mirror what is beyond the slice, a whole slice has nothing there: 56 pixels feel it.
    np.testing.assert_allclose(whole[56:-56, 56:-56], tiles[56:-56, 56:-56], atol=1e-4)


def test_there_must_be_a_teacher(tmp_path):
    (tmp_path / "ruin.keras").write_bytes(b"PK ruin")
    with pytest.raises(ModelError, match=r"ruin.keras: Keras cannot load it"):
        teacher.find_teacher(str(tmp_path / "ruin.keras"))
    with pytest.raises(ModelError, match="Keras cannot load it"):
        teacher.find_teacher(str(tmp_path / "none.keras"))
    with pytest.raises(ModelError, match="no model is named 'tomogen'; did you mean 'tomogan'"):
        teacher.find_teacher("tomogen")

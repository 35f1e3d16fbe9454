"""What a model folder advises stays true while its networks change."""

import pytest

from tomopy_edge.errors import ModelError
from tomopy_edge.training.advice import with_advice


def block(*held, **more):
    return {"channels": 3, **more, "networks": [{"precision": each} for each in held]}


@pytest.mark.parametrize(
    ("old", "asked", "advised"),
    [
        (None, None, "int8"),
        (None, "chained", "chained"),
        ("float", None, "float"),
        ("float", "chained", "chained"),
        ("int8-ptq", None, "int8"),
    ],
)
def test_what_is_asked_for_goes_before_old_advice_and_that_before_int8(tmp_path, old, asked, advised):
    made = with_advice(block("float", "int8", "chained", **({"advised": old} if old else {})), asked, tmp_path)
    assert made["advised"] == advised
    assert made == block("float", "int8", "chained", advised=advised)


def test_advice_that_cannot_be_kept_is_told(tmp_path, caplog):
    with_advice(block("int8", advised="chained"), None, tmp_path)
    assert caplog.messages == [f"{tmp_path}: advised its chained network, which is gone; it advises int8 now"]
    caplog.clear()
    with_advice(block("int8", advised="chained"), "int8", tmp_path)
    with_advice(block("int8"), None, tmp_path)
    assert caplog.messages == []


def test_a_network_that_is_not_there_is_not_advised(tmp_path):
    with pytest.raises(ModelError, match=r"holds no chained network that it could advise \(it holds: float, int8\)"):
        with_advice(block("int8", "float"), "chained", tmp_path)


def test_files_come_last_and_the_block_that_was_given_is_not_changed(tmp_path):
    given = block("int8", "float") | {"onnx": []}
    made = with_advice(given, "float", tmp_path)
    assert list(made) == ["channels", "advised", "networks", "onnx"]
    assert "advised" not in given

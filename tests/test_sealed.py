"""Files of JSON with a hash of what is in them."""

import pytest

from tomopy_edge.writers.sealed import put_sealed, read_sealed


def test_what_was_written_is_read_and_what_was_changed_is_not(tmp_path):
    path = tmp_path / "sealed.json"
    put_sealed(path, {"rows": (0, 4), "name": "a\ud800"})
    assert read_sealed(path) == {"rows": [0, 4], "name": "a\ud800"}
    path.write_text(path.read_text().replace("4", "5"))
    with pytest.raises(ValueError, match="it is damaged"):
        read_sealed(path)


def test_what_has_as_many_levels_as_python_can_just_read_is_refused_like_what_has_more(tmp_path):
    path = tmp_path / "sealed.json"
    for levels in range(500, 1100):
        path.write_text('{"a":' * levels + "1" + "}" * levels)
        with pytest.raises(ValueError, match=r"it is damaged|recursion"):
            read_sealed(path)

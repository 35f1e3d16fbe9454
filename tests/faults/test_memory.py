"""No memory for the next chunk, none for one slice of it, and none for anything."""


def test_a_chunk_that_memory_does_not_suffice_for_is_made_row_by_row(run, at_fault, undisturbed, contents_of, tmp_path):
    at_fault("needs memory for two", 3, 4, 5)
    ended = run(tmp_path / "out")
    assert ended.code == 0
    assert "rows 4 to 5 are tried one by one: denoise: there is not enough memory" in ended.said
    assert contents_of(tmp_path / "out") == undisturbed()


def test_a_row_that_memory_does_not_suffice_for_fails_alone(run, at_fault, made_whole, kept, tmp_path):
    at_fault("needs memory", 3, 5)
    ended = run(tmp_path / "out")
    assert ended.code == 3
    assert "row 5: denoise: there is not enough memory (Unable to allocate" in ended.said
    assert "work on fewer rows at once (nchunk, --nsino-per-chunk), on fewer threads (ncore)" in ended.said
    assert len([*(tmp_path / "out").glob("*.tiff")]) == 11
    made_whole(tmp_path / "out")


def test_where_memory_suffices_for_no_slice_nothing_is_left(run, at_fault, made_whole, tmp_path):
    at_fault("needs memory")
    ended = run(tmp_path / "out")
    assert ended.code == 2
    assert "tomopy-edge: error: denoise: there is not enough memory (Unable to allocate" in ended.said
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []
    made_whole(tmp_path / "out")

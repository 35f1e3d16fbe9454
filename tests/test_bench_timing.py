"""What follows from the turns: medians, quartiles, ratios within turns; and the tables, JSON and bars made of that."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tomopy_edge.drawing import INK
from tomopy_edge.errors import OutputError
from tomopy_edge.machine import timing_picture, timing_table
from tomopy_edge.machine.facts import Machine
from tomopy_edge.machine.paper import PUBLISHED
from tomopy_edge.machine.timing import PARTS, Spread, Timed, Timing, Turn, times_as_fast
from tomopy_edge.machine.timing_picture import COLOURS, draw_bars
from tomopy_edge.machine.timing_table import as_plain, lines, write_json

MACHINE = Machine("Test CPU", ("AVX2",), 4, 2**33, None, "Linux", None, (), "no CUDA")


def turn(infer, joules=None, opening=0.0):
    return Turn({**dict.fromkeys(PARTS, 0.0), "infer": infer, "fbp": 1.0}, 2 * infer, joules, opening)


def timed(*infer, runtime="litert", **more):
    return Timed("tomogan", "int8", runtime, 64, turns=tuple(map(turn, infer)), **more)


def timing(*rows, load=(0.0, 4.0), **more):
    return Timing(64, 30, 2, 3, 4, MACHINE, load, "none: there is no sensor", rows, **more)


def test_a_spread_is_the_median_between_the_quartiles():
    assert Spread.of([5, 1, 2, 3, 4]) == Spread(3, 2, 4)


def test_the_first_turn_is_no_part_of_the_steady_state():
    row = timed(100, 3, 1, 2)
    assert row.part("infer") == Spread(2, 1.5, 2.5)
    assert row.total.median == 3
    assert row.processor.median == 4


def test_before_the_second_turn_there_is_no_steady_state():
    for row in (timed(), timed(100)):
        assert (row.total, row.part("infer"), row.processor, row.joules) == (None, None, None, None)


def test_opening_is_in_no_part_and_not_in_the_total():
    assert turn(2, opening=50.0).total == 3


def test_energy_is_told_where_it_was_measured_and_nowhere_else():
    row = replace(timed(), turns=(turn(1, 99.0), turn(1, 5.0), turn(1, None), turn(1, 7.0)))
    assert row.joules.median == 6
    assert timed(1, 1).joules is None


def test_times_as_fast_is_the_median_of_ratios_within_turns():
    # The machine is four times as slow in the second turn for all alike, and a median of times would not see that.
    first, other = timed(1, 3, 15, 3), timed(1, 1, 7, 1)
    assert times_as_fast(first, other) == pytest.approx(2)
    assert times_as_fast(first, first) == 1


def test_turns_that_one_of_them_missed_are_not_compared():
    assert times_as_fast(timed(1, 3, 9), timed(1, 1)) == pytest.approx(2)
    assert times_as_fast(timed(1, 3, 9), timed(1)) is None


@pytest.mark.parametrize(
    ("load", "warned"), [((0.1, 4.0), False), ((1.9, 4.0), False), ((2.1, 4.0), True), ((0.1, 6.5), True)]
)
def test_a_load_of_others_above_half_the_cores_is_warned_of(load, warned):
    assert bool(timing(load=load).warning) == warned


def test_the_papers_figures_hold_together():
    coral, board, jetson, laptop, *_ = PUBLISHED
    for one in (coral, board):
        assert one.tomogan + one.stitching + one.fine_tune == pytest.approx(one.total, abs=5e-4)
    # Section V: "Dev Board and Accelerator provide 3x faster inference than a CPU, and ... 1.5x faster than TX2".
    assert laptop.tomogan / board.tomogan == pytest.approx(3, rel=0.01)
    assert jetson.total / coral.total == pytest.approx(1.5, abs=0.1)


def cells(table, title):
    """The cells of the first line that begins with a title."""
    return next(line for line in table if line.startswith(title)).removeprefix(title).split()


def test_the_table_has_every_part_the_total_with_quartiles_and_the_ratio_to_the_first_line():
    table = lines(timing(timed(9, 3, 3, 3), timed(9, 0, 1, 2, runtime="other")))
    assert cells(table, "tomogan int8, 64 px, other") == [
        "1.0000", "0.0000", "0.0000", "1.0000", "0.0000", "0.0000", "0.0000", "0.0000",
        "2.000", "1.500-2.500", "2.000", "2.00",
    ]  # fmt: skip


def test_the_first_run_stands_apart_from_those_after_it():
    row = Timed("tomogan", "int8", "litert", 64, turns=(turn(9, opening=0.5), turn(2), turn(2)))
    table = lines(timing(row))
    begin = next(n for n, line in enumerate(table) if line.startswith("the first run"))
    assert cells(table[begin:], "tomogan int8, 64 px, litert") == ["0.500", "1.000", "9.000", "10.000", "3.000"]


def test_the_papers_figures_stand_beside_with_their_places():
    table = lines(timing(timed(1, 1)))
    assert cells(table, "Edge TPU Dev Board, int8") == [
        "-", "0.512", "0.120", "0.166", "0.798", "2", "Table", "I,", "Fig.", "7",
    ]  # fmt: skip


def test_a_line_that_failed_says_when_and_why_and_keeps_what_was_timed():
    table = lines(timing(timed(1, 2), timed(5, fault="the stick was pulled", runtime="edgetpu")))
    assert "tomogan int8, 64 px, edgetpu: failed in turn 2: the stick was pulled" in table
    assert cells(table, "tomogan int8, 64 px, edgetpu")[-1] == "-"


def test_what_was_left_out_stopped_or_disturbed_is_said():
    table = lines(timing(timed(1, 2), left_out=("edgetpu: no stick",), stopped=True, load=(3.0, 4.0)))
    assert "left out: edgetpu: no stick" in table
    assert any(line.startswith("stopped before the end") for line in table)
    assert any(line.startswith("warning: other programs") for line in table)
    calm = lines(timing(timed(1, 2)))
    assert not any(line.startswith(("left out", "stopped", "warning")) for line in calm)


def test_sentences_are_wrapped_and_tables_are_not():
    told = "edgetpu: " + "there is no such library on this machine, " * 4
    wide = lines(timing(timed(1, 2), left_out=(told,)), 300)
    narrow = lines(timing(timed(1, 2), left_out=(told,)), 60)
    assert f"left out: {told}".strip() in wide
    start = narrow.index("left out: edgetpu: there is no such library on this machine,")
    assert narrow[start + 1].startswith("  there is no such library")
    assert [line for line in wide if line.startswith("tomogan int8")] == [
        line for line in narrow if line.startswith("tomogan int8")
    ]


def test_what_ran_a_network_stands_below_its_name():
    table = lines(timing(timed(1, 2, notes=("tomogan: a.tflite, 2 threads", "the paper's tiles"))))
    start = table.index("tomogan int8, 64 px, litert:")
    assert table[start : start + 4] == [table[start], "  a.tflite, 2 threads", "  the paper's tiles", ""]


def test_how_the_times_were_made_is_told_in_words():
    assert timing(timed(1, 2)).made == "one turn after the first; slices in each: 2; threads: 4"
    # As many as there were, where ctrl-C came before the end.
    assert timing(timed(1, 2), timed(1, 2, 3), stopped=True).made.startswith("medians of 2 turns after the first;")


def test_that_the_papers_slices_are_larger_or_smaller_is_said():
    made = timing(timed(1, 2))
    assert [timing_table.times_as_large(replace(made, columns=edge)) for edge in (1024, 512, 2560)] == [
        "",
        ", 4 times the pixels",
        ", 0.16 times the pixels",
    ]
    assert any("averages for 1024 x 1024, 256 times the pixels: V. Abeykoon" in line for line in lines(made))


def test_energy_has_a_column_only_where_it_was_measured():
    head = 5
    assert "J" not in lines(timing(timed(1, 2)))[head].split()
    row = replace(timed(), turns=(turn(1, 9.0), turn(1, 5.25)))
    table = lines(timing(row))
    assert table[head].split()[-1] == "J"
    assert cells(table, "tomogan int8, 64 px, litert")[-1] == "5.25"


def test_the_json_holds_every_turn_and_what_follows(tmp_path):
    made = timing(timed(9, 1, 3, notes=("on LiteRT",)), timed(), load=(3.0, 4.0))
    path = tmp_path / "bench.json"
    write_json(made, path, "tomopy-edge bench")
    plain = json.loads(path.read_text())
    assert plain == json.loads(json.dumps(as_plain(made, "tomopy-edge bench")))
    assert plain["rows"][0]["steady"]["infer"] == {"median": 2, "lower": 1.5, "upper": 2.5}
    assert [one["total"] for one in plain["rows"][0]["turns"]] == [10, 2, 4]
    assert plain["rows"][1]["steady"]["total"] is None
    assert plain["machine"]["cpu"] == "Test CPU"
    assert plain["warning"].startswith("warning")
    assert plain["paper"]["devices"][0]["tomogan"] == 0.435


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(OutputError, match=r"no[/]bench.json: cannot be written"):
        write_json(timing(timed(1, 1)), tmp_path / "no" / "bench.json", "")
    with pytest.raises(OutputError, match=r"no[/]bench.png: cannot be written"):
        draw_bars(timing(timed(1, 1)), tmp_path / "no" / "bench.png")


def test_bars_are_as_long_as_the_times_and_the_papers_share_their_scale(tmp_path):
    path = tmp_path / "bench.png"
    draw_bars(timing(timed(1, 2), timed(1, 1, runtime="other"), timed(5, fault="broke", runtime="broken")), path)
    with Image.open(path) as picture:
        pixels = np.asarray(picture)
    infer = (pixels == COLOURS["infer"]).all(axis=-1)
    infer[:, : timing_picture.MARGIN + timing_picture.LABELS] = False
    lengths = [int(line.sum()) for line in infer if line.any()]
    # In the order of the sheet; the last is the legend's.
    found = list(dict.fromkeys(lengths))[:-1]
    scale = timing_picture.WIDTH / 3
    wanted = [2, 1, 0.435, 0.512, 0.880, 1.537, 0.044]
    np.testing.assert_allclose(found, [seconds * scale for seconds in wanted], atol=1.01)
    assert all(lengths.count(length) == timing_picture.ROW - 2 * timing_picture.INNER for length in found)
    # The longest bar ends where the scale does.
    first = np.flatnonzero(infer.any(axis=1))[0]
    end = timing_picture.MARGIN + timing_picture.LABELS + timing_picture.WIDTH
    assert (pixels[first, end + 2 : end + 8] == 255).all()


def test_a_line_on_a_bar_goes_from_quartile_to_quartile_of_the_total(tmp_path):
    path = tmp_path / "bench.png"
    draw_bars(timing(timed(9, 1, 2, 3)), path)
    with Image.open(path) as picture:
        pixels = np.asarray(picture)
    row = timing_picture.MARGIN + 2 * timing_picture.TITLE + timing_picture.ROW // 2
    left = timing_picture.MARGIN + timing_picture.LABELS
    inked = np.flatnonzero((pixels[row, left : left + timing_picture.WIDTH] == INK).all(axis=-1))
    # Totals of 2, 3 and 4 seconds; the scale ends at the upper quartile.
    np.testing.assert_allclose(
        [inked[0], inked[-1]], [timing_picture.WIDTH * 2.5 / 3.5, timing_picture.WIDTH - 1], atol=1.01
    )


@pytest.mark.parametrize("longest", [0.044, 0.7, 1.537, 8.0, 30.0, 999.0])
def test_the_scale_has_few_round_ticks(longest):
    ticks = timing_picture._ticks(longest)
    assert ticks[0] == 0
    assert 4 <= len(ticks) <= timing_picture.TICKS + 1
    assert longest * 0.7 < ticks[-1] <= longest
    assert all(len(f"{tick:g}") <= 5 for tick in ticks)

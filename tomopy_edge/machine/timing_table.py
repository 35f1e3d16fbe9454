"""What was timed, as tables in words and as plain data for JSON, beside what the paper measured."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from textwrap import wrap
from typing import Any

from tomopy_edge.machine.paper import EDGE, PUBLISHED, TITLE, Published
from tomopy_edge.machine.timing import PARTS, Spread, Timed, Timing, Turn, times_as_fast
from tomopy_edge.text_table import aligned
from tomopy_edge.version import __version__
from tomopy_edge.writers.failures import told

NONE = "-"

WIDTH = 120
"""Columns of sentences."""

SHARED = "kernels that several lines share are compiled, or loaded from an earlier run's cache, in the first of them"

COLUMNS = {
    "total": "median of the turns, not the sum of the medians before it",
    "quartiles": "of the total",
    "CPU": "seconds of all threads of this process together, which other programs disturb less",
    "x first": "how many times as fast as the first line: median of the ratios within each turn",
    "J": "joules a slice",
}
"""Columns beside the parts -> what each is."""


def lines(timing: Timing, width: int = WIDTH) -> list[str]:
    """Return all that was timed, for people: the machine, the steady state, the first run, the paper.

    Sentences are wrapped at `width` columns; tables are as wide as they are.
    """
    made = f"seconds for a slice of {timing.columns} x {timing.columns} from {timing.angles} angles"
    missing = [f"{row.title}: failed in turn {len(row.turns) + 1}: {row.fault}" for row in timing.rows if row.fault]
    missing += [f"left out: {sentence}" for sentence in timing.left_out]
    missing += ["stopped before the end: the turns until then are above"] if timing.stopped else []
    meanings = {**PARTS, **COLUMNS}.items()
    return [
        *_wrapped(f"{made}: {timing.made}", width),
        *(line for sentence in _machine(timing) for line in _wrapped(sentence, width)),
        "",
        *aligned(_steady(timing)),
        *(line for sentence in missing for line in _wrapped(sentence, width)),
        "",
        "the first run, seconds: opening the networks, then for each of the slices of the first turn",
        *aligned(_first(timing)),
        *_wrapped(SHARED, width),
        "",
        *_wrapped(f"the paper, averages for {EDGE} x {EDGE}{times_as_large(timing)}: {TITLE}", width),
        *aligned(_paper()),
        "",
        *(line for row in timing.rows for line in _notes(row, width)),
        *(
            line
            for name, what in meanings
            if name != "J" or _measured(timing)
            for line in _wrapped(f"{name}: {what}", width)
        ),
    ]


def as_plain(timing: Timing, command: str) -> dict[str, Any]:
    """Return all that was timed as plain data: every turn, what follows from them, and what the paper has."""
    plain = {name: value for name, value in vars(timing).items() if name not in ("machine", "rows")}
    return {
        "tomopy_edge": __version__,
        "command": command,
        **plain,
        "warning": timing.warning,
        "machine": asdict(timing.machine),
        "definitions": {**PARTS, **COLUMNS},
        "rows": [_plain(row, timing.rows[0]) for row in timing.rows],
        "paper": {"title": TITLE, "edge": EDGE, "devices": [asdict(one) for one in PUBLISHED]},
    }


def write_json(timing: Timing, path: Path, command: str) -> None:
    """Write all that was timed into one JSON file.

    Raises
    ------
    OutputError : where the file cannot be written
    """
    with told(path):
        path.write_text(json.dumps(as_plain(timing, command), indent=1) + "\n", encoding="utf-8")


def _wrapped(sentence: str, width: int, start: str = "") -> list[str]:
    return wrap(
        sentence,
        width,
        initial_indent=start,
        subsequent_indent=f"{start}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _notes(row: Timed, width: int) -> list[str]:
    """Return what ran a network, below its name."""
    told = [line for note in row.notes for line in _wrapped(note.removeprefix(f"{row.model}: "), width, "  ")]
    return [f"{row.title}:", *told, ""] if told else []


def times_as_large(timing: Timing) -> str:
    """Return how many times as large the paper's slices are, as the end of a heading; "" where they are as large."""
    times = (EDGE / timing.columns) ** 2
    return "" if times == 1 else f", {times:.3g} times the pixels"


def _machine(timing: Timing) -> list[str]:
    machine, (before, after) = timing.machine, timing.load
    features = f" ({', '.join(machine.features)})" if machine.features else ""
    memory = [f"{machine.memory_bytes / 2**30:.1f} GiB"] if machine.memory_bytes else []
    parts = [f"{machine.cpu}{features}", f"{machine.cores} core{'s' * (machine.cores != 1)}", *memory, *machine.gpus]
    return [
        f"machine: {'; '.join([machine.board, *parts] if machine.board else parts)}",
        f"load of the machine: {before:.2f} before, {after:.2f} after",
        *([timing.warning] if timing.warning else []),
        f"energy: {timing.energy}",
    ]


def _steady(timing: Timing) -> list[list[str]]:
    measured = _measured(timing)
    head = ["", *PARTS, *(name for name in COLUMNS if name != "J" or measured)]
    rows = [head]
    for row in timing.rows:
        total, ratio = row.total, times_as_fast(timing.rows[0], row)
        cells = [row.title, *(_seconds(row.part(name), 4) for name in PARTS), _seconds(total)]
        cells.append(f"{total.lower:.3f}-{total.upper:.3f}" if total else NONE)
        cells += [_seconds(row.processor), NONE if ratio is None else f"{ratio:.2f}"]
        rows.append([*cells, f"{row.joules.median:.2f}" if row.joules else NONE][: len(head)])
    return rows


def _first(timing: Timing) -> list[list[str]]:
    rows = [["", "opening", "fbp", "the rest", "total", "total later"]]
    for row in timing.rows:
        if not row.turns:
            continue
        first = row.turns[0]
        fbp = first.parts["fbp"]
        numbers = (first.opening, fbp, first.total - fbp, first.total)
        rows.append([row.title, *(f"{number:.3f}" for number in numbers), _seconds(row.total)])
    return rows


def _paper() -> list[list[str]]:
    def cells(one: Published) -> list[str]:
        numbers = [one.fbp, one.tomogan, one.stitching, one.fine_tune, one.total]
        watts = NONE if one.watts is None else f"{one.watts:g}"
        return [one.device, *(NONE if number is None else f"{number:.3f}" for number in numbers), watts, one.place]

    head = ["", "fbp", "TomoGAN", "stitching", "Fine-Tune", "total", "watts", "where"]
    return [head, *(cells(one) for one in PUBLISHED)]


def _measured(timing: Timing) -> bool:
    return any(row.joules for row in timing.rows)


def _seconds(spread: Spread | None, digits: int = 3) -> str:
    return NONE if spread is None else f"{spread.median:.{digits}f}"


def _plain(row: Timed, first: Timed) -> dict[str, Any]:
    spreads = {**{name: row.part(name) for name in PARTS}, "total": row.total, "CPU": row.processor, "J": row.joules}
    return {
        **{name: value for name, value in vars(row).items() if name != "turns"},
        "steady": {name: None if spread is None else asdict(spread) for name, spread in spreads.items()},
        "times_as_fast_as_first": times_as_fast(first, row),
        "turns": [_turn(turn) for turn in row.turns],
    }


def _turn(turn: Turn) -> dict[str, Any]:
    return {**asdict(turn), "total": turn.total}

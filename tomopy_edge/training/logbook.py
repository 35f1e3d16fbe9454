"""The log of a training: a row for each look, as CSV, and for TensorBoard where that is wanted."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tomopy_edge.errors import OutputError


class Logbook:
    """A row for each look at a training.

    Parameters
    ----------
    folder : of the training; the rows go to `log.csv` in it
    step : steps made already; rows of later ones, from before a training was killed, are dropped
    tensorboard : folder for TensorBoard's log, or None

    Raises
    ------
    OutputError : where TensorBoard is wanted and not installed
    """

    def __init__(self, folder: Path, *, step: int = 0, tensorboard: Path | None = None) -> None:
        self._path = folder / "log.csv"
        self._board = None if tensorboard is None else _open_board(tensorboard)
        if self._path.exists():
            with self._path.open(newline="", encoding="utf-8") as file:
                kept = [row for row in csv.DictReader(file) if int(row["step"]) <= step]
            self._path.unlink()
            for row in kept:
                self._append(row)

    def write(self, row: Mapping[str, float]) -> None:
        """Add a row; it has a "step", and always the same names."""
        self._append(row)
        if self._board is not None:
            for name, number in row.items():
                self._board.add_scalar(name, number, step=int(row["step"]))
            self._board.flush()

    def close(self) -> None:
        """Write what is not written yet."""
        if self._board is not None:
            self._board.close()

    def _append(self, row: Mapping[str, Any]) -> None:
        new = not self._path.exists()
        with self._path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(row))
            if new:
                writer.writeheader()
            writer.writerow(row)


def check_tensorboard(folder: Path) -> None:
    """Raise an `OutputError` where TensorBoard, which a log in `folder` needs, is not installed."""
    if find_spec("tensorboard") is None:
        raise OutputError(f"{folder}: a log for TensorBoard needs it; install it with: pip install tensorboard")


def _open_board(folder: Path) -> Any:
    check_tensorboard(folder)
    summary = import_module("tensorboard.summary")
    folder.mkdir(parents=True, exist_ok=True)
    return summary.Writer(summary.DirectoryOutput(str(folder)))

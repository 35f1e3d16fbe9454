"""How a child process ended, in the words of a sentence."""

from __future__ import annotations

import signal


def signal_name(code: int) -> str:
    """Return the name of the signal that ended a process, of its exit code, which is below 0."""
    names = {number.value: number.name for number in signal.Signals}
    return names.get(-code, f"signal {-code}")


def last_line(said: bytes, *, without: str | None = None) -> list[str]:
    """Return the last line that a process said, in a list, which is empty where it said none.

    Parameters
    ----------
    said : by the process
    without : how lines begin that tell nothing
    """
    lines = [line.strip() for line in said.decode(errors="replace").splitlines()]
    return [line for line in lines if line and not (without and line.startswith(without))][-1:]

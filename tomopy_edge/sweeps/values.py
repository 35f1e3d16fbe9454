"""The values of a sweep, as a recipe gives them: what may stand there, and how a value is told."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tomopy_edge.yaml_text import Sweep, SweepRange

MOST = 256
"""Values, or pairs of values of two sweeps, that are tried: nobody looks at more pictures."""

BOUNDS = ("start", "stop", "step")

LONGEST = 40
"""Characters of a value that a picture's label shows."""


@dataclass(frozen=True)
class Axis:
    """One sweep of a recipe.

    Attributes
    ----------
    place : what is swept over, such as "find_center.center"
    values : in YAML's plain form, each once
    """

    place: str
    values: tuple[Any, ...]

    @property
    def name(self) -> str:
        """What is swept over, in short: without the stage."""
        parts = self.place.split(".")[1:]
        short = parts[1:] if parts[0] == "options" and len(parts) > 1 else parts
        return ".".join(short)

    @property
    def labels(self) -> list[str]:
        """The values in words, numbers with as many decimals as the finest of them."""
        if not all(_is_number(value) for value in self.values):
            return [_short(value) for value in self.values]
        decimals = max(_decimals(value) for value in self.values)
        if decimals > 6:  # noqa: PLR2004 - then digits tell more than decimals
            return [f"{value:g}" for value in self.values]
        return [f"{value:.{decimals}f}" for value in self.values]


def values_of(sweep: Sweep | SweepRange, at: str, faults: list[str]) -> tuple[Any, ...]:
    """Return the values of a sweep, or none where it has faults, which are added to `faults`.

    Parameters
    ----------
    at : its place in the recipe, for the messages
    """
    if isinstance(sweep, SweepRange):
        found, fault = _range(sweep.bounds)
    else:
        found, fault = _list(sweep.values)
    if fault:
        faults.append(f"{at}: {fault}")
    return found


def _list(values: Any) -> tuple[tuple[Any, ...], str]:
    if not isinstance(values, list | tuple):
        return (), f"!Sweep takes a list of values such as !Sweep [1, 2, 3], got {_short(values)}"
    if not values:
        return (), "the list of !Sweep is empty; give the values to try"
    if _holds_sweep(values):
        return (), "a sweep stands within a sweep; write out the values in one list"
    if len(values) > MOST:
        return (), f"!Sweep holds {len(values)} values, and at most {MOST} are tried"
    told = [json.dumps(value, default=repr) for value in values]
    twice = sorted({one for one in told if told.count(one) > 1})
    if twice:
        return (), f"!Sweep holds {' and '.join(twice)} more than once; leave it there once"
    return tuple(values), ""


def _range(bounds: Any) -> tuple[tuple[Any, ...], str]:
    if not isinstance(bounds, dict) or set(bounds) != set(BOUNDS):
        return (), f"!SweepRange takes start, stop and step, as {{start: 10, stop: 50, step: 10}}, got {_short(bounds)}"
    start, stop, step = (bounds[name] for name in BOUNDS)
    wrong = [f"{name} {_short(bounds[name])}" for name in BOUNDS if not _is_number(bounds[name])]
    if wrong:
        return (), f"!SweepRange takes numbers, got {' and '.join(wrong)}"
    if not step:
        return (), "!SweepRange has step 0, with which it never comes to its stop"
    # In decimals, as they were written: ten steps of 0.1 are 1.
    first, end, each = (Decimal(str(number)) for number in (start, stop, step))
    count = math.ceil((end - first) / each)
    if count < 1:
        return (), f"!SweepRange holds no value: {stop} is not reached from {start} in steps of {step}"
    if count > MOST:
        return (), f"!SweepRange holds {count} values, and at most {MOST} are tried; take a larger step"
    whole = all(isinstance(number, int) for number in (start, stop, step))
    return tuple((int if whole else float)(first + number * each) for number in range(count)), ""


def _holds_sweep(value: Any) -> bool:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return isinstance(value, Sweep | SweepRange) or any(_holds_sweep(one) for one in inside)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf


def _decimals(value: float) -> int:
    exponent = Decimal(str(value)).normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def _short(value: Any) -> str:
    told = value if isinstance(value, str) else json.dumps(value, default=repr)
    return told if len(told) <= LONGEST else f"{told[: LONGEST - 3]}..."

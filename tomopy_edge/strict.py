"""Read plain data (from YAML or JSON) into dataclasses: nothing unknown, nothing converted in silence."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from tomopy_edge.errors import did_you_mean

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")

LONGEST = 200
"""Characters of a value that a message repeats."""


class StrictError(ValueError):
    """Plain data that does not fit.

    Attributes
    ----------
    faults : every fault, each with its place, what was found and what would do
    """

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("; ".join(faults))


def read_strictly(kind: type[T], raw: Any, at: str = "") -> T:
    """Return `raw` as a `kind`.

    Parameters
    ----------
    kind : a dataclass, best one made by `tomopy_edge.options`
    raw : dicts, lists, strings, numbers, booleans and None
    at : where `raw` stands in the file, for the messages

    Raises
    ------
    StrictError : with every fault found
    """
    from pydantic import ValidationError

    try:
        text = json.dumps(raw)
    except (TypeError, ValueError, RecursionError) as error:
        raise StrictError([f"{at or 'the file'}: {error}"]) from None
    try:
        # Through JSON, whose strict rules let a YAML list be a tuple and a string a path, and nothing more.
        read: T = _adapter(cast("Any", kind)).validate_json(text)
    except ValidationError as error:
        raise StrictError([_fault(kind, fault, at) for fault in error.errors()]) from None
    return read


def to_plain(value: Any) -> Any:
    """Return a dataclass as plain data, the inverse of `read_strictly`: the form that YAML and JSON can hold."""
    return _adapter(cast("Any", type(value))).dump_python(value, mode="json")


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    # To make one takes a hundred times as long as to use it.
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _fault(kind: Any, fault: Any, at: str) -> str:
    place = ".".join(filter(None, [at, *map(str, fault["loc"])])) or "the file"
    found = json.dumps(fault["input"], default=str)
    found = found if len(found) <= LONGEST else f"{found[:LONGEST]}..."
    if fault["type"] == "unexpected_keyword_argument":
        owner = kind
        for part in fault["loc"][:-1]:
            owner = _member(owner, part)
        known = [field.name for field in fields(owner)] if is_dataclass(owner) else []
        wrong = str(fault["loc"][-1])
        listed = f"there are: {', '.join(known)}" if known else "it takes none"
        return f"{place}: no such option{did_you_mean(wrong, known)} ({listed})"
    if fault["type"] == "value_error":
        # Rules of `__post_init__`, which name the option themselves.
        return ".".join(filter(None, [at, *map(str, fault["loc"]), str(fault["ctx"]["error"])]))
    if fault["type"] == "missing":
        return f"{place}: must be given"
    message = fault["msg"][:1].lower() + fault["msg"][1:]
    return f"{place}: {message}, got {found}"


def _member(owner: Any, part: str | int) -> Any:
    """Return the type of a field or of an item, looking through tuples, lists and `| None`."""
    if isinstance(part, int):
        return next((arg for arg in get_args(owner) if arg is not Ellipsis), owner)
    hint = get_type_hints(owner).get(part) if is_dataclass(owner) else owner
    if get_origin(hint) in {Union, UnionType}:
        hint = next((arg for arg in get_args(hint) if is_dataclass(arg)), hint)
    return hint

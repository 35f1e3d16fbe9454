"""The one decorator behind every options class: frozen, keyword-only, and strict when read from YAML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from typing_extensions import dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def options(cls: type[T]) -> type[T]:
    """Make `cls` a frozen dataclass whose YAML form allows no unknown key and no silent conversion.

    Rules that types cannot express belong into `__post_init__` as a `ValueError` that starts with the option's name.

    Example
    -------
    ::

        @options
        class MedianOptions:
            size: int = 3

            def __post_init__(self):
                if self.size < 1:
                    raise ValueError(f"size: must be at least 1 pixel, got {self.size}")
    """
    cls.__pydantic_config__ = {"extra": "forbid", "strict": True}  # type: ignore[attr-defined]
    return dataclass(frozen=True, kw_only=True)(cls)

"""Read YAML safely, with the numbers of YAML 1.2: `1e-3` is a number, as everyone who writes it means."""

from __future__ import annotations

import re
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader knows YAML 1.1, where a number with an exponent needs a point and a sign."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def load_yaml(text: str) -> Any:
    """Return the plain data that `text` holds; raises `yaml.YAMLError` where it is not YAML, or would run code."""
    return yaml.load(text, _Loader)  # noqa: S506 - derived from SafeLoader

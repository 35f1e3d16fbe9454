"""Read YAML safely, with the numbers of YAML 1.2: `1e-3` is a number, as everyone who writes it means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError

LARGEST = 2**18
"""Characters of the longest text that is read. A recipe has some hundred, or with a rotation axis for each of many rows
some ten thousand."""

MOST, DEEPEST = 20_000, 30
"""Values that a text may hold, each counted as often as an alias names it again, and levels of them within another.
Ten aliases of ten aliases, and so on, are a few lines that fill all memory."""

PLAIN = ("null", "bool", "int", "float", "str", "seq", "map")
"""Tags of plain data, the only ones that are read, but for those of a `Sweep`."""

EXPONENT = re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$")


@dataclass(frozen=True)
class Sweep:
    """Stands where an option's value stands, for several that are tried one after the other: `!Sweep [a, b, c]`.

    Attributes
    ----------
    values : the values; nothing is checked here, so that a reader can tell all faults at once
    """

    values: Any
    # With it, PyYAML refuses one as the key of a mapping, in a sentence.
    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class SweepRange:
    """Stands for evenly spaced values: `!SweepRange {start: 10, stop: 50, step: 10}` is 10, 20, 30 and 40.

    Attributes
    ----------
    bounds : the mapping; `stop` is left out, as in Python's `range`. Nothing is checked here.
    """

    bounds: Any
    __hash__ = None  # type: ignore[assignment]


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, for plain data alone, of which there is not too much.

    It knows YAML 1.1, where a number with an exponent needs a point and a sign, and a date is no text.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._sizes: dict[yaml.Node, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Return the next node, once it is known to be of bounded size."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        mark, alias = event.start_mark, isinstance(event, yaml.AliasEvent)
        if self._depth == DEEPEST:
            raise ComposerError(None, None, f"more than {DEEPEST} levels", mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        if node is None:
            return None
        if not alias:
            _expect_once(node)
            self._sizes[node] = 1 + sum(self._sizes[each] for each in _inner(node))
        elif node not in self._sizes:
            raise ComposerError(None, None, "an alias of what it stands in", mark)
        if max(self._sizes[node], len(self._sizes)) > MOST:
            raise ComposerError(None, None, f"more than {MOST} values, with those of aliases", mark)
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002 - PyYAML's form
        """Return the value of a node."""
        try:
            return super().construct_object(node, deep=deep)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # What makes numbers of text takes it that the text is one.
            raise ConstructorError(None, None, f"no {node.tag}: {error}", node.start_mark) from None


def _inner(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [each for pair in node.value for each in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _expect_once(node: yaml.Node) -> None:
    """Refuse a mapping in which a key stands twice: PyYAML takes the last, without a word."""
    keys: set[str] = set()
    for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
        if not isinstance(key, yaml.ScalarNode):
            continue
        if key.value in keys:
            raise ComposerError(None, None, f"{key.value[:60]!r} stands there twice", key.start_mark)
        keys.add(key.value)


def _untagged(loader: Any, node: yaml.Node) -> Any:
    """Return what a node holds, whatever its tag is."""
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    tag = loader.resolve(yaml.ScalarNode, node.value, (True, False))
    return loader.construct_object(yaml.ScalarNode(tag, node.value, node.start_mark, node.end_mark))


_Loader.yaml_constructors = {
    tag: make
    for tag, make in yaml.SafeLoader.yaml_constructors.items()
    if tag is None or tag.removeprefix("tag:yaml.org,2002:") in PLAIN
}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in forms if not tag.endswith((":timestamp", ":value"))]
    for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_constructor("!Sweep", lambda loader, node: Sweep(_untagged(loader, node)))
_Loader.add_constructor("!SweepRange", lambda loader, node: SweepRange(_untagged(loader, node)))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", EXPONENT, list("-+.0123456789"))


def load_yaml(text: str) -> Any:
    """Return the plain data that `text` holds, and `Sweep` and `SweepRange` among them.

    Raises
    ------
    yaml.YAMLError : where it is not YAML, would be anything else, holds a key twice, or is far too long
    """
    if len(text) > LARGEST:
        raise yaml.YAMLError(f"more than {LARGEST} characters")
    return yaml.load(text, _Loader)  # noqa: S506 - derived from SafeLoader

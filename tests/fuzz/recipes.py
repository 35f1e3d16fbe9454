"""Recipes: YAML that is wrong in every place it can be, and hostile YAML; read as `tomopy-edge check` reads them."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Literal, get_args, get_origin, get_type_hints

from tests.fuzz.case import Case
from tests.fuzz.damage import damaged
from tomopy_edge.catalogue import Catalogue
from tomopy_edge.networks.manifest import Model
from tomopy_edge.networks.probing import probed
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.recipe import parse_recipe, read_recipe
from tomopy_edge.run_scan import expect_whole
from tomopy_edge.strict import to_plain
from tomopy_edge.yaml_text import load_yaml

VALUES = (
    *("null", "true", "no", "~", "''", '""', "[]", "{}", "[[]]", "[null]", "{1: 2}", "{null: 1}", "- 1", "?"),
    *("0", "-1", "1", "2", "3", "7", "1e3", "0.5", "-0.0", "1e-400"),
    *("1e400", "1e308", "5e-324", "0x10", "0o17", "1_000"),
    *(".nan", ".inf", "-.inf", "NaN", "Infinity", "9" * 400, "9" * 5000, "-" + "9" * 30, "0." + "1" * 5000),
    *("1:2:3", "2001-01-01", "2001-99-99", "2001-01-01 25:61:61", "2001-01-01T00:00:00+99:99", "=", "<<", "0b2", "0x"),
    *("[0, 4]", "[4, 0]", "[0, 4, 1]", "[0, 8, 0]", "[0.5, 1.5]", "[1, 2, 3, 4]", "[tiff]", "[tiff, tiff]", "['']"),
    *("[0, 99999999999999999999]", "[-1, 5]", "{model: x}", "{options: {options: {}}}", "[0, 4611686018427387904]"),
    *("!!python/object/apply:tests.fuzz.recipes.never []"),
    *("!!python/name:os.system", "!!python/module:os", "!!python/none"),
    *("!!python/object/new:tests.fuzz.recipes.never []", "!!binary AAAA", "!!binary '*'", "!!set {a}", "!!omap [a: 1]"),
    *("!!pairs [a: 1]", "!!timestamp x", "!!int x", "!!int ''", "!!float ''", "!!bool x", "!!null x", "!x y", "!<x> y"),
    *("!!str 1", "!!seq {a: 1}", "!!map [1]", "!!merge x"),
    *("&a [*a]", "&a {a: *a}", "*a", "&a", "{<<: *a}", "{<<: [1]}"),
    *('"\\0"', '"\\ud800"', '"\\U0010ffff"', '"\\uFFFE"', "'\u202e'", "'é'"),
    *("'\U0001f600'", "a" * 300, "b" * 9000, "'" + "/x" * 3000 + "'"),
    *("/", "..", "../../..", "~", "~/", "~nobody-here/x", "/dev/zero", "/dev/stdin", "/proc/self", "/etc/passwd", "''"),
    *("tomogan", "tomogan-compact", "tomogan/", "./models/tomogan-compact"),
    *("models/tomogan/../tomogan-compact", "TomoGAN"),
    *("auto", "litert", "float", "cpu", "gpu", "usb:0"),
    *("cuda:99999999999999999999", "':'", "int8", "int8-ptq", "chained"),
)  # fmt: skip
"""What stands in the place of an option's value."""

TOKENS = (
    *("-", "- ", ":", ": ", "{", "}", "[", "]", ",", "&a ", "*a"),
    *("!!", "!", "|", ">", "|2\n", "%", "@", "`", "#", "? ", "\t"),
    *("---\n", "...\n", "%YAML 9.9\n---\n", "\n", "\r", "\x00", "\x7f"),
    *("\ufeff", "\u2028", "<<: ", "'", '"', "\\", "\n- ", "\n  "),
)  # fmt: skip

OVERRIDES = (
    *("", "=", ".", ".=", "a", "a=", "a.b", "a.b=1", "=null"),
    *("read=null", "read=~", "write=null", "denoise=1", "read.=1"),
    *("read.rows=[0, 4]", "read.rows.x=1", "read.rows.x.y=1", "denoise.options.model=..", "denoise.options=null"),
    *("denoise.options=[]", "denoise.options.options.options=1"),
    *("denoise..=", "read.rows=&a [*a]", "read.rows=[", "a=b=c"),
    *("denoise.options.model.x=1", "find_center.center=" + "[" * 3000),
    *("\ud800.x=1", "read.rows=\ud800", "read.rows=\x00"),
    *("find_center.center=" + "9" * 5000, "read.\x00=1", "denoise.options.unit=.nan", "read.rows=2001-99-99"),
)  # fmt: skip


def never(*_: Any) -> None:
    """Stand for what no recipe may call."""
    raise AssertionError("a recipe ran code")


@cache
def prepare() -> Catalogue:
    """Return what plugins offer; the runtimes are tried once, for all cases."""
    catalogue = load_catalogue(installed=False)
    for entry in catalogue.backends.values():
        probed(entry)
    whole = Model.path
    known: dict[tuple[Path, str, str], Path] = {}

    def path(model: Model, file: str, sha256: str) -> Path:
        # Hashing takes most of the time, and is not what is tried here.
        key = model.folder, file, sha256
        if key not in known:
            known[key] = whole(model, file, sha256)
        return known[key]

    Model.path = path  # type: ignore[method-assign]
    return catalogue


def attempt(path: Path, case: Case) -> None:
    """Read a recipe as `tomopy-edge check` does; what is accepted must come out the same when it is read again."""
    catalogue = prepare()
    recipe = read_recipe(path, catalogue, case.words)
    expect_whole(recipe)
    text = recipe.to_yaml()
    text.encode()
    again = parse_recipe(load_yaml(text), catalogue)
    assert again.to_yaml() == text, "read again, the recipe is another"


def make(rng: Random) -> Case:
    """Return a recipe, often with overrides."""
    text = _hostile(rng) if rng.random() < 0.08 else _written(rng, _recipe(rng))
    if rng.random() < 0.25:
        text = _shuffled(rng, text)
    content = text.encode("utf-16" if rng.random() < 0.01 else "utf-8", errors="surrogatepass")
    if rng.random() < 0.15 and 8 <= len(content) < 20_000:
        content = damaged(rng, content)
        # Else most would end at the first letter that is none.
        content = content if rng.random() < 0.3 else bytes(byte & 0x7F for byte in content)
    words = [_override(rng) for _ in range(rng.choice((0, 0, 0, 0, 1, 2)))]
    return Case({"recipe.yaml": content}, tuple(words))


Stages = list[tuple[str, dict[str, str]]]


@cache
def _known() -> dict[str, dict[str, tuple[str, ...]]]:
    """Return, for each block of options, what its options may be, in YAML."""
    catalogue = prepare()
    known = {name: _choices(entry.options) for name, entry in catalogue.stages.items()}
    for offers in (catalogue.denoisers, catalogue.reconstructors):
        known |= {f"options of {name}": _choices(entry.options) for name, entry in offers.items()}
    known["denoise"]["denoiser"] = tuple(catalogue.denoisers)
    known["reconstruct"]["algorithm"] = tuple(catalogue.reconstructors)
    return known


def _choices(options: Any) -> dict[str, tuple[str, ...]]:
    hints, whole = get_type_hints(options), to_plain(options())
    return {name: (json.dumps(value), *map(json.dumps, _literals(hints[name]))) for name, value in whole.items()}


def _literals(hint: Any) -> list[Any]:
    if get_origin(hint) is Literal:
        return list(get_args(hint))
    return [value for inner in get_args(hint) for value in _literals(inner)]


def _recipe(rng: Random) -> Stages:
    """Return a recipe that may be right, most often wrong in one to three places."""
    names = [name for name in _known() if not name.startswith("options of ")]
    stages: Stages = [(name, _options(rng, name)) for name in names if rng.random() < 0.98]
    for _ in range(rng.choice((0, 0, 1, 1, 2, 3))):
        kind = rng.randrange(6)
        at = rng.randrange(len(stages) + 1)
        if kind < 3 and stages:
            name, given = stages[at - 1]
            option = rng.choice((*_known().get(name, {}), "options", "x"))
            given[option] = rng.choice(VALUES)
        elif kind == 3:
            stages.insert(at, (rng.choice((*names, "a", "''", "null", "1")), {}))
        elif kind == 4 and stages:
            rng.shuffle(stages)
        elif kind == 5 and stages:
            name, given = stages[at - 1]
            given["options"] = f"{{{rng.choice(('model', 'tile', 'unit', 'runtime', 'x'))}: {rng.choice(VALUES)}}}"
    return stages


def _options(rng: Random, name: str) -> dict[str, str]:
    known = _known()[name]
    given = {option: _usual(rng, values) for option, values in known.items() if rng.random() < 0.2}
    for choice in ("denoiser", "algorithm"):
        if choice in known:
            chosen = given.get(choice, known[choice][0]).strip('"')
            inner = _known().get(f"options of {chosen}", {})
            words = {option: _usual(rng, values) for option, values in inner.items() if rng.random() < 0.2}
            given["options"] = "{" + ", ".join(f"{option}: {value}" for option, value in words.items()) + "}"
    return given


def _usual(rng: Random, values: tuple[str, ...]) -> str:
    # What is not usual may need what is not installed.
    return values[0] if rng.random() < 0.9 else rng.choice(values)


def _written(rng: Random, stages: Stages) -> str:
    """Return a recipe in YAML, in one line a stage or in several; now and then an option stands there twice."""
    lines = []
    for name, given in stages:
        pairs = list(given.items())
        if pairs and rng.random() < 0.05:
            pairs.append((pairs[0][0], rng.choice(VALUES)))
        if not pairs:
            lines.append(f"- {name}")
        elif rng.random() < 0.5:
            lines.append(f"- {name}: {{{', '.join(f'{option}: {value}' for option, value in pairs)}}}")
        else:
            lines += [f"- {name}:", *(f"    {option}: {value}" for option, value in pairs)]
    return "\n".join(lines) + "\n"


def _hostile(rng: Random) -> str:
    """Return YAML that is made to harm."""
    many = rng.choice((10, 10, 100, 100, 900, 900, 3000, 30_000, 200_000))
    kind = rng.randrange(14)
    laughs = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, rng.choice((4, 9, 30)))]
    return (
        "[" * many,
        "[" * many + "]" * many,
        "{a: " * many + "1" + "}" * many,
        "- " * many + "1",
        "".join(f"{' ' * n}- a:\n" for n in range(min(many, 1000))),
        "l0: &l0 [lol]\n" + "\n".join(laughs) + "\n",
        "- read: {rows: &l0 [1, 2]}\n- normalize: {" + ", ".join(laughs) + "}\n",
        "- a\n" * many,
        "- " + "a" * many,
        "- read: {" + ", ".join(f"a{n}: 1" for n in range(min(many, 30_000))) + "}",
        "- &a\n  read: *a\n- *a",
        "- &a {read: {}}\n- {<<: [" + "*a, " * min(many, 3000) + "]}",
        "!!python/object/apply:tests.fuzz.recipes.never\n- 1",
        rng.choice(("", " ", "null", "1", "{}", "[]", "[[]]", "[null]", "\t", "\x00", "---\n---\n", "\ufeff- read")),
    )[kind]  # fmt: skip


WORD = re.compile(r"[\w.]+|\s+|[^\w\s]")


def _shuffled(rng: Random, text: str) -> str:
    """Return `text` with a few of its words exchanged, doubled, left out or replaced."""
    words = WORD.findall(text[:20_000]) or ["-"]
    for _ in range(rng.choice((1, 1, 2, 4))):
        here, there = rng.randrange(len(words)), rng.randrange(len(words))
        kind = rng.randrange(5)
        if kind == 0:
            words[here], words[there] = words[there], words[here]
        elif kind == 1:
            words.insert(here, words[there])
        elif kind == 2:
            words[here] = ""
        elif kind == 3:
            words[here] = rng.choice(VALUES)
        else:
            words.insert(here, rng.choice(TOKENS))
    return "".join(words)


def _override(rng: Random) -> str:
    if rng.random() < 0.4:
        return rng.choice(OVERRIDES)
    name = rng.choice(list(_known())).removeprefix("options of ")
    option = rng.choice((*_known().get(name, {}), "options.model", "options.tile", "x"))
    return f"{name}.{option}={rng.choice(VALUES)}"

"""YAML is read as plain data of a bounded size, and as nothing else."""

import pytest
import yaml

from tomopy_edge.yaml_text import DEEPEST, LARGEST, MOST, Sweep, SweepRange, load_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("-2E5", -2e5),
        ("2001-01-01", "2001-01-01"),
        ("=", "="),
        ("null", None),
        ("&a [1, 2]", [1, 2]),
        ("[&a {b: 1}, *a, {<<: *a, c: 2}]", [{"b": 1}, {"b": 1}, {"b": 1, "c": 2}]),
    ],
)
def test_plain_data_are_read(text, value):
    assert load_yaml(text) == value


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("!!python/object/apply:os.getcwd []", "could not determine a constructor"),
        ("!!python/name:os.system", "could not determine a constructor"),
        ("!!binary AAAA", "could not determine a constructor"),
        ("!!timestamp x", "could not determine a constructor"),
        ("!!int ''", "no tag:yaml.org,2002:int"),
        ("!!bool x", "no tag:yaml.org,2002:bool"),
        ("9" * 5000, "no tag:yaml.org,2002:int"),
        ("!Sweeep [1, 2]", "could not determine a constructor for the tag '!Sweeep'"),
        ("!Sweep {a: 1, a: 2}", "'a' stands there twice"),
        ("!Sweep [!!binary AAAA]", "could not determine a constructor"),
        ("!Sweep [" + "1," * (MOST + 1) + "]", f"more than {MOST} values"),
        ("{!Sweep [1]: 2}", "unhashable key"),
        ("{a: 1, b: 2, a: 3}", "'a' stands there twice"),
        ("&a [*a]", "an alias of what it stands in"),
        ("&a {b: {c: *a}}", "an alias of what it stands in"),
        ("[" * (DEEPEST + 1), f"more than {DEEPEST} levels"),
        ("[" + "1," * (MOST + 1) + "]", f"more than {MOST} values"),
        ("a" * (LARGEST + 1), f"more than {LARGEST} characters"),
    ],
)
def test_what_is_no_plain_data_or_too_much_is_refused(text, told):
    with pytest.raises(yaml.YAMLError, match=told):
        load_yaml(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("!Sweep [1, 2.5, a, null]", Sweep([1, 2.5, "a", None])),
        ("!SweepRange {start: 1, stop: 1e1, step: .5}", SweepRange({"start": 1, "stop": 10.0, "step": 0.5})),
        ("[{b: !Sweep [{c: 1}]}]", [{"b": Sweep([{"c": 1}])}]),
        ("!Sweep 3", Sweep(3)),
        ("!Sweep", Sweep(None)),
        ("&a !Sweep [1]", Sweep([1])),
    ],
)
def test_a_sweep_is_read_as_what_it_holds(text, value):
    assert load_yaml(text) == value


def test_aliases_of_aliases_are_counted_as_often_as_they_are_named():
    levels = "\n".join(f"- &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 9))
    with pytest.raises(yaml.YAMLError, match=f"more than {MOST} values"):
        load_yaml(f"- &l0 [ha]\n{levels}")


def test_a_long_list_of_numbers_is_not_too_much():
    assert len(load_yaml("[" + "1023.25, " * 9000 + "]")) == 9000

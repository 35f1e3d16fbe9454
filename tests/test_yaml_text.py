"""YAML is read as plain data of a bounded size, and as nothing else."""

import pytest
import yaml

from tomopy_edge.yaml_text import DEEPEST, LARGEST, MOST, load_yaml


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


def test_aliases_of_aliases_are_counted_as_often_as_they_are_named():
    levels = "\n".join(f"- &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 9))
    with pytest.raises(yaml.YAMLError, match=f"more than {MOST} values"):
        load_yaml(f"- &l0 [ha]\n{levels}")


def test_a_long_list_of_numbers_is_not_too_much():
    assert len(load_yaml("[" + "1023.25, " * 9000 + "]")) == 9000

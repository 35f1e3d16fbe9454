"""The values of a sweep: a list or a range in a recipe, with every fault told at its place."""

from pathlib import Path

import pytest

from tomopy_edge.errors import RecipeError
from tomopy_edge.recipe import parse_recipe, read_recipe
from tomopy_edge.sweeps.values import MOST, Axis, values_of
from tomopy_edge.sweeps.variants import parse_variants, read_variants
from tomopy_edge.yaml_text import Sweep, SweepRange, load_yaml

RECIPE = """
- read
- normalize
- minus_log
- find_center: {{center: {center}}}
- reconstruct: {{algorithm: fbp, options: {{filter_name: {filter_name}}}}}
- denoise: {{denoiser: total_variation, options: {{weight: {weight}}}}}
- write
"""


def recipe(center="45.2", filter_name="shepp", weight="1.0"):
    return load_yaml(RECIPE.format(center=center, filter_name=filter_name, weight=weight))


def faults(catalogue, raw, overrides=()):
    with pytest.raises(RecipeError) as caught:
        parse_variants(raw, catalogue, overrides=overrides)
    return caught.value.faults


def centers(variants):
    return [variant.recipe.blocks[3].options.center for variant in variants.each]


def test_a_range_leaves_its_stop_out_and_is_exact_in_decimals(catalogue):
    variants = parse_variants(recipe("!SweepRange {start: 10, stop: 11, step: 0.1}"), catalogue)
    assert centers(variants) == [10.0, 10.1, 10.2, 10.3, 10.4, 10.5, 10.6, 10.7, 10.8, 10.9]
    assert values_of(SweepRange({"start": 10, "stop": 50, "step": 10}), "", []) == (10, 20, 30, 40)
    assert values_of(SweepRange({"start": 3, "stop": 0, "step": -1}), "", []) == (3, 2, 1)


def test_each_value_is_a_recipe_that_differs_in_nothing_else(catalogue):
    variants = parse_variants(recipe("!Sweep [44, 45.5]"), catalogue)
    assert [variant.recipe for variant in variants.each] == [
        parse_recipe(recipe(center), catalogue) for center in ("44", "45.5")
    ]
    assert [variant.name for variant in variants.each] == ["1_center_44.0", "2_center_45.5"]


def test_two_sweeps_are_a_grid_with_the_last_across(catalogue):
    variants = parse_variants(recipe(filter_name="!Sweep [hann, shepp]", weight="!Sweep [1, 2]"), catalogue)
    assert [variant.labels for variant in variants.each] == [
        ("hann", "1"), ("hann", "2"), ("shepp", "1"), ("shepp", "2"),
    ]  # fmt: skip
    assert [axis.place for axis in variants.axes] == ["reconstruct.options.filter_name", "denoise.options.weight"]


def test_a_sweep_comes_by_override_too_and_within_a_list(catalogue):
    overrides = ["find_center.center=!SweepRange {start: 40, stop: 50, step: 2.5}"]
    assert centers(parse_variants(recipe(), catalogue, overrides=overrides)) == [40, 42.5, 45, 47.5]
    every = parse_variants(recipe(), catalogue, overrides=["read.angles=[0, 100, !Sweep [1, 2]]"])
    assert [variant.recipe.blocks[0].options.angles for variant in every.each] == [(0, 100, 1), (0, 100, 2)]


def test_a_recipe_without_a_sweep_is_one_variant(catalogue):
    variants = parse_variants(recipe(), catalogue)
    assert variants.axes == ()
    assert [variant.recipe for variant in variants.each] == [parse_recipe(recipe(), catalogue)]


@pytest.mark.parametrize(
    ("sweep", "told"),
    [
        ("!Sweep []", "the list of !Sweep is empty"),
        ("!Sweep 3", "takes a list of values such as !Sweep [1, 2, 3], got 3"),
        ("!Sweep [1, 2, 1]", "holds 1 more than once"),
        ("!Sweep [!Sweep [1], 2]", "a sweep stands within a sweep"),
        ("!SweepRange {start: 1, stop: 5, step: 0}", "step 0"),
        ("!SweepRange {start: 1, stop: 5}", "takes start, stop and step"),
        ("!SweepRange {start: 1, stop: 5, step: 1, by: 2}", "takes start, stop and step"),
        ("!SweepRange [1, 5, 1]", "takes start, stop and step"),
        ("!SweepRange {start: a, stop: .inf, step: 1}", "takes numbers, got start a and stop Infinity"),
        ("!SweepRange {start: true, stop: 5, step: 1}", "takes numbers, got start true"),
        ("!SweepRange {start: 5, stop: 1, step: 1}", "1 is not reached from 5 in steps of 1"),
        ("!SweepRange {start: 0, stop: 1e12, step: 1e-9}", f"at most {MOST} are tried; take a larger step"),
    ],
)
def test_a_sweep_at_fault_is_told_with_its_place(catalogue, sweep, told):
    (fault,) = faults(catalogue, recipe(sweep))
    assert fault.startswith("find_center.center: ")
    assert told in fault


def test_a_value_of_the_wrong_type_is_told_as_in_any_recipe_with_the_value(catalogue):
    found = faults(catalogue, recipe("!Sweep [44, nan, .nan]", weight="!Sweep [1, -2]"))
    assert "denoise.options.weight: must be above 0, got -2.0 (in the sweep, with weight -2)" in found
    assert "find_center.center: must be a finite column, got nan (in the sweep, with center NaN)" in found
    assert any('got "nan" (in the sweep, with center nan)' in fault for fault in found)


def test_faults_of_sweeps_and_of_the_rest_are_told_at_once(catalogue):
    found = faults(catalogue, recipe("!Sweep []", filter_name="shep", weight="!SweepRange {}"))
    assert [fault.split(":")[0] for fault in found] == [
        "find_center.center", "denoise.options.weight", "reconstruct.options.filter_name",
    ]  # fmt: skip


def test_two_sweeps_at_fault_in_one_option_are_both_told(catalogue):
    swept = {"weight": Sweep([]), "iterations": {"a": Sweep(3)}}
    found = faults(catalogue, [*recipe()[:5], {"denoise": {"denoiser": "total_variation", "options": swept}}, "write"])
    assert found[0].startswith("denoise.options.weight: the list of !Sweep is empty")
    assert found[1].startswith("denoise.options.iterations.a: !Sweep takes a list of values")


def test_a_number_beyond_all_floats_is_told(catalogue):
    huge = {"start": 10**400, "stop": 1, "step": 1}
    assert faults(catalogue, recipe(), [f"find_center.center=!SweepRange {huge}".replace("'", "")])


def test_a_fault_that_comes_with_every_value_is_told_once_without_values(catalogue):
    (fault,) = faults(catalogue, recipe("!Sweep [1, 2, 3]"), ["denoise.options.wieght=2"])
    assert fault == "denoise.options.wieght: no such option; did you mean 'weight'? (there are: weight, iterations)"


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["read.rows=!Sweep [[0, 1], [1, 2]]"], "read.rows: cannot be swept over: say which rows with --rows"),
        (["write.formats=!Sweep [[tiff], [hdf5]]"], "write.formats: cannot be swept over: it changes no slice"),
        (
            ["find_center.center=!Sweep [1]", "denoise.options.weight=!Sweep [1]", "minus_log.floor=!Sweep [0.1]"],
            "3 sweeps at once, and at most 2 are made",
        ),
        (
            [f"find_center.center=!Sweep {list(range(30))}", f"denoise.options.weight=!Sweep {list(range(1, 31))}"],
            f"30 x 30 values, and at most {MOST} are tried",
        ),
    ],
)
def test_what_makes_no_sweep_is_refused_with_a_reason(catalogue, overrides, told):
    assert any(told in fault for fault in faults(catalogue, recipe(), overrides))


def test_the_cluster_cannot_be_swept_over(catalogue):
    assert "cluster.workers: changes no slice, and cannot be swept over" in faults(
        catalogue, [{"cluster": {"workers": Sweep([1, 2])}}, *recipe()]
    )


def test_where_one_recipe_is_needed_a_sweep_is_refused(tmp_path, catalogue):
    (tmp_path / "swept.yaml").write_text(RECIPE.format(center="!Sweep [1, 2]", filter_name="shepp", weight="1"))
    with pytest.raises(RecipeError, match=r"find_center\.center: a sweep stands here, and one value is needed"):
        read_recipe(tmp_path / "swept.yaml", catalogue)
    assert len(read_variants(tmp_path / "swept.yaml", catalogue).each) == 2


def test_what_a_caller_gave_is_not_changed(catalogue):
    raw = recipe("!Sweep [1, 2]")
    parse_variants(raw, catalogue)
    assert raw == recipe("!Sweep [1, 2]")


def test_the_file_of_a_shipped_recipe_takes_sweeps(catalogue):
    overrides = ["find_center.center=!Sweep [1, 2]"]
    assert len(read_variants(Path("quickstart"), catalogue, overrides).each) == 2


@pytest.mark.parametrize(
    ("place", "values", "name", "labels"),
    [
        ("denoise.options.weight", (1, 2.25), "weight", ["1.00", "2.25"]),
        ("denoise.options", ({"weight": 1},), "options", ['{"weight": 1}']),
        ("read.angles.2", (1, 2), "angles.2", ["1", "2"]),
        ("minus_log.floor", (1e-9, 0.5), "floor", ["1e-09", "0.5"]),
        ("find_center.center", (None, 3), "center", ["null", "3"]),
        ("reconstruct.options.filter_name", ("hann",), "filter_name", ["hann"]),
    ],
)
def test_an_axis_is_told_in_short(place, values, name, labels):
    axis = Axis(place, values)
    assert (axis.name, axis.labels) == (name, labels)

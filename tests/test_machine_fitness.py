"""Whether a recipe can run on a machine, and every reason why it cannot."""

from dataclasses import replace

import pytest

from tomopy_edge.backend import Probe
from tomopy_edge.errors import RecipeError
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.installed import Installed
from tomopy_edge.machine.checkup import check_up
from tomopy_edge.machine.fitness import read_for_any_machine, recipe_fitness


def works():
    return Probe(works=True, told="two sticks", devices=("usb:0", "usb:1"))


def fails():
    return Probe(works=False, told="no stick is plugged in")


def entry(name, probe, **more):
    return BackendEntry(name, "A thing", **{"reads": "tflite", "open": None, "probe": probe} | more)


@pytest.fixture
def fitness(catalogue, tmp_path):
    """Judge the text of a recipe on a machine without TomoPy that has LiteRT and the given runtimes alone."""
    litert = {"litert": catalogue.backends["litert"]}

    def judge(text, *runtimes, alone=False):
        path = tmp_path / "recipe.yaml"
        path.write_text(text)
        offered = {one.name: one for one in runtimes}
        mine = replace(catalogue, backends=offered if alone else litert | offered)
        found = check_up(mine, tmp_path, Installed((str(tmp_path),)))
        return {stage.stage: stage for stage in recipe_fitness(read_for_any_machine(path, mine), mine, found)}

    return judge


def test_the_shipped_recipe_runs_on_litert(fitness, catalogue, tmp_path):
    stages = fitness("- denoise\n- fine_tune\n")
    assert all(stage.runs for stage in stages.values())
    assert stages["denoise"].told == "tomogan int8 on litert"
    assert stages["fine_tune"].told == "tomogan int8 on litert"


def test_a_runtime_that_does_not_work_stops_its_stage_alone(fitness):
    stages = fitness("- denoise: {options: {runtime: stick}}\n- fine_tune\n", entry("stick", fails))
    assert not stages["denoise"].runs
    assert stages["denoise"].told.startswith("runtime stick: no stick is plugged in")
    assert stages["fine_tune"].runs


def test_where_the_recipe_allows_another_runtime_that_one_is_told(fitness):
    stages = fitness("- denoise: {options: {runtime: stick, fallback: true}}\n", entry("stick", fails))
    assert (stages["denoise"].runs, stages["denoise"].told) == (True, "tomogan int8 on litert")


def test_all_that_auto_may_choose_from_is_told(fitness):
    other, whole = entry("other", works, alike=True), entry("whole", works, alike=True, whole=True)
    stages = fitness("- denoise\n", other, whole, entry("stranger", works))
    assert stages["denoise"].told == "tomogan int8 on litert or other"


def test_every_reason_is_told_once(fitness):
    stages = fitness("- denoise: {options: {runtime: stick}}\n", entry("stick", fails, reads="edgetpu"))
    told = stages["denoise"].told
    assert told.count("tomopy-edge compile makes them") == 1
    assert "no stick is plugged in" in told
    stages = fitness("- denoise: {options: {runtime: stick}}\n", entry("stick", works, reads="edgetpu"))
    assert stages["denoise"].told.count("tomopy-edge compile makes them") == 1


def test_a_missing_precision_is_a_reason(fitness):
    stages = fitness("- denoise: {options: {precision: int8-ptq}}\n")
    assert not stages["denoise"].runs
    assert "the model holds no int8-ptq network" in stages["denoise"].told


@pytest.mark.parametrize(("device", "runs"), [("usb:1", True), ("usb", True), ("usb:2", False), ("us", False)])
def test_a_device_that_is_not_there_is_a_reason(fitness, device, runs):
    stages = fitness(f"- denoise: {{options: {{runtime: stick, device: '{device}'}}}}\n", entry("stick", works))
    assert stages["denoise"].runs is runs
    if not runs:
        assert stages["denoise"].told == f"runtime stick: has no device {device!r} (there are: usb:0, usb:1)"


def test_a_device_that_is_not_there_has_another_runtime_take_over_where_the_recipe_allows_it(fitness):
    text = "- denoise: {options: {runtime: stick, device: 'usb:2', fallback: true}}\n"
    stages = fitness(text, entry("stick", works))
    assert (stages["denoise"].runs, stages["denoise"].told) == (True, "tomogan int8 on litert")


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("- denoise: {options: {precision: chained}}\n- fine_tune\n", False),
        ("- denoise: {options: {precision: chained}}\n- fine_tune: {unit: 0.01}\n", True),
        ("- fine_tune\n", False),
        ("- denoise: {denoiser: none}\n- denoise\n- fine_tune\n", True),
    ],
)
def test_a_fine_tune_network_with_nothing_to_mend_cannot_run(fitness, text, runs):
    fine_tune = fitness(text)["fine_tune"]
    assert fine_tune.runs is runs
    assert ("no network that could be mended" in fine_tune.told) is not runs


def test_where_no_runtime_works_all_that_were_tried_are_told(fitness):
    stages = fitness("- denoise\n- fine_tune\n", entry("stick", fails, alike=True), alone=True)
    assert not any(stage.runs for stage in stages.values())
    assert "no runtime works on this machine: stick: no stick is plugged in" in stages["denoise"].told


@pytest.mark.parametrize(
    ("text", "stage"),
    [
        ("- reconstruct: {algorithm: gridrec}\n", "reconstruct"),
        ("- remove_stripes: {library: tomopy}\n", "remove_stripes"),
        ("- remove_outliers: {library: tomopy}\n", "remove_outliers"),
    ],
)
def test_stages_that_need_tomopy_say_where_to_get_it(fitness, text, stage):
    found = fitness(text)[stage]
    assert (found.runs, found.told) == (False, "TomoPy is not installed; conda install -c conda-forge tomopy")


def test_a_model_that_is_not_here_is_a_reason_and_not_a_wrong_recipe(fitness):
    stages = fitness("- denoise: {options: {model: /models/other}}\n")
    assert "no model is named '/models/other'" in stages["denoise"].told


def test_a_recipe_that_is_wrong_everywhere_is_an_error(fitness):
    with pytest.raises(RecipeError, match="denoyse: no such stage; did you mean 'denoise'"):
        fitness("- denoyse\n")

"""What a recipe may say of a cluster."""

import pytest

from tomopy_edge.cluster_options import ClusterOptions
from tomopy_edge.errors import RecipeError
from tomopy_edge.recipe import parse_recipe, read_recipe


def test_a_recipe_says_before_its_stages_what_it_is_dealt_out_to(catalogue):
    recipe = parse_recipe([{"cluster": {"workers": 3, "patience": 20}}, "minus_log"], catalogue)
    assert recipe.cluster == ClusterOptions(workers=3, patience=20.0)
    assert [block.entry.name for block in recipe.blocks] == ["minus_log"]


def test_what_the_slices_do_not_depend_on_is_not_in_the_recipe_that_is_written(catalogue):
    assert parse_recipe([{"cluster": {"workers": 3}}, "minus_log"], catalogue).to_plain() == [
        {"minus_log": parse_recipe(["minus_log"], catalogue).to_plain()[0]["minus_log"]}
    ]


def test_the_command_line_changes_it_as_it_does_a_stage(catalogue, tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("- cluster: {workers: 3}\n- minus_log\n")
    assert read_recipe(path, catalogue, ["cluster.workers=5"]).cluster == ClusterOptions(workers=5)
    assert read_recipe(path, catalogue, ["cluster=null"]).cluster is None


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (["minus_log", {"cluster": {}}], "cluster: is no stage, and stands once, before all of them"),
        ([{"cluster": {}}, {"cluster": {}}, "minus_log"], "stands once, before all of them"),
        ([{"cluster": {}}], "stands once, before all of them"),
        ([{"cluster": {"wokers": 2}}, "minus_log"], "cluster.wokers: no such option; did you mean 'workers'"),
        ([{"cluster": {"workers": 0}}, "minus_log"], "cluster.workers: must be at least 1, got 0"),
        ([{"cluster": {"kind": "slurm", "workers": 2}}, "minus_log"], "cluster.memory: must be given, as slurm has"),
        ([{"cluster": {"kind": "running"}}, "minus_log"], "cluster.address: belongs to the kind running"),
        ([{"cluster": {"address": "tcp://a:1"}}, "minus_log"], "cluster.address: belongs to the kind running"),
        ([{"cluster": {"queue": "short"}}, "minus_log"], "cluster.queue: belongs to the kinds slurm and pbs"),
        ([{"cluster": {"patience": 0}}, "minus_log"], "cluster.patience: must be above 0 s"),
    ],
)
def test_a_fault_is_told_with_its_place(raw, told, catalogue):
    with pytest.raises(RecipeError) as fault:
        parse_recipe(raw, catalogue)
    assert told in str(fault.value)


@pytest.mark.parametrize("wrong", ["a\nrm -r ~", "$(id)", "`id`", "a'b", "a&&b", "a|b", "a>b", "a; id", "a b", "../a"])
def test_what_becomes_a_line_of_a_script_is_nothing_that_a_shell_could_run(wrong):
    for name in ("queue", "account", "interface", "walltime", "memory"):
        with pytest.raises(ValueError, match=f"{name}: "):
            ClusterOptions(**{"kind": "slurm", "workers": 1, "memory": "1 GB", name: wrong})


@pytest.mark.parametrize(
    "wrong", ["--export=ALL,LD_PRELOAD=/tmp/x", "--output=/home/me/.bashrc", "-S /tmp/shell", "--gres=$(id)"]
)
def test_directives_ask_for_machines_and_for_nothing_else(wrong):
    with pytest.raises(ValueError, match="directives: "):
        ClusterOptions(
            kind="slurm", workers=1, memory="1 GB", directives=("--gres=gpu:1", "-l select=1:ngpus=1", wrong)
        )

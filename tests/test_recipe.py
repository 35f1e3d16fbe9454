"""Recipes are read strictly: each fault is named with its place, all of them at once."""

from pathlib import Path

import pytest
import yaml

from tomopy_edge.errors import RecipeError
from tomopy_edge.recipe import parse_recipe, read_recipe

BAD = sorted(Path(__file__).parent.glob("recipes/bad/*.yaml"))
SHIPPED = sorted((Path(__file__).parents[1] / "recipes").glob("*.yaml"))


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_recipe_is_refused_with_the_words_it_names(path, catalogue):
    expected = [line.removeprefix("# expect: ") for line in path.read_text().splitlines() if line.startswith("# ex")]
    with pytest.raises(RecipeError) as caught:
        read_recipe(path, catalogue)
    assert caught.value.faults == expected


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_recipe_has_no_faults(path, catalogue):
    assert read_recipe(path, catalogue).blocks


def test_a_shipped_recipe_is_found_by_name(catalogue):
    assert read_recipe(Path("quickstart"), catalogue) == read_recipe(SHIPPED[0], catalogue)
    with pytest.raises(RecipeError, match="did you mean 'quickstart'"):
        read_recipe(Path("quikstart"), catalogue)


@pytest.mark.parametrize("denoiser", ["none", "total_variation"])
def test_options_of_another_choice_are_told_as_that(denoiser, catalogue):
    changed = f"denoise.denoiser={denoiser}"
    with pytest.raises(RecipeError) as caught:
        read_recipe(SHIPPED[0], catalogue, [changed, "denoise.options.tile=256"])
    (fault,) = caught.value.faults
    assert fault.startswith(
        f"denoise.options: the denoiser {denoiser!r} has no model and no tile; --set denoise.options={{}}"
    )
    assert read_recipe(SHIPPED[0], catalogue, [changed, "denoise.options={}"])
    if denoiser != "none":
        with pytest.raises(RecipeError, match="did you mean 'weight'"):
            read_recipe(SHIPPED[0], catalogue, [changed, "denoise.options={wieght: 1, steps: 2}"])


def test_a_recipe_written_out_reads_back_as_itself(catalogue):
    recipe = read_recipe(SHIPPED[0], catalogue)
    assert parse_recipe(yaml.safe_load(recipe.to_yaml()), catalogue) == recipe


def chain(*stages):
    return [{"read": {}}, "normalize", "minus_log", {"find_center": {"center": 5.0}}, "reconstruct", *stages]


def test_an_override_wins_over_the_file_and_reaches_into_options(catalogue):
    raw = chain({"denoise": {"denoiser": "total_variation"}})
    recipe = parse_recipe(raw, catalogue, overrides=["denoise.options.weight=3.5", "find_center.center=7"])
    assert recipe.blocks[-1].options.options.weight == 3.5
    assert recipe.blocks[3].options.center == 7
    assert raw == chain({"denoise": {"denoiser": "total_variation"}}), "what the caller gave is not changed"


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("denoise.denoiser", "expected stage.option=value"),
        ("denose=null", "did you mean 'denoise'"),
        ("denoise=1", "expected stage.option=value"),
        ("denose.denoiser=none", "did you mean 'denoise'"),
        ("denoise.denoser=none", "did you mean 'denoiser'"),
        ("denoise.options.wieght=3", "did you mean 'weight'"),
        ("denoise.options.weight=[", "not YAML"),
    ],
)
def test_a_misspelt_override_is_refused(catalogue, override, words):
    with pytest.raises(RecipeError, match="fault") as caught:
        parse_recipe(chain({"denoise": {"denoiser": "total_variation"}}), catalogue, overrides=[override])
    assert words in str(caught.value)


def test_an_override_of_a_stage_that_stands_twice_is_refused(catalogue):
    twice = chain({"denoise": {"denoiser": "none"}}, {"denoise": {"denoiser": "none"}})
    with pytest.raises(RecipeError, match="stands 2 times"):
        parse_recipe(twice, catalogue, overrides=["denoise.denoiser=none"])


def test_an_override_leaves_a_stage_out(catalogue):
    recipe = parse_recipe(chain({"denoise": {"denoiser": "none"}}), catalogue, overrides=["denoise=null"])
    assert [block.entry.name for block in recipe.blocks][-1] == "reconstruct"


@pytest.mark.parametrize(("text", "number"), [("1e-3", 0.001), ("1E-3", 0.001), ("5e-04", 0.0005), (".5e-3", 0.0005)])
def test_a_number_with_an_exponent_is_a_number(catalogue, text, number):
    recipe = parse_recipe(chain(), catalogue, overrides=[f"minus_log.floor={text}"])
    assert recipe.blocks[2].options.floor == number


def test_a_recipe_that_cannot_be_read_says_so(tmp_path, catalogue):
    with pytest.raises(RecipeError, match="No such file"):
        read_recipe(tmp_path / "absent.yaml", catalogue)
    (tmp_path / "broken.yaml").write_text("- read: [")
    with pytest.raises(RecipeError, match="not YAML"):
        read_recipe(tmp_path / "broken.yaml", catalogue)


def test_a_recipe_that_is_not_there_is_looked_for_under_names_like_it(tmp_path, catalogue):
    (tmp_path / "tooth.yaml").write_text("- read")
    (tmp_path / "tooth.h5").write_bytes(b"")
    for wrong, right in (("tooth.yml", "tooth.yaml"), ("toth.yaml", "tooth.yaml"), ("quikstart", "quickstart")):
        with pytest.raises(RecipeError, match=f"No such file or directory; did you mean '{right}'"):
            read_recipe(tmp_path / wrong, catalogue)
    for wrong in ("rock.yaml", "nowhere/tooth.yaml"):
        with pytest.raises(RecipeError, match=r"No such file or directory$"):
            read_recipe(tmp_path / wrong, catalogue)
    with pytest.raises(RecipeError, match=r"Is a directory$"):
        read_recipe(tmp_path, catalogue)
    with pytest.raises(RecipeError, match=r"File name too long$"):
        read_recipe(tmp_path / ("long" * 100), catalogue)


def test_a_scan_in_place_of_a_recipe_is_told_where_the_recipe_stands(tmp_path, catalogue):
    (tmp_path / "scan.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(RecipeError, match="is not text, as YAML is; a recipe is named before the scan"):
        read_recipe(tmp_path / "scan.h5", catalogue)


def test_yaml_that_would_run_code_is_refused(tmp_path, catalogue):
    path = tmp_path / "evil.yaml"
    path.write_text("- read: !!python/object/apply:os.system ['true']")
    with pytest.raises(RecipeError, match="not YAML"):
        read_recipe(path, catalogue)

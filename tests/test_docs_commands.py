"""Every command in the docs runs, on a small simulated scan, or stands in a table that says why it is parsed only."""

import re
import shlex
import shutil
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tomopy_edge.cli import main, make_parser
from tomopy_edge.networks import manifest

ROOT = Path(__file__).parents[1]
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

RUN_ELSEWHERE = {
    "docs/how-to/read-your-files.md": "test_readers_images.py",
    "docs/how-to/run-many-scans.md": "test_docs_scans.py",
    "docs/how-to/start-with-a-scan.md": "test_docs_scans.py",
    "docs/how-to/use-from-tomopy.md": "test_through_tomopy.py",
    "docs/how-to/write-a-denoiser.md": "test_docs.py",
    "docs/reference/hooks.md": "test_hooks.py",
    "docs/tutorial/first-plugin.md": "test_cli_plugin.py",
}
"""Page -> the test that runs all of its commands and scripts."""

SCRIPTS = {
    "README.md": "test_docs.py",
    "docs/how-to/choose-options.md": "test_docs.py",
    "docs/reference/python.md": "test_docs_api.py",
    "docs/tutorial/first-scan.md": "test_docs.py",
}
"""Page -> the test that runs its scripts."""

OTHER_PROGRAMS = {
    "make": "a target of the Makefile, which has to exist",
    "pip": "installs",
    "python3": "installs",
    "conda": "installs",
    ".": "takes the environment that was installed into",
}
"""What begins a line that is no command of ours, nor of this table's page -> what it is."""

ONLY_PARSED = {
    "tomopy-edge adapt *": "minutes of training; test_adapt.py",
    "tomopy-edge simulate pairs pairs.h5 *": "minutes, gigabytes; test_simulation_files.py",
    "tomopy-edge simulate pairs small.h5 *": "what follows takes minutes",
    "tomopy-edge train *": "minutes to hours of training; test_training_cli.py",
    "KERAS_BACKEND=torch tomopy-edge train *": "minutes of training, on a GPU",
    "tomopy-edge quantize *": "needs what was trained; test_training_cli.py",
    "tomopy-edge export *": "needs TensorFlow and pairs; test_onnx_export.py",
    "tomopy-edge evaluate tomogan * --output judged": "all of the test set, for long; test_evaluation_cli.py",
    "tomopy-edge compile *": "needs Google's compiler; test_cli_compile.py has a script in its place",
    "tomopy-edge bench *": "times the devices that these pages are about; test_bench_rounds.py",
    "* --set denoise.options.runtime=edgetpu": "needs an Edge TPU; test_edge_tpu_backend.py",
    "* --set denoise.options.runtime=tensorrt": "needs a GPU; test_tensorrt.py",
    "* --cluster tcp://*": "needs a running scheduler of Dask; test_cluster.py",
    "python -m tomopy_edge.httomo": "needs HTTomo; test_httomo.py",
}
"""Commands that no test of this file runs -> why, and where what they do is tested."""

SMALLER = {
    "find_center.center=1276.5": "find_center.center=64",
    "--rotation-axis 1275.5": "--rotation-axis 64",
    "--row 800": "--row 4",
    "demo/simulated.h5": "scan.h5",
    "--rows 500 502": "--rows 2 4",
    "--rows 500 504": "--rows 2 4",
    "--rows 500 508": "--rows 2 6",
    "{start: 1270, stop: 1281, step: 1}": "{start: 63, stop: 66, step: 1}",
    "[0, 2000, !Sweep [1, 2, 4, 8]]": "[0, 90, !Sweep [1, 2, 3]]",
    "--every 2 4 8": "--every 2 --methods noisy int8",
    "--scan tooth.h5 --thin 0.25 --every": "--scan scan.h5 --thin 0.25 --every --methods noisy int8",
    "scans_rec/scan_rec --open": "scans_rec/scan_rec",
}
"""What stands in a command -> what stands there on a scan of 128 columns, in the folder `scans` that it lies in."""

OUTCOMES = {0, 4, 5}
"""Exit codes of commands that did what they should, whatever is thought of slices of 128 columns."""


def name_of(page):
    return str(page.relative_to(ROOT))


def commands(page):
    """Return the lines of a page's commands, without their comments."""
    lines = [
        line for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL) for line in block.splitlines()
    ]
    return [re.sub(r"\s{2,}#.*", "", line).strip() for line in lines]


def why_parsed(line):
    return next((why for pattern, why in ONLY_PARSED.items() if fnmatch(line, pattern)), None)


def runs(page):
    """Return the lines that are to be run here."""
    ours = [line for line in commands(page) if line.split()[0] not in OTHER_PROGRAMS]
    return [line for line in ours if why_parsed(line) is None and not line.endswith(" --help")]


TO_RUN = [page for page in DOCS if name_of(page) not in RUN_ELSEWHERE and runs(page)]


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    path = tmp_path_factory.mktemp("simulated") / "scan.h5"
    main(["simulate", "scan", str(path), "--columns", "128", "--rows", "8", "--angles", "90", "--seed", "3"])
    return path


@pytest.fixture
def scans(simulated, tmp_path, monkeypatch):
    """A folder as the pages take it: with a scan, a recipe, and models of one's own."""
    folder = tmp_path / "scans"
    shutil.copytree(ROOT / "recipes", folder / "recipes")
    shutil.copy(simulated, folder)
    for name in ("mine", "my-sample", "small"):
        shutil.copytree(manifest.shipped("models") / "tomogan-compact", folder / "models" / name)
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("page", TO_RUN, ids=name_of)
def test_the_commands_of_the_page_run(page, scans, capsys):
    if page.name == "cluster.md":
        pytest.importorskip("distributed", reason="--cluster needs the extra cluster")
    blocks = re.findall(r"```yaml\n(- read.*?)```", page.read_text(), re.DOTALL)
    recipe = blocks[0].replace("1275.5", "64") if blocks else Path("recipes/quickstart.yaml").read_text()
    Path("recipe.yaml").write_text(recipe)
    for number, line in enumerate(runs(page)):
        for large, small in SMALLER.items():
            line = line.replace(large, small)  # noqa: PLW2901 - the same line
        words = shlex.split(line)[1:]
        # The lines of a page are alternatives, and may name one output.
        if "!Sweep" in line:
            words += ["--output", f"sweep_{number}"]
        elif words[0] in {"run", "recon", "simulate"} and "--resume" not in words:
            words.append("--overwrite")
        assert main(words) in OUTCOMES, line


def test_every_line_is_run_or_says_why_not():
    parser = make_parser()
    targets = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for page in DOCS:
        if name_of(page) in RUN_ELSEWHERE:
            continue
        for line in commands(page):
            program, *words = shlex.split(re.sub(r"^[A-Z_]+=\S+ ", "", line))
            if program == "make":
                assert words[0] in targets
            elif program == "tomopy-edge" and words != ["--help"]:
                assert parser.parse_args(words), line
            else:
                assert program in OTHER_PROGRAMS or why_parsed(line) or words == ["--help"], line


def test_a_recipe_in_a_command_is_shipped_by_its_name_or_the_readers_own():
    for page in DOCS:
        for line in commands(page):
            assert not re.search(r"\b(recipes/)?quickstart\.yaml", line), f"{name_of(page)}: {line}"


def test_each_page_with_scripts_names_the_test_that_runs_them():
    tables = RUN_ELSEWHERE | SCRIPTS
    with_scripts = {name_of(page) for page in DOCS if re.search(r"^```python", page.read_text(), re.MULTILINE)}
    assert with_scripts <= tables.keys()
    for page, test in tables.items():
        assert Path(page).name in (ROOT / "tests" / test).read_text(), page


def test_the_tables_hold_nothing_that_no_page_has():
    lines = [line for page in DOCS if name_of(page) not in RUN_ELSEWHERE for line in commands(page)]
    assert all(any(fnmatch(line, pattern) for line in lines) for pattern in ONLY_PARSED)
    assert all(any(large in line for line in lines) for large in SMALLER)
    assert all(any(line.split()[0] == program for line in lines) for program in OTHER_PROGRAMS)
    for why in ONLY_PARSED.values():
        assert all((ROOT / "tests" / test).is_file() for test in re.findall(r"test_\w+\.py", why)), why

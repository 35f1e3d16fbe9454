"""`tomopy-edge report` makes the page of any output there is, and says what an older one lacks."""

import json
import shutil
import webbrowser

import pytest

import tomopy_edge
from tomopy_edge.cli import main
from tomopy_edge.errors import DataError
from tomopy_edge.page import PAGE
from tomopy_edge.page.reading import UNKNOWN, read_report

STAGES = ["read", "normalize", "minus_log", {"find_center": {"center": 45.2}}, "reconstruct", {"trust": {"every": 3}}]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A finished output of a run."""
    folder = tmp_path_factory.mktemp("made")
    code = main(["simulate", "scan", str(folder / "s.h5"), "--columns", "64", "--rows", "6", "--angles", "64"])
    assert code == 0
    return tomopy_edge.run([*STAGES, "write"], folder / "s.h5", folder / "out").output


@pytest.fixture
def output(made, tmp_path):
    return shutil.copytree(made, tmp_path / "out")


def change(output, **changes):
    path = output / "report.json"
    plain = json.loads(path.read_text())
    plain |= changes
    path.write_text(json.dumps({name: value for name, value in plain.items() if value is not ...}))


def test_the_page_is_made_again_as_the_run_made_it(output, capsys):
    before = (output / PAGE).read_bytes()
    (output / PAGE).unlink()
    assert main(["report", str(output)]) == 0
    said = capsys.readouterr()
    assert said.out == f"report: {output / PAGE}\n"
    assert said.err == ""
    assert (output / PAGE).read_bytes() == before


def test_a_run_names_the_page_at_its_end(made, tmp_path, capsys):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("[read, normalize, minus_log, {find_center: {center: 31.5}}, reconstruct, write]")
    assert main(["run", str(recipe), str(made.parent / "s.h5"), "-o", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.endswith(f"report: {tmp_path / 'out' / PAGE}\n")


def test_what_the_report_of_an_older_version_lacks_is_told(output, capsys):
    lacking = [*UNKNOWN, "trust"]
    change(output, **dict.fromkeys(lacking, ...))
    assert main(["report", str(output)]) == 0
    said = capsys.readouterr().err
    for name in lacking:
        assert f"report.json does not hold “{name}”: another version has written it" in said
    assert "NOT EXAMINED" in (output / PAGE).read_text()
    change(output, trust=None, recipe=[{"read": {}}, {"trust": {"every": 3}}])
    assert main(["report", str(output)]) == 0
    assert "report.json says nothing of examined slices, though its recipe has the stage" in capsys.readouterr().err


def test_a_report_of_a_newer_version_is_shown_as_far_as_it_is_known(output, capsys):
    change(output, trust={"slices": "elsewhere"}, further=3)
    assert main(["report", str(output)]) == 0
    assert "what report.json says of examined slices cannot be read" in capsys.readouterr().err
    assert "NOT EXAMINED" in (output / PAGE).read_text()


def test_findings_that_cannot_be_read_are_told_by_row(output, capsys):
    trust = json.loads((output / "report.json").read_text())["trust"]
    trust["slices"][0].pop("unit")
    change(output, trust=trust)
    assert main(["report", str(output)]) == 0
    assert f"the findings of row {trust['examined'][0]} cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "is not there; name the folder of a finished run"),
        ("{", "is damaged"),
        ("[" * 100_000, "is damaged"),
        ("3", "is no report of a run"),
        ("{}", "does not say scan and slices"),
        ('{"scan": {}, "slices": "many"}', "is no report of a run: slices"),
    ],
)
def test_what_is_no_report_is_refused_with_its_place(tmp_path, text, why):
    if text is not None:
        (tmp_path / "report.json").write_text(text)
    with pytest.raises(DataError, match=why) as caught:
        read_report(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'report.json'}: ")


def test_an_output_that_is_no_folder_is_refused(tmp_path, capsys):
    assert main(["report", str(tmp_path / "nowhere")]) == 2
    assert "nowhere: is no folder" in capsys.readouterr().err


@pytest.mark.parametrize("can", [True, False])
def test_the_page_is_opened_where_there_is_a_browser(output, monkeypatch, capsys, can):
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) or can)
    assert main(["report", str(output), "--open"]) == 0
    assert opened == [(output / PAGE).as_uri()]
    assert ("no browser could be opened" in capsys.readouterr().err) is not can

"""The page of an output is one well-formed file that loads nothing, tells all, and takes no user's word for markup."""

import json
import re
import shutil
from base64 import b64encode
from dataclasses import asdict, replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import tomopy_edge
from tomopy_edge.drawing import Scale, Sheet
from tomopy_edge.networks.learned import Likeness
from tomopy_edge.page import PAGE, page_of, write_page
from tomopy_edge.report import Report
from tomopy_edge.trust.consistency import Consistency
from tomopy_edge.trust.findings import Findings, InRange
from tomopy_edge.trust.grey import Material
from tomopy_edge.trust.halves import Halves
from tomopy_edge.trust.pictures import KINDS, draw_pictures, picture_path
from tomopy_edge.trust.places import Place
from tomopy_edge.trust.residual import Residual
from tomopy_edge.trust.verdict import LIMITS

EDGE = 96
VOID = {"br", "img", "input", "link", "meta"}
HOSTILE = (
    "</style></script><script>alert(1)</script>\"'><img src=x onerror=alert(2)> $title ${body} &lt; \u202e \udcff.h5"
)


def found(row, *, places=(), unit=0.01):
    frequencies = tuple(float(f) for f in np.linspace(0.01, 0.5, 48))
    raw, denoised = (tuple(float(np.exp(-f * k)) for f in frequencies) for k in (12, 8))
    return Findings(
        row=row,
        unit=unit,
        consistency=Consistency(4.0 + 9 * bool(places), 5.5, 0.98, 0.06, 0.0, tuple(places)),
        halves=Halves(6.25, frequencies, raw, denoised, 2.87, 0.0001, 0.12, 1.01),
        residual=Residual(0.01, 0.02, 0.04, 0.3),
        range=InRange(Likeness(0.2, -0.6, 0.04, 1.5), {}, 0.0),
        seam=1.004,
        grey=(Material(0.0, 1e-6, 900), Material(0.0083, -0.00012, 1200)),
        skipped=(),
    )


def trust_of(findings, flagged=None, verdict="CHECK", line="CHECK slice 3: structure invented"):
    return {
        "verdict": verdict,
        "line": line,
        "examined": [one.row for one in findings],
        "flagged": {str(row): list(reasons) for row, reasons in (flagged or {}).items()},
        "limits": dict(LIMITS),
        # As they come back from a file.
        "slices": json.loads(json.dumps([asdict(one) for one in findings])),
    }


def report_of(trust, **changes):
    report = Report(
        scan={"source": "/data/scan 7.h5", "angles": 512, "rows": [0, 40], "columns": EDGE, "pixel_size": 0.65},
        slices=(40, EDGE, EDGE),
        started="2026-11-23T10:00:00+01:00",
        recipe=[{"read": {}}, {"denoise": {"denoiser": "tomogan"}}, {"write": {}}],
        seconds=12.5,
        settling=1.25,
        settings={"ncore": 2, "nchunk": 20},
        timings={"read": {"total": 0.001}, "denoise": {"inference": 0.25, "stitching": 0.01, "total": 0.27}},
        counts={"minus_log": {"transmissions clipped": 17}},
        notes={"find_center": ["vo found the axis at column 47.5"]},
        measures={"denoise": {"seam index": {"median": 1.001, "worst": 1.004, "slices": 40}}},
        versions={"tomopy-edge": "0.1.0", "numpy": "2.4.6"},
        machine={"processor": "a processor", "board": "", "cores": 2},
        failed={},
        trust=trust,
    )
    return replace(report, **changes)


def draw(folder, rows, edge=EDGE, seed=1):
    rng = np.random.default_rng(seed)
    y, x = np.ogrid[:edge, :edge]
    denoised = np.where(np.hypot(y - edge / 2, x - edge / 2) < edge / 3, 0.01, 0.0).astype(np.float32)
    raw = denoised + rng.normal(0, 0.004, denoised.shape).astype(np.float32)
    marks = np.zeros_like(denoised)
    marks[edge // 4 : edge // 4 + 6, edge // 2 : edge // 2 + 6] = -9
    signs = np.abs(marks) / 3
    for row in rows:
        draw_pictures(
            folder, row, SimpleNamespace(raw=raw, denoised=denoised, contradiction=marks, signs=signs, limit=5.5)
        )
    sheet = Sheet(300, 200)
    sheet.paste((0, 0), raw[:200, :300], Scale.grey(-0.01, 0.02))
    sheet.save(folder / "contact_sheet.png")


INVENTED = Place(24, 48, "invented", "spot about 5 pixels wide", -0.01, 13.0, 80)
REMOVED = Place(70, 10, "removed", "line about 5 pixels wide", 0.004, 7.5, 31)


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """An output with a flagged slice of three that were examined."""
    folder = tmp_path_factory.mktemp("output")
    draw(folder, (3, 20, 36))
    (folder / "recipe.yaml").write_text("- read\n- trust\n- write\n")
    return folder


@pytest.fixture(scope="module")
def checked():
    findings = [found(3, places=(INVENTED, REMOVED)), found(20), found(36)]
    return report_of(trust_of(findings, {3: ["structure invented at 1 place"]}))


class Tree(HTMLParser):
    """What a page consists of; a tag that is closed out of turn is a fault."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts, self.inside = [], [], [], {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert len({name for name, _ in attrs}) == len(attrs), (tag, attrs)
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        self.inside.setdefault(self.open[-1] if self.open else "", []).append(data)

    def of(self, tag):
        return [attributes for each, attributes in self.tags if each == tag]

    @property
    def ids(self):
        return [attributes["id"] for _, attributes in self.tags if "id" in attributes]

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def expect_sound(text):
    """Return the page's elements when all is in order that no browser is needed for."""
    tree = Tree(text)
    assert len(tree.ids) == len({*tree.ids})
    for link in tree.of("a"):
        assert link["href"].startswith("#")
        assert link["href"][1:] in tree.ids
    for picture in tree.of("img"):
        assert picture["src"].startswith("data:image/jpeg;base64,")
        assert picture["alt"]
    assert [link["href"] for link in tree.of("link")] == ["data:,"]
    assert "://" not in text
    for _, attributes in tree.tags:
        assert not [name for name in attributes if name.startswith("on") or name in {"style", "srcset", "formaction"}]
        assert attributes.get("src", "data:").startswith("data:")
    assert len(tree.of("script")) == len(tree.of("style")) == 1
    assert tree.of("html") == [{"lang": "en"}]
    assert len(tree.of("h1")) == 1
    return tree


def test_a_page_is_well_formed_and_loads_nothing(output, checked):
    tree = expect_sound(page_of(output, checked))
    assert len(tree.of("img")) == 3 * 5 + 1
    for said in ("CHECK", "scan 7.h5", "structure invented at 1 place", "17 transmissions clipped", "2.87 dB"):
        assert said in tree.text
    assert "6.25 pixels (4.06 µm)" in tree.text
    assert "- read\n- trust\n- write\n" in tree.texts


def test_only_the_style_and_the_script_of_the_page_may_run(output, checked):
    tree = Tree(page_of(output, checked))
    (policy,) = (meta["content"] for meta in tree.of("meta") if "http-equiv" in meta)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    for kind in ("style", "script"):
        digest = b64encode(sha256("".join(tree.inside[kind]).encode()).digest()).decode()
        assert rules[f"{kind}-src"] == f"'sha256-{digest}'"


def test_what_a_user_named_is_never_taken_for_markup(tmp_path, checked):
    draw(tmp_path, (3,))
    (tmp_path / "recipe.yaml").write_text(f"# {HOSTILE}".encode("utf-8", "replace").decode())
    report = replace(
        checked,
        scan={**checked.scan, "source": f"/data/{HOSTILE}"},
        notes={HOSTILE: [HOSTILE]},
        counts={HOSTILE: {HOSTILE: 3}},
        failed={"7": HOSTILE},
        versions={"tomopy-edge": HOSTILE, HOSTILE: HOSTILE},
        machine={HOSTILE: HOSTILE},
        settings={HOSTILE: HOSTILE},
        timings={HOSTILE: {HOSTILE: 1.0, "total": 2.0}},
        measures={HOSTILE: {HOSTILE: {"median": 1.0, "worst": 2.0, "slices": 3}}},
        trust=trust_of([found(3)], {3: [HOSTILE]}, line=f"CHECK {HOSTILE}"),
    )
    text = page_of(tmp_path, report)
    text.encode()
    tree = expect_sound(text)
    seen = HOSTILE.replace("\udcff", "?")
    assert tree.texts.count(seen) > 5
    assert "alert" not in "".join(tree.inside["script"])
    assert tree.inside["title"][0] == f"CHECK: {Path(seen).name}"


@pytest.mark.parametrize(
    ("word", "line"), [("OK", "OK: 1 slice examined"), ("CHECK", "CHECK slice 3: seams"), ("STOP", "STOP: outside")]
)
def test_the_verdict_stands_first_in_words_and_with_a_sign_of_its_own(output, checked, word, line):
    tree = expect_sound(page_of(output, replace(checked, trust=trust_of([found(3)], verdict=word, line=line))))
    (header,) = tree.of("header")
    assert header["class"] == f"verdict {word.lower()}"
    assert tree.text.startswith(f"{word}: scan 7.h5")
    assert tree.text.partition("NOT EXAMINED")[1] == ""
    signs = {page_of(output, replace(checked, trust=trust_of([found(3)], verdict=w))) for w in ("OK", "CHECK", "STOP")}
    assert len({re.search(r'<path d="([^"]+)" class="outline"', page)[1] for page in signs}) == 3


def test_where_no_slice_was_examined_the_page_does_not_say_that_all_is_well(output, checked):
    nothing = trust_of([], verdict="OK", line="OK, but no slice was examined")
    for trust in (None, nothing):
        tree = expect_sound(page_of(output, replace(checked, trust=trust)))
        assert "NOT EXAMINED" in tree.inside["span"]
        assert "slices" not in tree.ids
        assert {"times", "counts", "recipe", "sheet", "made-by"} <= {*tree.ids}
    assert "No slice was examined: the recipe has no stage" in page_of(output, replace(checked, trust=None))
    older = replace(checked, trust=None, recipe=[*checked.recipe, {"trust": {"every": 8}}])
    assert "it was written by another version" in page_of(output, older)


def test_every_flagged_row_is_named_with_its_reason_and_a_link(tmp_path, checked):
    draw(tmp_path, range(0, 100, 25))
    rows = range(100)
    flagged = {row: [f"reason of row {row}"] for row in rows if row % 3 == 0}
    text = page_of(tmp_path, replace(checked, trust=trust_of([found(row) for row in rows], flagged)))
    tree = expect_sound(text)
    links = {link["href"] for link in tree.of("a")}
    for row, (reason,) in flagged.items():
        assert reason in text
        assert {f"#slice-{row}", f"#row-{row}"} & links
    # Only some have pictures, and those are shown.
    shown = [name for name in tree.ids if name.startswith("slice-")]
    assert shown == ["slice-0", "slice-75", "slice-25", "slice-50"]
    assert "96 examined slices more, 32 of them flagged, are left out here" in tree.text


def test_what_the_checks_could_not_tell_stands_with_the_verdict(output, checked):
    few = found(3)
    few = replace(
        few, halves=replace(few.halves, error_left=None), residual=Residual(0.0, 0.0, 0.0, None), skipped=(), grey=()
    )
    told = (
        "The checks could not tell what error is left (the views are too few{0}); whether edges are blurred (halves of "
        "the views agree on no edges{0}); whether grey values moved (no material could be measured{0})."
    )
    text = expect_sound(page_of(output, replace(checked, trust=trust_of([few], verdict="OK", line="OK: 1")))).text
    verdict = text[: text.index("Slices")]
    assert told.format("") in verdict
    text = expect_sound(page_of(output, replace(checked, trust=trust_of([few, found(20)])))).text
    assert told.format(", in 1 of 2 slices") in text
    assert "could not tell" not in page_of(output, checked)
    bare = page_of(output, replace(checked, trust=trust_of([Findings(3, 0.01)])))
    for what in (
        "contradict the scan (they",
        "what denoising gained, and whether it took more than noise away (halves",
    ):
        assert what in bare


def test_where_no_material_was_measured_the_page_says_so(output, checked):
    few = replace(found(3), grey=())
    tree = expect_sound(page_of(output, replace(checked, trust=trust_of([few]))))
    assert "Whether they moved could not be measured: no material has 400 pixels away from its border." in tree.text
    failed = replace(few, skipped=(("grey values", "MemoryError: too few <bytes>"),))
    tree = expect_sound(page_of(output, replace(checked, trust=trust_of([failed]))))
    assert "Whether they moved could not be measured: MemoryError: too few <bytes>." in tree.text


def test_the_picture_of_structure_shows_both_signs_alone_and_the_legend_says_so(tmp_path, output, checked):
    flat = np.full((64, 64), 0.01, np.float32)
    flat[:, 32:] = 0.0
    signs = np.zeros_like(flat)
    signs[:16], signs[16:32] = 1, 2
    looked = SimpleNamespace(raw=flat, denoised=flat, contradiction=None, signs=signs, limit=5.5)
    draw_pictures(tmp_path, 3, looked)
    with Image.open(picture_path(tmp_path, 3, "signs")) as picture:
        painted = np.asarray(picture, int)
    red = painted[..., 0] - painted[..., 2]
    assert (red[:16] == 0).all()
    assert (red[32:] == 0).all()
    assert (red[16:32] > 90).all()
    text = expect_sound(page_of(output, checked)).text
    assert "both stronger and smoother than noise, and not where it is one alone. stronger and smoother than" in text
    assert "one sign" not in text


def test_a_row_that_failed_is_named_beside_the_verdict(output, checked):
    tree = expect_sound(page_of(output, replace(checked, failed={"12": "denoise: the device was lost"})))
    assert "1 slice could not be made row 12 : denoise: the device was lost" in tree.text


def test_places_are_marked_where_they_lie_on_pictures_of_any_size(output, checked, tmp_path):
    tree = expect_sound(page_of(output, checked))
    rings = [one for one in tree.of("rect") if one.get("class") == "ring"]
    circles = [one for one in tree.of("circle") if one.get("class") == "ring"]
    # On the denoised slice, and where the contradiction is shown.
    assert len(rings) == len(circles) == 2
    middle = [float(rings[0][at]) + float(rings[0][length]) / 2 for at, length in (("x", "width"), ("y", "height"))]
    assert middle == pytest.approx([48.5, 24.5], abs=0.1)
    # Of a slice that is averaged down to half its size.
    draw(tmp_path, (3,), edge=1000)
    report = replace(checked, slices=(40, 1000, 1000))
    circle = next(one for one in Tree(page_of(tmp_path, report)).of("circle") if one.get("class") == "ring")
    assert [float(circle["cx"]), float(circle["cy"])] == pytest.approx([10.5 / 2, 70.5 / 2], abs=0.1)


def test_what_is_missing_or_damaged_in_the_folder_is_said(tmp_path, checked, caplog):
    tree = expect_sound(page_of(tmp_path, checked))
    assert "There are no pictures of row 3" in tree.text
    assert "There is no contact_sheet.png" in tree.text
    assert "denoiser: tomogan" in tree.text
    draw(tmp_path, (3,))
    picture_path(tmp_path, 3, "raw").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    (tmp_path / "recipe.yaml").write_bytes(b"\xff\xfe")
    assert "There are no pictures of row 3" in expect_sound(page_of(tmp_path, checked)).text
    assert "00003_raw.png: cannot be shown" in caplog.text


def test_findings_of_another_version_are_left_out_and_named(output, checked, caplog):
    trust = trust_of([found(3), found(20)])
    trust["slices"][1]["halves"] = "good"
    tree = expect_sound(page_of(output, replace(checked, trust=trust)))
    assert "What was found out about this slice cannot be read in the report." in tree.text
    assert "findings of a slice cannot be shown" in caplog.text


def test_numbers_that_are_none_or_not_finite_break_no_page(output, checked):
    bare = Findings(20, 0.0, skipped=(("halves", "there are fewer than 32 views"),))
    odd = found(3)
    odd = replace(odd, seam=float("nan"), halves=replace(odd.halves, resolution=float("inf"), gain=float("nan")))
    trust = {**trust_of([]), "slices": [asdict(odd), asdict(bare)], "examined": [3, 20]}
    tree = expect_sound(page_of(output, replace(checked, trust=trust, seconds=float("nan"), slices=(40,))))
    assert "was left out: there are fewer than 32 views" in tree.text
    assert not re.search(
        r"\b(nan|inf)\b", tree.text + str([attributes for _, attributes in tree.tags if "src" not in attributes])
    )


def test_a_page_with_six_slices_of_noise_stays_below_six_megabytes(tmp_path, checked):
    rng = np.random.default_rng(5)
    noise = rng.normal(0, 1, (768, 768)).astype(np.float32)
    looked = SimpleNamespace(raw=noise, denoised=noise[::-1], contradiction=9 * noise, signs=abs(noise), limit=5.5)
    rows = range(0, 40, 5)
    draw_pictures(tmp_path, 0, looked)
    for row in rows[1:]:
        for kind in KINDS:
            shutil.copy(picture_path(tmp_path, 0, kind), picture_path(tmp_path, row, kind))
    sheet = Sheet(2400, 1600)
    sheet.paste((0, 0), rng.normal(0, 1, (1600, 2400)).astype(np.float32), Scale.around_zero(1))
    sheet.save(tmp_path / "contact_sheet.png")
    text = page_of(tmp_path, replace(checked, trust=trust_of([found(row) for row in rows])))
    assert len(expect_sound(text).of("img")) == 6 * 5 + 1
    assert len(text.encode()) < 6_000_000


def test_a_page_that_fails_leaves_none_of_other_slices_behind(tmp_path, checked):
    (tmp_path / PAGE).write_text("of other slices")
    with pytest.raises((LookupError, TypeError)):
        write_page(tmp_path, replace(checked, trust={"verdict": "OK"}))
    assert not (tmp_path / PAGE).exists()


STAGES = ["read", "normalize", "minus_log", {"find_center": {"center": 45.2}}, "reconstruct", "write"]


def test_a_run_leaves_its_page(scan_file, tmp_path):
    run = tomopy_edge.run([*STAGES[:-1], {"trust": {"every": 2}}, "write"], scan_file, tmp_path / "out")
    text = (run.output / PAGE).read_text(encoding="utf-8")
    tree = expect_sound(text)
    assert scan_file.name in tree.inside["bdi"]
    assert [name for name in tree.ids if name.startswith("slice-")]


def test_a_page_that_cannot_be_made_costs_a_run_nothing_else(scan_file, tmp_path, monkeypatch, caplog):
    def failing(folder, report):
        raise ZeroDivisionError("no page")

    monkeypatch.setattr("tomopy_edge.record.write_page", failing)
    run = tomopy_edge.run(STAGES, scan_file, tmp_path / "out")
    assert (run.output / "report.json").is_file()
    assert "the page report.html could not be written: ZeroDivisionError: no page" in caplog.text

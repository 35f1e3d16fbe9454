"""What is counted for the slices of an output outlives the run that counted it, however that one ends."""

import json

import h5py
import pytest

import tomopy_edge
from tomopy_edge.job import Tally
from tomopy_edge.record import COUNTS, note_earlier, tally_kept
from tomopy_edge.stages import denoise
from tomopy_edge.writers.durable import put_text
from tomopy_edge.writers.ledger import Ledger
from tomopy_edge.writers.sealed import read_sealed

STAGES = [
    *("read", "normalize", "minus_log", {"find_center": {"center": 45.2}}, "reconstruct"),
    *({"denoise": {"denoiser": "total_variation"}}, "write"),
]
AT_LIMIT = "counts at the limit of 65535, kept"
ANGLES, ROWS = 120, 7


def counted(tally, slices):
    tally.count("minus_log", "transmissions clipped", 5 * slices)
    tally.note("find_center", "vo found the axis")
    tally.note("record", "the contact sheet could not be written")
    for _ in range(slices):
        tally.measure("denoise", "seam index", 1.5)
    tally._spend("denoise", "total", 0.5 * slices)


def a_run(folder, rows, error=None):
    """A run that makes some rows; what its tally held at the end, and the note on earlier ones."""
    tally = Tally()
    with Ledger(folder) as ledger:
        there = len(ledger.digests)
        with tally_kept(folder, ledger, tally):
            counted(tally, len(rows))
            ledger.enter(dict.fromkeys(rows, "0" * 64))
            note_earlier(there, ledger, tally)
            if error is not None:
                raise error
    return tally


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, OSError(28, "No space left on device")])
def test_what_a_run_counted_is_taken_over_by_the_next(tmp_path, error):
    with pytest.raises(BaseException) as raised:  # noqa: PT011 - one of these, which is compared
        a_run(tmp_path, range(3), error)
    assert raised.value is error or raised.type is error
    tally = a_run(tmp_path, range(3, 5))
    assert tally.counts == {"minus_log": {"transmissions clipped": 25}}
    assert tally.measures == {"denoise": {"seam index": [1.5] * 5}}
    assert tally.seconds == {"denoise": {"total": 2.5}}
    assert tally.notes["find_center"] == ["vo found the axis"]
    told = "3 slices are an earlier run's, and counted here"
    assert tally.notes["record"] == ["the contact sheet could not be written", told]
    # What each run says of its own record is not said again.
    assert "3 slices" not in (tmp_path / COUNTS).read_text()


def test_slices_of_a_run_that_was_killed_are_told_as_not_counted(tmp_path):
    a_run(tmp_path, range(3))
    with Ledger(tmp_path) as ledger:
        ledger.enter({7: "0" * 64, 8: "0" * 64})
    tally = a_run(tmp_path, [9])
    told = "5 slices are an earlier run's, and counted here but for 2, whose run was killed"
    assert told in tally.notes["record"]
    # One of them made again is counted again, the other one is not.
    tally = a_run(tmp_path, [8])
    assert any("but for 1, whose run was killed" in note for note in tally.notes["record"])
    assert tally.counts == {"minus_log": {"transmissions clipped": 25}}


@pytest.mark.parametrize("damage", ["", "{", "[1]", "3", "null", '{"counts": {}}', "[" * 100_000, "changed", "\xff"])
def test_damaged_counts_are_told_and_left_out(tmp_path, caplog, damage):
    a_run(tmp_path, range(3))
    path = tmp_path / COUNTS
    path.write_bytes((path.read_text().replace("15", "16") if damage == "changed" else damage).encode("latin-1"))
    tally = a_run(tmp_path, [3])
    assert tally.counts == {"minus_log": {"transmissions clipped": 5}}
    assert any("but for 3" in note for note in tally.notes["record"])
    assert "counts.json: what earlier runs counted cannot be read (" in caplog.text
    caplog.clear()
    a_run(tmp_path, [4])
    assert caplog.text == ""


def test_counts_that_cannot_be_written_hide_no_other_fault(tmp_path, caplog, monkeypatch):
    def full(path, text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tomopy_edge.writers.sealed.put_text", full)
    with pytest.raises(KeyboardInterrupt):
        a_run(tmp_path, range(3), KeyboardInterrupt)
    assert "counts.json: cannot be written ([Errno 28] No space left on device)" in caplog.text
    monkeypatch.setattr("tomopy_edge.writers.sealed.put_text", put_text)
    assert any("but for 3" in note for note in a_run(tmp_path, [3]).notes["record"])


@pytest.fixture
def bright(scan_file):
    """A scan with a column that is at the detector's limit."""
    with h5py.File(scan_file, "r+") as file:
        file["exchange/data"][:, :, 3] = 65535
    return scan_file


@pytest.fixture
def interrupted(bright, tmp_path, monkeypatch):
    """An output that a run was interrupted on when it had made some slices."""
    real, calls = denoise.denoise, []

    def stopping(volume, denoiser):
        calls.append(volume)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(volume, denoiser)

    with monkeypatch.context() as patch:
        patch.setattr(denoise, "denoise", stopping)
        with pytest.raises(KeyboardInterrupt):
            tomopy_edge.run(STAGES, bright, tmp_path / "out", nchunk=2)
    return tmp_path / "out.part"


def test_the_report_of_a_resumed_run_holds_the_counts_of_all_slices(bright, interrupted, tmp_path, caplog):
    before = read_sealed(interrupted / COUNTS)
    assert before["rows"] == [0, 1, 2, 3]
    report = tomopy_edge.run(STAGES, bright, tmp_path / "out", nchunk=2, resume=True).report
    # Rows that were in work when it ended, and those of the contact sheet, are made twice, and counted once.
    assert len(before["by_row"]["normalize"][AT_LIMIT]) > len(before["rows"])
    assert report.counts == {"normalize": {AT_LIMIT: ROWS * ANGLES}}
    assert json.loads((tmp_path / "out/report.json").read_text())["counts"] == report.counts
    assert read_sealed(tmp_path / "out" / COUNTS)["rows"] == [*range(ROWS)]
    assert "cannot be read" not in caplog.text
    # A finished output that is gone over has them, too.
    again = tomopy_edge.run(STAGES, bright, tmp_path / "out", resume=True).report
    assert again.counts == report.counts


def test_after_a_kill_the_report_says_how_many_slices_are_not_counted(bright, interrupted, tmp_path):
    (interrupted / COUNTS).unlink()
    report = tomopy_edge.run(STAGES, bright, tmp_path / "out", nchunk=2, resume=True).report
    # Row 3 is on the contact sheet, and so is row 1.
    assert "counted here but for 2, whose run was killed" in str(report.notes["record"])
    assert report.counts["normalize"][AT_LIMIT] == (ROWS - 2) * ANGLES


def test_counts_are_read_at_one_moment_while_others_still_count(tmp_path):
    class Growing(dict):
        """Another thread counts as soon as somebody looks at it."""

        def items(self):
            yield from [*super().items()]
            self["more"] = self.get("more", 0) + 1

    with Ledger(tmp_path) as ledger, tally_kept(tmp_path, ledger, tally := Tally()):
        tally.by_row = Growing({"minus_log": {"clipped": {7: 1}}})
    assert read_sealed(tmp_path / COUNTS)["by_row"]["minus_log"] == {"clipped": {"7": 1}}


def test_an_ome_zarr_image_tells_what_it_was_made_with(scan_file, tmp_path):
    ts = pytest.importorskip("tensorstore", reason="the extra zarr is not installed")
    done = tomopy_edge.run([*STAGES[:-1], {"write": {"formats": ["zarr"]}}], scan_file, tmp_path / "out")
    store = {"driver": "file", "path": str(done.output / "recon.zarr/zarr.json")}
    pointer = "/attributes/tomopy_edge"
    told = ts.open({"driver": "json", "kvstore": store, "json_pointer": pointer}).result().read().result().item()
    assert told["recipe"] == json.loads(json.dumps(done.report.recipe))
    assert told["recipe"][3]["find_center"]["center"] == 45.2
    assert told["scan"] == {"name": "disc.h5", "angles": ANGLES, "rows": ROWS, "columns": 96}
    assert told["versions"] == done.report.versions

"""Every hook, every field of what it answers, and every argument is documented and does what it says.

A field is tested by the tests that `of` marks with it; one that none is marked with fails a test.
"""

import ast
import collections.abc
import dataclasses
import importlib.util
import inspect
import re
import typing
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pluggy
import pytest

import tomopy_edge
from tomopy_edge import hookspecs
from tomopy_edge.backend import Backend, Ends, Placement, Probe
from tomopy_edge.catalogue import ask
from tomopy_edge.cli import main
from tomopy_edge.codes import QuantParams
from tomopy_edge.data import Scan, Sinograms, Transmission, Volume
from tomopy_edge.denoisers.tomogan import NetworkOptions, settle_tomogan
from tomopy_edge.errors import BackendError, ModelError, RecipeError
from tomopy_edge.hookspecs import (
    BackendEntry,
    Choice,
    DenoiserEntry,
    OpenStage,
    ReconstructorEntry,
    StageEntry,
    Step,
    each_chunk,
)
from tomopy_edge.job import Job
from tomopy_edge.networks.litert import ENTRY as LITERT
from tomopy_edge.networks.manifest import open_model
from tomopy_edge.networks.probing import probed
from tomopy_edge.networks.runtimes import able_for_auto, choose_file, files_for
from tomopy_edge.pipeline import Span, settle, stream
from tomopy_edge.plugins import make_manager
from tomopy_edge.recipe import parse_recipe

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "reference" / "hooks.md").read_text(encoding="utf-8")
NETWORKS = open_model("tomogan-compact").manifest.denoise

spec = importlib.util.spec_from_file_location("make_hooks", DOCS / "make_hooks.py")
make_hooks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make_hooks)
HOOKS, CLASSES = make_hooks.hooks(), make_hooks.classes()

TESTED = set()


def of(kind, *fields):
    """Mark a test as one of fields of a class."""
    names = {field.name for field in dataclasses.fields(kind)}
    assert set(fields) <= names, set(fields) - names
    TESTED.update((kind.__name__, field) for field in fields)
    return lambda test: test


# What is documented.


def test_the_page_is_what_the_docstrings_say():
    assert make_hooks.page(PAGE) == PAGE, "python docs/make_hooks.py makes it again"


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_has_a_section_with_its_arguments_and_a_summary(name):
    arguments = ", ".join(inspect.signature(HOOKS[name]).parameters)
    assert f"## `{name}{f'({arguments})' if arguments else ''}`\n" in PAGE
    assert f"<!-- made from {name} -->" in PAGE
    assert inspect.getdoc(HOOKS[name]).partition("\n")[0].endswith(".")


@pytest.mark.parametrize("name", CLASSES)
def test_each_field_is_described_where_it_is_defined_and_on_the_page(name):
    told = make_hooks.described(CLASSES[name])
    fields = [field.name for field in dataclasses.fields(CLASSES[name])]
    assert [field for field in fields if not told.get(field)] == [], f"not in the docstring of {name}"
    assert set(told) == set(fields), f"the docstring of {name} describes what is no field"
    assert f"<!-- made from {name} -->" in PAGE


def calls():
    """What is called in an entry, and with how many arguments."""
    for name, kind in CLASSES.items():
        for field, hint in typing.get_type_hints(kind).items():
            members = typing.get_args(hint) if type(None) in typing.get_args(hint) else (hint,)
            for one in members:
                if typing.get_origin(one) is collections.abc.Callable:
                    yield pytest.param(field, len(typing.get_args(one)[0]), id=f"{name}.{field}")


@pytest.mark.parametrize(("field", "count"), [*calls()])
def test_what_is_called_is_shown_with_its_arguments(field, count):
    shown = re.findall(rf"`{field}\(([^)]*)\)`", PAGE)
    assert shown, f"`{field}(...)` is not on the page"
    assert {len([word for word in words.split(",") if word.strip()]) for words in shown} == {count}


def test_there_is_something_that_is_called():
    assert {param.values for param in calls()} >= {
        ("create", 2),
        ("settle", 3),
        ("check", 2),
        ("probe", 0),
        ("open", 2),
    }


class Anything:
    """Stands for what an example leaves to the reader."""

    def __init__(self, name):
        self.__name__, self.__pydantic_config__ = name, {}

    def __call__(self, *_):
        raise AssertionError("examples are not run, only offered")


@pytest.mark.parametrize("name", HOOKS)
def test_the_example_of_a_hook_runs_and_is_taken(name, caplog):
    code = make_hooks.example(HOOKS[name])
    known = {**vars(tomopy_edge), **{one: getattr(tomopy_edge, one) for one in tomopy_edge.__all__}}
    used = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
    names = {one: Anything(one) for one in used} | {one: known[one] for one in used & set(known)}
    names |= {"super": super}
    plugin = type("Plugin", (), {})()
    exec(code, names)  # noqa: S102 - our own docstring
    setattr(plugin, name, names[name])
    manager = make_manager(installed=False)
    manager.register(plugin, name="example")
    manager.check_pending()
    kind = {"stages": "stages", "reconstructors": "reconstructors", "denoisers": "denoisers", "backends": "backends"}
    offers = getattr(ask(manager), kind[name.removeprefix("tomopy_edge_")])
    (entry,) = names[name]()
    assert entry.name in offers, caplog.text


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_is_answered_by_the_built_in_plugin(name, manager):
    assert getattr(manager.hook, name)()


# What is tested.


@tomopy_edge.options
class Options:
    gain: float = 1.0
    found: float | None = None


def catalogue_with(**offers):
    """A catalogue with a plugin that has a hook for each kind of offer."""
    hooks = {
        f"tomopy_edge_{kind}": tomopy_edge.hookimpl(lambda self, entries=entries: entries)
        for kind, entries in offers.items()
    }
    for name, hook in hooks.items():
        hook.__name__ = name
    manager = make_manager(installed=False)
    manager.register(type("Plugin", (), hooks)(), name="plugin")
    manager.check_pending()
    return ask(manager)


def made(recipe, chunk, job):
    """What a recipe makes of a chunk, settled on it."""
    rows = len(next(value for value in vars(chunk).values() if isinstance(value, np.ndarray)))
    settled = settle(recipe, chunk, job)
    (got,) = stream(settled, lambda *_: iter([chunk]), Span(0, rows, rows), job)
    return got, settled


def slices(count=4):
    return np.random.default_rng(0).normal(1, 0.1, (count, 20, 16)).astype(np.float32)


class Scaled:
    neighbours = 0

    def __init__(self, options, job):
        self.options, self.job = options, job

    def __call__(self, noisy):
        return noisy * np.float32(self.options.gain)


DENOISER = DenoiserEntry("mine", "Mine, in a line", Options, Scaled)


def denoised(entry, options=None, job=None):
    catalogue = catalogue_with(denoisers=[entry])
    recipe = parse_recipe([{"denoise": {"denoiser": entry.name, "options": options or {}}}], catalogue)
    return made(recipe, Volume(slices()), job or Job(ncore=1, catalogue=catalogue))


@of(DenoiserEntry, "name", "create", "options")
def test_a_denoiser_is_made_by_its_name_from_its_options():
    got, _ = denoised(DENOISER, {"gain": 2.0})
    np.testing.assert_array_equal(got.slices, slices() * 2)
    with pytest.raises(RecipeError, match="gian: no such option; did you mean 'gain'"):
        denoised(DENOISER, {"gian": 2.0})


@of(DenoiserEntry, "summary")
@of(ReconstructorEntry, "summary")
@of(StageEntry, "summary")
@of(BackendEntry, "summary")
def test_each_summary_is_listed_in_its_line(monkeypatch, capsys):
    offers = {
        "denoisers": DENOISER,
        "reconstructors": RECONSTRUCTOR,
        "stages": stage(lambda chunk: chunk),
        "backends": backend(),
    }
    offers = {kind: [dataclasses.replace(entry, summary=f"One of {kind}")] for kind, entry in offers.items()}
    catalogue = catalogue_with(**offers)
    monkeypatch.setattr("tomopy_edge.cli.plugins.load_catalogue", lambda: catalogue)
    assert main(["plugins"]) == 0
    listed = capsys.readouterr().out
    assert all(len(re.findall(rf"^  mine +One of {kind}$", listed, re.MULTILINE)) == 1 for kind in offers)


@of(DenoiserEntry, "settle")
def test_settle_of_a_denoiser_finds_what_is_left_open_once_on_sample_slices_and_the_recipe_keeps_it():
    asked = []

    def find(options, sample, job):
        asked.append((type(sample), type(job)))
        return dataclasses.replace(options, found=float(sample.slices.mean()))

    _, settled = denoised(dataclasses.replace(DENOISER, settle=find))
    assert asked == [(Volume, Job)]
    assert settled.to_plain()[0]["denoise"]["options"]["found"] == pytest.approx(1, abs=0.1)


def refuse(options, catalogue):
    assert "denoise" in catalogue.stages
    raise ModelError(f"no licence for gain {options.gain}")


@of(DenoiserEntry, "check")
@of(ReconstructorEntry, "check")
@of(StageEntry, "check")
def test_check_refuses_a_recipe_before_anything_is_read():
    told = {"denoise": "denoise.options", "reconstruct": "reconstruct.options", "mine": "mine"}
    catalogue = catalogue_with(
        denoisers=[dataclasses.replace(DENOISER, check=refuse)],
        reconstructors=[dataclasses.replace(RECONSTRUCTOR, check=refuse)],
        stages=[stage(lambda chunk: chunk, check=refuse)],
    )
    for block in ({"reconstruct": {"algorithm": "mine"}}, {"denoise": {"denoiser": "mine"}}, {"mine": {}}):
        (name,) = block
        with pytest.raises(RecipeError, match=rf"- {told[name]}: no licence for gain 1\.0"):
            parse_recipe([block], catalogue)


class Backprojected:
    def __init__(self, options, job):
        self.options, self.closed = options, False
        MADE.append(self)

    def __call__(self, sinograms):
        rows, _, columns = sinograms.line_integrals.shape
        return Volume(np.full((rows, columns, columns), self.options.gain, np.float32), sinograms.first_row)

    def close(self):
        self.closed = True


MADE = []
RECONSTRUCTOR = ReconstructorEntry("mine", "Mine, in a line", Options, Backprojected)


@of(ReconstructorEntry, "name", "options", "create")
def test_an_algorithm_is_made_by_its_name_from_its_options_and_closed():
    MADE.clear()
    catalogue = catalogue_with(reconstructors=[RECONSTRUCTOR])
    options = {"algorithm": "mine", "options": {"gain": 3.0}, "mask": None}
    sinograms = Sinograms(np.zeros((2, 10, 16), np.float32), np.linspace(0, 3, 10), 7.5)
    got, _ = made(
        parse_recipe([{"reconstruct": options}, "mine"], with_end(catalogue)), sinograms, Job(catalogue=catalogue)
    )
    assert (got.slices == 3).all()
    assert [one.closed for one in MADE] == [True]


def with_end(catalogue):
    """The catalogue with a last stage that does nothing, as the last of a run is opened anew for each span."""
    return dataclasses.replace(catalogue, stages={**catalogue.stages, "mine": stage(lambda chunk: chunk)})


def stage(apply, takes=Volume, gives=Volume, **more):
    opens = {"open": each_chunk(lambda chunk, options, job: apply(chunk))}
    return StageEntry(
        **{"name": "mine", "summary": "Mine, in a line", "options": Options, "takes": takes, "gives": gives}
        | opens
        | more
    )


@of(StageEntry, "name", "options", "open")
def test_a_stage_is_opened_by_its_name_with_its_options_and_closed():
    seen = []

    @contextmanager
    def opened(options, job):
        seen.append((options.gain, type(job)))
        yield Step(lambda volume: dataclasses.replace(volume, slices=volume.slices * np.float32(options.gain)))
        seen.append("closed")

    catalogue = catalogue_with(stages=[stage(None, open=opened)])
    got, _ = made(parse_recipe([{"mine": {"gain": 2.0}}], catalogue), Volume(slices()), Job())
    np.testing.assert_array_equal(got.slices, slices() * 2)
    assert seen == [(2.0, Job), "closed"]


@of(StageEntry, "takes", "gives")
@pytest.mark.parametrize("kind", [Scan, Transmission, Sinograms])
def test_stages_that_do_not_fit_are_refused(kind):
    catalogue = catalogue_with(stages=[stage(None, kind, kind)])
    with pytest.raises(RecipeError, match=f"denoise: takes Volume, but mine before it gives {kind.__name__}"):
        parse_recipe(["mine", "denoise"], catalogue)
    with pytest.raises(RecipeError, match=f"mine: takes {kind.__name__}, but denoise before it gives Volume"):
        parse_recipe(["denoise", "mine"], catalogue)


@of(StageEntry, "settle")
def test_settle_of_a_stage_is_given_a_chunk_of_what_it_takes():
    def find(options, sample, job):
        return dataclasses.replace(options, found=float(sample.slices.max()))

    catalogue = catalogue_with(stages=[stage(lambda chunk: chunk, settle=find)])
    _, settled = made(parse_recipe(["mine"], catalogue), Volume(slices()), Job())
    assert settled.blocks[0].options.found == slices().max()


@tomopy_edge.options
class Choosing:
    which: str = "mine"
    options: typing.Any = dataclasses.field(default_factory=dict)


@of(StageEntry, "choice")
@of(Choice, "option", "kind", "offers")
def test_a_stage_that_runs_one_of_several_by_name_has_its_options_read_as_strictly():
    choosing = stage(
        lambda chunk: chunk, options=Choosing, choice=Choice("which", "cleaner", "denoisers"), name="clean"
    )
    catalogue = catalogue_with(stages=[choosing], denoisers=[DENOISER])
    (block,) = parse_recipe([{"clean": {"options": {"gain": 4.0}}}], catalogue).blocks
    assert block.options.options == Options(gain=4.0)
    with pytest.raises(RecipeError, match=r"clean\.which: no cleaner is named 'mime'; did you mean 'mine'"):
        parse_recipe([{"clean": {"which": "mime"}}], catalogue)
    with pytest.raises(RecipeError, match=r"clean\.options\.gian: no such option"):
        parse_recipe([{"clean": {"options": {"gian": 4.0}}}], catalogue)


def streamed(step, count=4, chunk=2, **job):
    """What a stage of one step is given, and makes, of rows that are read in chunks."""
    seen = []

    def apply(volume):
        seen.append((volume.first_row, len(volume.slices)))
        return step.apply(volume)

    @contextmanager
    def opened(options, job):
        yield dataclasses.replace(step, apply=apply)

    def read(first, last):
        for start in range(first, last, chunk):
            yield Volume(slices(9)[start : min(start + chunk, last)], start)

    recipe = parse_recipe(["mine"], catalogue_with(stages=[stage(None, open=opened)]))
    return [*stream(recipe, read, Span(3, 3 + count, 9), Job(**job))], seen


@of(Step, "apply")
def test_apply_is_given_each_chunk_once():
    got, seen = streamed(Step(lambda volume: volume))
    assert seen == [(3, 2), (5, 2)]
    np.testing.assert_array_equal(np.concatenate([one.slices for one in got]), slices(9)[3:7])


@of(Step, "neighbours")
def test_neighbours_are_added_to_each_chunk_and_taken_off_by_apply():
    def inner(volume):
        return dataclasses.replace(volume, slices=volume.slices[1:-1], first_row=volume.first_row + 1)

    got, seen = streamed(Step(inner, neighbours=1))
    assert seen[0][0] == 2
    np.testing.assert_array_equal(np.concatenate([one.slices for one in got]), slices(9)[3:7])


@of(Step, "together")
def test_rows_that_are_made_together_begin_with_a_multiple():
    got, seen = streamed(Step(lambda volume: volume, together=2))
    assert seen[0][0] == 2
    assert got[0].first_row == 3


@of(Step, "witness")
def test_a_witness_is_shown_what_earlier_stages_made():
    shown = []

    @contextmanager
    def watching(options, job):
        yield Step(lambda volume: volume, witness=lambda name, chunk: shown.append((name, chunk.first_row)))

    plain = stage(lambda chunk: chunk, name="first")
    recipe = parse_recipe(["first", "mine"], catalogue_with(stages=[plain, stage(None, open=watching)]))
    [*stream(recipe, lambda first, last: iter([Volume(slices(2), first)]), Span(0, 2, 2), Job())]
    assert shown == [("first", 0)]


@of(OpenStage, "entry", "options", "step")
def test_a_stage_finds_those_before_it_open():
    found = []

    @contextmanager
    def looking(options, job):
        found.extend(job.before)
        yield Step(lambda volume: volume)

    plain = stage(lambda chunk: chunk, name="first")
    recipe = parse_recipe([{"first": {"gain": 2.0}}, "mine"], catalogue_with(stages=[plain, stage(None, open=looking)]))
    [*stream(recipe, lambda first, last: iter([Volume(slices(2), first)]), Span(0, 2, 2), Job())]
    (before,) = found
    assert (before.entry.name, before.options.gain, type(before.step)) == ("first", 2.0, Step)


def works():
    return Probe(works=True, told="it works", devices=("usb:0", "usb:1"))


def backend(**more):
    return BackendEntry(
        **{"name": "mine", "summary": "Mine, in a line", "reads": "tflite", "open": LITERT.open, "probe": works} | more
    )


def settled_on(entry, **options):
    catalogue = catalogue_with(backends=[entry])
    options = NetworkOptions(
        model="tomogan-compact", runtime=entry.name, unit=1.0, precision="int8", tile=64, **options
    )
    volume = Volume(np.ones((3, 64, 64), np.float32))
    job = Job(ncore=3, catalogue=catalogue)
    settled = settle_tomogan(options, volume, job)
    denoiser = catalogue.denoisers["tomogan"].create(settled, job)
    try:
        return denoiser(volume.slices), job
    finally:
        denoiser.close()


@of(BackendEntry, "name", "open")
@of(Placement, "threads", "device", "tile", "note")
def test_a_runtime_is_opened_by_its_name_with_a_file_and_a_placement():
    opened = []

    def opens(path, placement):
        opened.append((path.suffix, placement))
        placement.note("one of two sticks is slow")
        return LITERT.open(path, Placement(placement.threads))

    _, job = settled_on(backend(open=opens), device="usb:1")
    ((suffix, placement),) = opened
    assert (suffix, placement.threads, placement.device, placement.tile) == (".tflite", 3, "usb:1", None)
    assert "one of two sticks is slow" in job.tally.notes["denoise"]


@of(BackendEntry, "reads", "precisions")
def test_a_runtime_is_given_the_files_that_it_reads_of_the_precisions_that_it_runs():
    assert {Path(file.file).suffix for file in files_for(backend(reads="onnx"), NETWORKS)} == {".onnx"}
    assert files_for(backend(reads="edgetpu"), NETWORKS) == ()
    every, some = files_for(backend(), NETWORKS), files_for(backend(precisions=("float",)), NETWORKS)
    assert {file.precision for file in some} == {"float"} < {file.precision for file in every}


@of(BackendEntry, "probe")
@of(Probe, "works", "told", "version", "devices")
def test_what_a_probe_says_is_told_where_a_runtime_does_not_work():
    broken = Probe(works=False, told="no board; plug it in", version="2.1", devices=())
    with pytest.raises(BackendError, match="runtime mine: no board; plug it in"):
        settled_on(backend(probe=lambda: broken))
    with pytest.raises(BackendError, match=r"runtime mine: has no device 'usb:7' \(there are: usb:0, usb:1\)"):
        settled_on(backend(), device="usb:7")
    assert probed(backend(probe=lambda: broken)).version == "2.1"


@of(BackendEntry, "alike")
def test_auto_takes_none_that_does_not_say_it_is_alike():
    catalogue = catalogue_with(backends=[backend(), backend(name="like", alike=True)])
    names = [entry.name for entry in able_for_auto(NETWORKS, catalogue)]
    assert "like" in names
    assert "mine" not in names


@of(BackendEntry, "whole")
def test_a_runtime_of_whole_slices_is_given_one_tile_as_large_as_the_slice():
    whole = backend(whole=True, precisions=("float",))
    assert choose_file(whole, NETWORKS, None, None, (300, 200)).tile >= 300


@of(BackendEntry, "risky")
def test_a_risky_probe_is_asked_in_a_child_process(monkeypatch):
    asked = []

    def in_child(entry):
        asked.append(entry.name)
        return works()

    monkeypatch.setattr("tomopy_edge.networks.probing._in_child", in_child)
    probed(backend(name="calm"))
    probed(backend(name="risky", risky=True))
    assert asked == ["risky"]


@of(Ends, "shape", "input_params", "output_params", "io")
def test_ends_say_what_tiles_are_taken_and_how_they_are_coded():
    class Doubles(Backend):
        def _run(self, batch):
            assert batch.dtype == np.uint8
            return batch

        def _free(self):
            pass

    params = QuantParams(0.5, 3), QuantParams(0.25, 0)
    network = Doubles(Ends((2, 4, 4, 1), *params, io="uint8"), "numpy")
    assert (network.ends.input_params, network.ends.output_params) == params
    tiles = np.arange(-24, 24, dtype=np.int8).reshape(3, 4, 4, 1)
    np.testing.assert_array_equal(network.infer(tiles), tiles[..., 0])
    with pytest.raises(ValueError, match=r"expected int8 .* \(4, 4, 1\)"):
        network.infer(tiles[:, 1:])


def test_each_field_is_tested():
    fields = {(name, field.name) for name, kind in CLASSES.items() for field in dataclasses.fields(kind)}
    assert fields - TESTED == set(), "have a test say @of(...)"


def test_a_new_hook_class_field_or_argument_would_be_found(monkeypatch):
    """That the tests above can fail: what is new in the module is seen without being listed anywhere."""

    @dataclasses.dataclass
    class ColourEntry:
        """A colour.

        Attributes
        ----------
        name : of it
        """

        name: str
        hue: float = 0.0

    ColourEntry.__module__ = hookspecs.__name__
    monkeypatch.setattr(hookspecs, "ColourEntry", ColourEntry, raising=False)
    hook = pluggy.HookspecMarker("tomopy_edge")(lambda: None)
    monkeypatch.setattr(hookspecs, "tomopy_edge_colours", hook, raising=False)
    assert set(make_hooks.classes()) - set(CLASSES) == {"ColourEntry"}
    assert set(make_hooks.hooks()) - set(HOOKS) == {"tomopy_edge_colours"}
    assert make_hooks.described(ColourEntry) == {"name": "of it"}
    assert "| `hue` | `0.0` |  |" in make_hooks.table(ColourEntry)

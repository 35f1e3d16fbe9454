"""The kit for denoisers: those in the box hold it, and each fault that a plugin may have is found and told."""

import ctypes
import dataclasses
import importlib.util
import re
import threading
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, median_filter

import tomopy_edge
from tomopy_edge.errors import DataError, PluginError, RecipeError
from tomopy_edge.testing import ConformanceError, check_denoiser

SMALL = (5, 48, 40)


@tomopy_edge.options
class Options:
    size: int = 3
    found: float | None = None

    def __post_init__(self):
        if self.size < 1:
            raise ValueError(f"size: must be at least 1 pixel, got {self.size}")


class Good:
    """Smooths along y and x."""

    neighbours = 0

    def __init__(self, options, job):
        self.options, self.job = options, job

    def __call__(self, noisy):
        return gaussian_filter(noisy, (0, 0.7, 0.7))

    def close(self):
        pass


class GoodWithNeighbours(Good):
    neighbours = 1

    def __call__(self, noisy):
        return (noisy[:-2] + noisy[1:-1] + noisy[2:]) / np.float32(3)


def entry(create=Good, **more):
    return tomopy_edge.DenoiserEntry(**{"name": "mine", "summary": "Mine", "options": Options, "create": create} | more)


def faults(create=Good, *, kit=None, **more):
    """What is told of a plugin, and that it comes in the form of our errors."""
    with pytest.raises(ConformanceError) as caught:
        check_denoiser(entry(create, **more), shape=SMALL, **(kit or {}))
    assert isinstance(caught.value, PluginError)
    assert str(caught.value).startswith("denoiser ")
    return caught.value.faults


@pytest.mark.parametrize("create", [Good, GoodWithNeighbours])
def test_a_denoiser_that_holds_everything_is_told_with_what_it_takes(create, capsys):
    conformance = check_denoiser(entry(create), {"size": 5}, shape=SMALL, reach=4)
    assert conformance.subject == "denoiser mine"
    assert {"axes", "units", "determinism", "chunks", "larger and shifted slices"} <= set(conformance.checks)
    assert 0 < conformance.milliseconds < 1000
    assert 0 < conformance.peak_bytes < 2**26
    assert "denoiser mine: " in (said := capsys.readouterr().out)
    assert "ms a slice of 48 x 40, and at most " in said


@pytest.mark.parametrize("name", ["none", "total_variation", "non_local_means"])
def test_the_classical_denoisers_in_the_box_hold_it(name):
    assert check_denoiser(name, shape=SMALL, reach=0 if name == "none" else None).subject == f"denoiser {name}"


def test_the_plugin_of_the_guide_holds_it():
    path = Path(__file__).parent / "plugins" / "tomopy-edge-median" / "tomopy_edge_median.py"
    spec = importlib.util.spec_from_file_location("tomopy_edge_median", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (median,) = module.tomopy_edge_denoisers()
    check_denoiser(median, {"size": 5}, shape=SMALL, reach=2)


@pytest.mark.parametrize("precision", ["int8", "float"])
def test_the_network_in_the_box_holds_it(precision):
    options = {"model": "tomogan-compact", "runtime": "litert", "precision": precision}
    check_denoiser("tomogan", options, reach=64, step=8)


def of(answer, **attributes):
    """A denoiser that answers what `answer(self, noisy)` makes."""
    return type("Bad", (Good,), {"__call__": answer, **attributes})


class Counted(Good):
    """Answers once more with each call."""

    calls = 0

    def __call__(self, noisy):
        self.calls += 1
        return super().__call__(noisy) * np.float32(1 + 1e-6 * self.calls)


class Remembers(Good):
    """Mixes in a little of what it was given before."""

    before = None

    def __call__(self, noisy):
        clean = super().__call__(noisy)
        before, self.before = self.before, clean.mean()
        return clean if before is None else clean + np.float32(1e-3) * (before - clean.mean())


class Leaks(Good):
    kept = ()

    def __call__(self, noisy):
        clean = super().__call__(noisy)
        self.kept = (*self.kept, clean.copy())
        return clean


class LeaksInC(Good):
    def __call__(self, noisy):
        malloc = ctypes.CDLL(None).malloc
        malloc.restype, malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
        ctypes.memset(malloc(2**20), 1, 2**20)
        return super().__call__(noisy)


class AllPairs(Good):
    def __call__(self, noisy):
        np.ones((len(noisy), len(noisy), *noisy.shape[1:]), np.float32).sum()
        return super().__call__(noisy)


class SameMemory(Good):
    fresh = True
    buffer = None

    def __call__(self, noisy):
        clean = super().__call__(noisy)
        if self.buffer is None or self.buffer.shape != clean.shape:
            self.buffer = np.empty_like(clean)
        self.buffer[:] = clean
        return self.buffer


class BoundToItsThread(Good):
    def __init__(self, options, job):
        super().__init__(options, job)
        self.thread = threading.get_ident()

    def __call__(self, noisy):
        if threading.get_ident() != self.thread:
            raise RuntimeError("no context")
        return super().__call__(noisy)


class ScaledByItsMaximum(Good):
    def __call__(self, noisy):
        return super().__call__(noisy) * np.float32(1 + 1e-3 * noisy.max())


class DividesByNoise(Good):
    def __call__(self, noisy):
        spread = noisy.std(axis=(1, 2), keepdims=True)
        return super().__call__(noisy / spread) * spread


class ClosesForAll(Good):
    closed = False

    def __call__(self, noisy):
        return super().__call__(noisy) * np.float32(1.001 if ClosesForAll.closed else 1)

    def close(self):
        ClosesForAll.closed = True


class FailsToClose(Good):
    def close(self):
        raise OSError("device busy")


class OfItsNumber(Good):
    made = 0

    def __init__(self, options, job):
        super().__init__(options, job)
        OfItsNumber.made += 1
        self.gain = np.float32(1 + 1e-4 * OfItsNumber.made)

    def __call__(self, noisy):
        return super().__call__(noisy) * self.gain


def in_place(self, noisy):
    noisy[:] = gaussian_filter(noisy, (0, 0.7, 0.7))
    return noisy.copy()


def spreads_nan(self, noisy):
    return gaussian_filter(noisy, (0, 0.7, 0.7)) + np.float32(0) * noisy.sum()


def shifts_by_slice(self, noisy):
    return gaussian_filter(noisy, (0, 0.7, 0.7)) + np.float32(1e-5) * noisy.mean(axis=(1, 2), keepdims=True)


BAD = {
    "cuts its edges": (of(lambda self, noisy: noisy[:, 1:-1, 1:-1]), r"shape and type: it made \(5, 46, 38\) of"),
    "keeps neighbours": (
        of(lambda self, noisy: noisy, neighbours=1),
        r"shape and type: it made \(7, 48, 40\) of .*, expected \(5, 48, 40\): the outer 1 on each side",
    ),
    "transposes": (of(lambda self, noisy: noisy.transpose(0, 2, 1)), r"shape and type: it made \(5, 40, 48\) of"),
    "doubles": (of(lambda self, noisy: noisy.astype(float)), "answered float64; slices are float32: end with .astype"),
    "lists": (of(lambda self, noisy: [*noisy]), "it answered list; return a numpy array"),
    "nan": (
        of(lambda self, noisy: noisy * np.float32(np.nan)),
        "made values that are not finite out of slices that are",
    ),
    "raises": (of(lambda self, noisy: noisy.no), "shape and type: it raised AttributeError: 'numpy.ndarray'"),
    "flips y": (of(lambda self, noisy: noisy[:, ::-1]), r"axes: its slices are upside down \(y reversed\)"),
    "flips x": (of(lambda self, noisy: noisy[:, :, ::-1]), r"axes: its slices are mirrored \(x reversed\)"),
    "turns": (of(lambda self, noisy: noisy[:, ::-1, ::-1]), "axes: its slices are turned by 180 degrees"),
    "reverses": (of(lambda self, noisy: noisy[::-1]), r"axes: its slices are in reverse order \(z reversed\)"),
    "first neighbour": (of(lambda self, noisy: noisy[:-2], neighbours=1), r"axes: its slices are one slice late \(z\)"),
    "last neighbour": (of(lambda self, noisy: noisy[2:], neighbours=1), r"axes: its slices are one slice early \(z\)"),
    "a pixel off": (
        of(lambda self, noisy: np.roll(noisy, 1, axis=2)),
        r"axes: its slices lie about [+-]0\.0 rows \(y\) and \+[01]\.\d columns \(x\) beside their place",
    ),
    "half a pixel off": (
        of(lambda self, noisy: (noisy + np.roll(noisy, 1, axis=1)) / np.float32(2)),
        r"axes: its slices lie about \+0\.[456] rows \(y\) and [+-]0\.0 columns \(x\) beside their place",
    ),
    "shows nothing": (of(lambda self, noisy: noisy * np.float32(0)), "axes: its slices do not show what they should"),
    "normalizes": (
        of(lambda self, noisy: gaussian_filter(noisy, (0, 1, 1)) / np.float32(0.02)),
        r"units: matter of 0\.0\d+ attenuation per pixel came out as (1|0\.99)\d* .*; give back the unit that came in",
    ),
    "a unit of its own": (
        of(lambda self, noisy: np.maximum(noisy - np.float32(0.0001), 0)),
        r"units: (matter|air) of .* attenuation per pixel came out as .*, and cut no values off",
    ),
    "divides by noise": (DividesByNoise, "slices of nothing: a slice of zeros, as there are above and below a sample"),
    "random": (
        of(lambda self, noisy: noisy + np.random.default_rng().normal(0, 1e-5, noisy.shape).astype(np.float32)),
        r"determinism: the same slices gave other answers the second time, up to .* seed random numbers anew",
    ),
    "counts": (Counted, "determinism: the same slices gave other answers the second time"),
    "remembers": (Remembers, "no memory of other slices: an answer was another one after other slices"),
    "of its number": (OfItsNumber, "a second one: another one, made with the same options, answers otherwise"),
    "in place": (of(in_place), r"input: what it was given was written into \(up to .* apart\); work on a"),
    "same memory": (SameMemory, "fresh: it says fresh = True, and writes the next answer over the last"),
    "bound to its thread": (BoundToItsThread, r"another thread: it failed in .* \(RuntimeError: no context\); make in"),
    "its own maximum": (ScaledByItsMaximum, r"chunks: slice \d comes out otherwise alone than among 5, up to"),
    "along z": (
        of(lambda self, noisy: gaussian_filter(noisy, 0.3)),
        "let it depend on nothing but itself, since how many come at once depends on the memory that is free",
    ),
    "axes of the filter": (
        of(lambda self, noisy: median_filter(noisy, (3, 3, 1))),
        r"(chunks: slice 0|axes: its slices)",
    ),
    "looks too far": (
        of(lambda self, noisy: noisy[1:-1] + np.float32(0.01) * (noisy.mean(axis=0) - noisy[1:-1]), neighbours=1),
        "let it depend on nothing but itself and its 1 neighbour on each side",
    ),
    "spreads nan": (of(spreads_nan), "NaN in a slice: one NaN in slice 2 changes slices that do not look at it"),
    "shifts": (
        of(shifts_by_slice),
        "larger and shifted slices: a part of a slice, 2 rows and 3 columns into it, gives",
    ),
    "leaks": (Leaks, r"memory that is left: each call leaves .* behind, of answers of 38 kB; keep no slices"),
    "leaks in C": (LeaksInC, r"memory that is left: each call leaves 1\.\d MB behind"),
    "all pairs": (AllPairs, r"memory that is taken: 2, 4 and 8 slices took .*: more than in proportion"),
    "closes for all": (ClosesForAll, "close: once another one was closed, this one answers otherwise"),
    "fails to close": (FailsToClose, "close: it raised OSError: device busy"),
    "no neighbours": (of(Good.__call__, neighbours=None), "create: `neighbours` is None; set it to how many slices"),
    "no call": (lambda options, job: type("Quiet", (), {"neighbours": 0})(), "which cannot be called; write __call__"),
    "cannot be made": (lambda options, job: 1 / 0, "create: it raised ZeroDivisionError: division by zero"),
}


@pytest.mark.parametrize("fault", BAD)
def test_what_is_wrong_is_told_with_what_was_got_and_how_to_mend_it(fault):
    ClosesForAll.closed = False
    create, told = BAD[fault]
    found = faults(create, kit={"reach": 8})
    assert any(re.search(told, one) for one in found), found


def test_what_is_refused_is_closed_all_the_same():
    closed = []

    class Bad(Good):
        def __call__(self, noisy):
            return noisy[:1]

        def close(self):
            closed.append(self)

    faults(Bad)
    assert len(closed) == 1


def test_all_faults_are_told_at_once():
    class Bad(Good):
        def __call__(self, noisy):
            clean = noisy[:, ::-1] * np.float32(2)
            return clean * np.float32(np.nan) if not noisy.any() else clean

    told = faults(Bad)
    assert [fault.split(":")[0] for fault in told] == ["axes", "slices of nothing", "units"]


def test_neighbours_that_change_nothing_are_noted():
    class Unused(Good):
        neighbours = 1

        def __call__(self, noisy):
            return super().__call__(noisy[1:-1])

    notes = check_denoiser(entry(Unused), shape=SMALL, reach=4).notes
    assert notes == ("its answer depends on no slice 1 away: fewer `neighbours` take less",)
    assert check_denoiser(entry(GoodWithNeighbours), shape=SMALL, reach=4).notes == ()


def test_a_rounding_that_the_author_states_is_allowed_and_no_more():
    class Rounds(Good):
        def __call__(self, noisy):
            return super().__call__(noisy) * np.float32(1 + 1e-6 * len(noisy))

    check_denoiser(entry(Rounds), shape=SMALL, rounding=1e-4)
    assert "chunks" in faults(Rounds, kit={"rounding": 1e-7})[0]


def test_units_that_the_author_states_are_allowed_and_no_more():
    class Loses(Good):
        def __call__(self, noisy):
            return super().__call__(noisy) * np.float32(0.9)

    check_denoiser(entry(Loses), shape=SMALL, units=0.11)
    assert "units" in faults(Loses, kit={"units": 0.09})[0]


class Loose:
    size: int = 3


def ill_named(self):
    if self.size < 1:
        raise ValueError("too small")


def ill_typed(self):
    if self.found > 3:
        raise ValueError("found: too large")


def with_rule(rule):
    @tomopy_edge.options
    class Ruled:
        size: int = 3
        found: int | None = None
        __post_init__ = rule

    return Ruled


@tomopy_edge.options
class Lossy:
    size: tuple | set = ()

    def __post_init__(self):
        object.__setattr__(self, "size", set(self.size) | {len(self.size)})


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"name": "two words"}, "entry: its name is 'two words'; a recipe names it by one word"),
        ({"summary": ""}, "entry: its summary is ''"),
        ({"settle": 3}, "entry: its `settle` is 3; it must be something to call"),
        (
            {"options": Loose},
            "entry: its options class Loose is not made by tomopy_edge.options; put @tomopy_edge.options",
        ),
        (
            {"options": with_rule(ill_named)},
            """options: {"size": -1} was refused with 'too small'; a rule in __post_init""",
        ),
        ({"options": with_rule(ill_typed)}, """options: {"size": -1} raised TypeError: '>' not supported between"""),
        ({"options": Lossy}, "options written and read again: "),
        ({"check": lambda options, catalogue: 1 / 0}, "check of the options: it raised ZeroDivisionError"),
        ({"settle": lambda options, sample, job: None}, "settle: it returned None; it must return a Options, such as"),
        ({"settle": lambda options, sample, job: sample.no}, "settle: it raised AttributeError"),
    ],
)
def test_an_entry_that_a_recipe_could_not_use_is_told(more, told):
    (fault,) = faults(**more)
    assert told in fault


def settles(found):
    """A `settle` that sets the option `found`, whatever it was before."""
    return lambda options, sample, job: dataclasses.replace(options, found=found(options, sample))


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (lambda options, sample: float(sample.slices.mean()), "settled options were changed by settling them again"),
        (lambda options, sample: (options.found or 0.0) + 1, "settled options were changed by settling them again"),
        (
            lambda options, sample: np.random.default_rng().uniform(),
            "settle: of the same sample slices it made Options(",
        ),
        (
            lambda options, sample: options.found or np.float32(1 / 3),
            "cannot be written (Unable to serialize unknown type: ",
        ),
        (lambda options, sample: options.found or sample.slices[0, 0, 0] * 0 + "1", "settle: it raised"),
    ],
)
def test_a_settle_that_leaves_anything_open_is_told(found, told):
    (fault,) = faults(settle=settles(found))
    assert told in fault


def test_a_settle_that_finds_once_and_keeps_it_is_held_good():
    found = settles(lambda options, sample: float(sample.slices.max()) if options.found is None else options.found)
    assert "settle" in check_denoiser(entry(settle=found), shape=SMALL).checks


def test_options_are_read_as_a_recipe_reads_them():
    with pytest.raises(
        RecipeError, match=r"options of mine: 1 fault\n  - denoise.options.sise: no such option; did you"
    ):
        check_denoiser(entry(), {"sise": 3})
    with pytest.raises(RecipeError, match="size: must be at least 1 pixel, got 0"):
        check_denoiser(entry(), {"size": 0})


def test_a_name_that_is_not_installed_is_told_with_those_that_are():
    with pytest.raises(PluginError, match="no denoiser is named 'nome'; did you mean 'none'"):
        check_denoiser("nome")
    with pytest.raises(TypeError, match="expected a DenoiserEntry, or the name of one that is installed, got 3"):
        check_denoiser(3)


def test_what_a_machine_lacks_is_told_in_the_plugins_own_words():
    def refuse(options, catalogue):
        raise DataError("no licence here")

    with pytest.raises(RecipeError, match=r"denoise\.options: no licence here"):
        check_denoiser(entry(check=refuse))

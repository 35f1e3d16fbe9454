"""The kit for runtimes: those that work here hold it, and each fault that a plugin may have is found and told."""

import numpy as np
import pytest

from tomopy_edge import Backend, BackendEntry, Ends, Placement, Probe
from tomopy_edge.errors import BackendError, ModelError, PluginError, RecipeError
from tomopy_edge.networks.litert import ENTRY as LITERT
from tomopy_edge.networks.onnxruntime import ENTRY as ONNXRUNTIME
from tomopy_edge.networks.probing import probed
from tomopy_edge.plugins import load_catalogue
from tomopy_edge.testing import ConformanceError, check_backend

SMALL = {"precision": "int8"}


def here():
    return [name for name, entry in load_catalogue(installed=False).backends.items() if probed(entry).works]


@pytest.mark.parametrize("name", here())
def test_each_runtime_that_works_here_holds_it(name, capsys):
    checks = set(check_backend(name).checks)
    assert {"probe", "chunks", "threads", "closed", "a damaged file", "a device that is not there"} <= checks
    assert any(check.startswith("answers (") for check in checks)
    assert "ms and " in capsys.readouterr().out


class Wrapped(Backend):
    """LiteRT, through which faults are put into the answers."""

    def __init__(self, path, placement):
        self._inner = LITERT.open(path, placement)
        super().__init__(self.ends_of(self._inner.ends), "Wrapped 1.0")

    def ends_of(self, ends):
        return ends

    def _run(self, batch):
        return self.change(self._inner.infer(self.given(batch)))

    def given(self, batch):
        return batch

    def change(self, answer):
        return answer

    def _free(self):
        self._inner.close()


def works():
    return Probe(works=True, told="it works")


def entry(opens=Wrapped, **more):
    given = {"name": "mine", "summary": "Mine", "reads": "tflite", "open": opens, "probe": works}
    return BackendEntry(**given | more)


def faults(backend, options=None, **kit):
    with pytest.raises(ConformanceError) as caught:
        check_backend(backend, SMALL if options is None else options, **kit)
    assert str(caught.value).startswith("runtime mine: ")
    return caught.value.faults


def of(**methods):
    return entry(type("Bad", (Wrapped,), methods))


class Counts(Wrapped):
    calls = 0

    def change(self, answer):
        self.calls += 1
        answer[0, 0, 0] = self.calls % 128
        return answer


class Leaks(Wrapped):
    kept = ()

    def change(self, answer):
        self.kept = (*self.kept, answer.copy())
        return answer


class NeverCloses(Wrapped):
    def close(self):
        pass


class Nameless(Wrapped):
    def __init__(self, path, placement):
        super().__init__(path, placement)
        self.told = ""


class AnswersInItsOwnWay(Wrapped):
    """Overrides what the base class sees to."""

    buffer = None

    def infer(self, tiles):
        answer = super().infer(tiles)
        if self.buffer is None or self.buffer.shape != answer.shape:
            self.buffer = np.empty_like(answer)
        self.buffer[:] = answer
        return self.buffer


def raises(path, placement):
    if "damaged" in path.name:
        raise ValueError("bad magic")
    return Wrapped(path, placement)


def any_device(path, placement):
    return Wrapped(path, Placement(placement.threads, None, placement.tile))


def anything(path, placement):
    if "damaged" in path.name:
        return Wrapped(GOOD[0], placement)
    GOOD.append(path)
    return Wrapped(path, placement)


GOOD = []

BAD = {
    "upside down": (
        of(change=lambda self, answer: answer[:, ::-1]),
        "answers (int8): compared with LiteRT its answers",
    ),
    "transposed": (
        of(change=lambda self, answer: answer.transpose(0, 2, 1)),
        "compared with LiteRT its answers are up",
    ),
    "channels": (of(given=lambda self, batch: batch[..., ::-1].copy()), "check channels, layout (tile, y, x, channel)"),
    "two codes off": (of(change=lambda self, answer: answer // 2 * 2 + np.int8(2)), "and scales"),
    "other scale": (
        of(ends_of=lambda self, ends: Ends(ends.shape, ends.output_params, ends.input_params, ends.io)),
        "its codes stand for other numbers: it has",
    ),
    "no scale": (
        of(ends_of=lambda self, ends: Ends(ends.shape, None, None, ends.io)),
        "its ends are int8 codes without their scale and zero point; give both to Ends(...)",
    ),
    "floats": (
        of(change=lambda self, answer: answer.astype(np.float32)),
        "BackendError: Wrapped 1.0: expected an answer of",
    ),
    "counts": (entry(Counts), "determinism: the same tiles gave other answers the second time"),
    "leaks": (entry(Leaks), "memory that is left: each call leaves"),
    "never closes": (entry(NeverCloses), "closed: it answers though it is closed; leave `infer` and `close`"),
    "buffer": (entry(AnswersInItsOwnWay), "fresh: it says fresh = True, and writes the next answer over the last"),
    "says nothing": (entry(Nameless), "open (int8): `told` is empty; say what runs the network"),
    "another class": (entry(lambda path, placement: path), "derive its class from tomopy_edge.Backend"),
    "raises": (entry(raises), "a damaged file: a damaged file raised ValueError (bad magic); raise a ModelError"),
    "takes anything": (entry(anything), "a damaged file: a damaged file was accepted; raise a ModelError that names"),
    "any device": (entry(any_device), "a device that is not there: the device 'no-such-device:99' was accepted; call"),
    "no kind": (entry(reads="tflight"), "entry: it reads 'tflight', which is no kind of file; did you mean 'tflite'?"),
    "no probe": (entry(probe=lambda: True), "probe: it answered True; return a tomopy_edge.Probe(works=..., told=...)"),
    "quiet probe": (entry(probe=lambda: Probe(works=True, told="")), "probe: `told` is empty; say in a sentence"),
    "probe raises": (entry(probe=lambda: 1 / 0), "probe: it raised ZeroDivisionError"),
    "hidden probe": (
        entry(probe=lambda: Probe(works=True, told="hidden"), risky=True),
        "entry: it is risky, and its probe is not found by its name in a child process; make it a function at the top",
    ),
}


@pytest.mark.parametrize("fault", BAD)
def test_what_is_wrong_is_told_with_what_was_got_and_how_to_mend_it(fault):
    backend, told = BAD[fault]
    found = faults(backend)
    assert any(told in one for one in found), found


def told_apart(answer, by):
    return answer + np.float32(by) * np.ptp(answer) * np.sign(np.sin(np.arange(answer.size)).reshape(answer.shape))


def test_a_runtime_that_computes_in_less_says_how_much_and_is_allowed_no_more():
    coarse = of(change=lambda self, answer: told_apart(answer, 1e-3).astype(np.float32))
    assert "of their range off (allowed: 0.0001)" in faults(coarse, {"precision": "float"})[0]
    assert "of their range off (allowed: 0.0005)" in faults(coarse, {"precision": "float"}, within=5e-4)[0]
    assert check_backend(coarse, {"precision": "float"}, within=2e-3).subject == "runtime mine"


def test_alike_allows_no_other_tolerance():
    assert "it says alike=True, which is within 0.0001" in faults(entry(alike=True), within=1e-3)[0]


def test_networks_of_int8_with_ends_of_float_are_held_to_what_codes_lose():
    pytest.importorskip("onnxruntime")

    class Off(Backend):
        def __init__(self, path, placement):
            self._inner = ONNXRUNTIME.open(path, placement)
            super().__init__(self._inner.ends, "Off")

        def _run(self, batch):
            return told_apart(self._inner.infer(batch), 0.1).astype(np.float32)

        def _free(self):
            self._inner.close()

    (fault,) = faults(entry(Off, reads="onnx"))
    assert "from those of float32 (allowed: " in fault


def test_what_does_not_work_here_is_no_fault_of_the_plugin():
    with pytest.raises(BackendError, match="runtime mine: there is no such board; plug it in"):
        check_backend(entry(probe=lambda: Probe(works=False, told="there is no such board; plug it in")))


def test_options_are_read_as_a_recipe_reads_them():
    with pytest.raises(RecipeError, match="precison: no such option; did you mean 'precision'"):
        check_backend("litert", {"precison": "int8"})
    with pytest.raises(RecipeError, match="runtime: is what is checked; leave it out"):
        check_backend("litert", {"runtime": "openvino"})
    with pytest.raises(ModelError, match=r"holds no such network for runtime litert, but .*int8 64"):
        check_backend("litert", {"tile": 63, "precision": "int8"})
    with pytest.raises(ModelError, match=r"holds nothing that runtime mine reads \(edgetpu\)"):
        check_backend(entry(reads="edgetpu"))
    with pytest.raises(PluginError, match="no runtime is named 'lite'"):
        check_backend("lite")


def test_the_device_that_is_named_is_opened():
    asked = []

    def opens(path, placement):
        asked.append(placement.device)
        placement.devices("mine", ("usb:0", "usb:1"))
        return Wrapped(path, Placement(placement.threads, None, placement.tile))

    def probe():
        return Probe(works=True, told="two sticks", devices=("usb:0", "usb:1"))

    check_backend(entry(opens, probe=probe), {"device": "usb:1", **SMALL})
    assert set(asked) == {"usb:1", "no-such-device:99"}
    with pytest.raises(BackendError, match="has no device 'usb:2'"):
        check_backend(entry(opens, probe=probe), {"device": "usb:2", **SMALL})

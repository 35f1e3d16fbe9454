"""Whether a runtime holds what its base class cannot hold for it, tried on networks of a model."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomopy_edge.backend import Backend, Placement, Probe
from tomopy_edge.catalogue import READS
from tomopy_edge.denoisers.tomogan import NetworkOptions
from tomopy_edge.errors import BackendError, EdgeError, ModelError, RecipeError, did_you_mean
from tomopy_edge.hookspecs import BackendEntry
from tomopy_edge.networks.agreement import FLOAT, reference_tiles
from tomopy_edge.networks.manifest import NetworkSet, open_model
from tomopy_edge.networks.network_file import NetworkFile
from tomopy_edge.networks.probing import by_name, probed
from tomopy_edge.networks.runtimes import fault_of, files_for
from tomopy_edge.strict import StrictError, read_strictly
from tomopy_edge.testing.answers import check_answers
from tomopy_edge.testing.contract import (
    Opened,
    Subject,
    check_alone,
    check_close,
    check_memory_of_arrays,
    check_needs,
    check_repeats,
    differ,
    given_back,
    told_bytes,
)
from tomopy_edge.testing.findings import Conformance, Findings, Unfit
from tomopy_edge.testing.offers import check_entry, offer_of

MODEL = "tomogan-compact"
"""Has the smallest networks of those that are shipped, in all that runtimes read."""

NOWHERE = "no-such-device:99"
"""A device that no runtime has."""


def check_backend(
    entry: BackendEntry | str, options: Mapping[str, Any] | None = None, *, within: float = FLOAT, ncore: int = 1
) -> Conformance:
    """Check that a runtime answers as LiteRT does, and holds all that a run relies on.

    It is tried on the smallest file of each precision that it reads. It prints the milliseconds and the memory that a
    tile takes.

    Parameters
    ----------
    entry : of the runtime, or the name of one that is installed
    options : what a recipe says of the network: `model`, the shipped "tomogan-compact" where none is named,
        `precision`, `device`; read just as strictly
    within : how far answers of float32 may be from LiteRT's, root mean square, as a share of their range; runtimes that
        compute in less than float32 need more than the default, and may not say `alike`
    ncore : threads that it may use

    Raises
    ------
    ConformanceError : with every fault, each with what was got and how to mend it
    BackendError : where the runtime does not work on this machine
    ModelError : where the model holds nothing that it reads
    PluginError : where no runtime of that name is installed
    RecipeError : where the options are wrong
    """
    __tracebackhide__ = True
    offer = offer_of(entry, BackendEntry, "backends", "runtime")
    found = Findings(f"runtime {offer.entry.name}")
    check_entry(offer.entry, found)
    chosen = _options(offer.entry, options)
    _check_offer(offer.entry, within, found)
    _check_probe(offer.entry, found)
    return _tried(offer.entry, chosen, within, ncore, found)


def _tried(entry: BackendEntry, chosen: NetworkOptions, within: float, ncore: int, found: Findings) -> Conformance:
    if fault := fault_of(entry, chosen.device):
        raise BackendError(fault)
    model = open_model(chosen.model)
    networks = model.manifest.denoise
    told, slowest, peak = [], 0.0, 0
    for file in _smallest(entry, networks, chosen):
        path = model.path(file.file, file.sha256)
        placement = Placement(ncore, chosen.device, file.tile if entry.whole else None)
        opens = partial(_opened, entry, path, placement, file.precision)
        with found.check(f"open ({file.precision})"):
            backend = opens()
        found.stop_at_faults()
        with given_back(backend.close):
            check_answers(backend, model, file, within, found)
            found.stop_at_faults()
            milliseconds, taken = _check_use(backend, opens, found)
            found.stop_at_faults()
        told.append(f"{file.precision} {milliseconds:.3g} ms and {told_bytes(taken)} a tile of {file.tile} pixels")
        slowest, peak = max(slowest, milliseconds), max(peak, taken)
        _check_bad_files(entry, path, placement, found)
    return found.end(slowest, peak, f"{'; '.join(told)} ({backend.told})")


def _options(entry: BackendEntry, options: Mapping[str, Any] | None) -> NetworkOptions:
    raw = {"model": MODEL, **dict(options or {})}
    source = f"options of {entry.name}"
    if "runtime" in raw:
        raise RecipeError(source, ["runtime: is what is checked; leave it out"])
    try:
        return read_strictly(NetworkOptions, {**raw, "runtime": entry.name})
    except StrictError as error:
        raise RecipeError(source, error.faults) from None


def _check_offer(entry: BackendEntry, within: float, found: Findings) -> None:
    with found.check("entry"):
        if entry.reads not in READS:
            near = did_you_mean(str(entry.reads), READS)
            raise Unfit(f"it reads {entry.reads!r}, which is no kind of file{near} (there are: {', '.join(READS)})")
        if entry.risky and not by_name(entry):
            raise Unfit(
                "it is risky, and its probe is not found by its name in a child process; make it a function at the "
                "top of a module"
            )
        if entry.alike and within > FLOAT:
            raise Unfit(f"it says alike=True, which is within {FLOAT:g}; got within={within:g}")
    found.stop_at_faults()


def _check_probe(entry: BackendEntry, found: Findings) -> None:
    # One that may end the process is tried in a child alone.
    with found.check("probe"):
        probe: Any = probed(entry) if entry.risky else entry.probe()
        if not isinstance(probe, Probe):
            raise Unfit(f"it answered {probe!r}; return a tomopy_edge.Probe(works=..., told=...)")
        if not probe.told:
            raise Unfit("`told` is empty; say in a sentence what works, or why it does not and how to mend that")
    found.stop_at_faults()


def _smallest(entry: BackendEntry, networks: NetworkSet, chosen: NetworkOptions) -> Iterator[NetworkFile]:
    """Yield the smallest file of each precision that a runtime reads, or of the one that is named."""
    files = files_for(entry, networks)
    wanted = [chosen.precision] if chosen.precision else list(dict.fromkeys(file.precision for file in files))
    for precision in wanted:
        fitting = [file for file in files if file.precision == precision and chosen.tile in {None, file.tile}]
        if not fitting:
            held = ", ".join(f"{file.precision} {file.tile}" for file in files) or "nothing"
            raise ModelError(f"model {chosen.model!r}: holds no such network for runtime {entry.name}, but {held}")
        yield min(fitting, key=lambda file: file.tile)
    if not wanted:
        raise ModelError(f"model {chosen.model!r}: holds nothing that runtime {entry.name} reads ({entry.reads})")


def _opened(entry: BackendEntry, path: Path, placement: Placement, precision: str) -> Backend:
    backend: Any = entry.open(path, placement)
    if not isinstance(backend, Backend):
        raise Unfit(f"it opened {backend!r}; derive its class from tomopy_edge.Backend")
    if not backend.told:
        raise Unfit("`told` is empty; say what runs the network, such as 'Sketch 1.0 on 2 threads'")
    kind = "float32" if precision == "float" else "int8"
    if backend.ends.kind is np.int8 and (backend.ends.input_params is None or backend.ends.output_params is None):
        raise Unfit(f"its ends are {kind} codes without their scale and zero point; give both to Ends(...)")
    return backend


def _check_use(backend: Backend, opens: Callable[[], Backend], found: Findings) -> tuple[float, int]:
    """Check what a run does with a network; return the milliseconds and the bytes that tiles take."""
    tiles = _tiles(backend, 0)
    subject = Subject(lambda: _as_opened(opens()), tiles, _tiles(backend, 1), unit="codes or units", thing="tile")
    opened = _as_opened(backend)
    right = check_repeats(subject, opened, found)
    check_memory_of_arrays(subject, opened, found)
    check_alone(subject, opened, right, found)
    with found.check("no tiles"):
        if (none := backend.infer(tiles[:0])).shape != (0, *tiles.shape[1:3]):
            raise Unfit(f"no tiles gave {none.shape}; leave `infer` to the base class")
    with found.check("threads"):
        given: list[NDArray[Any] | None] = [None] * 3

        def ask(number: int) -> None:
            given[number] = backend.infer(tiles)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(given))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if any(got is None or differ(right, got) for got in given):
            raise Unfit("threads that share a network do not get the answers that they would get alone")
    needs = check_needs(subject, opened, found)
    check_close(subject, opened, right, found)
    with found.check("closed"):
        backend.close()
        try:
            backend.infer(tiles)
        except RuntimeError:
            pass
        else:
            raise Unfit("it answers though it is closed; leave `infer` and `close` to the base class")
    return needs


def _tiles(backend: Backend, seed: int) -> NDArray[Any]:
    """Return three tiles as a network takes them, no two alike."""
    ends = backend.ends
    tiles = reference_tiles(ends)[:1].repeat(3, axis=0)
    noise = np.random.default_rng(seed).integers(-9, 10, tiles.shape)
    if ends.kind is np.int8:
        return (tiles.astype(np.int16) + noise).clip(-128, 127).astype(np.int8)
    return (tiles + noise / np.float32(40)).astype(np.float32)


def _as_opened(backend: Backend) -> Opened:
    return Opened(backend.infer, backend.close, fresh=True)


def _check_bad_files(entry: BackendEntry, path: Path, placement: Placement, found: Findings) -> None:
    """Check that files and devices that are none are refused in a sentence."""
    with tempfile.TemporaryDirectory() as folder:
        damaged = Path(folder) / f"damaged{path.suffix}"
        damaged.write_bytes(b"no network at all, whatever its name says")
        gone = Path(folder) / f"gone{path.suffix}"
        for what, file, wanted in (("a damaged file", damaged, ModelError), ("a file that is gone", gone, ModelError)):
            with found.check(what):
                _expect(entry, file, placement, wanted, what, "raise a ModelError that names the file")
    with found.check("a device that is not there"):
        nowhere = Placement(placement.threads, NOWHERE, placement.tile)
        mend = f"call placement.devices({entry.name!r}, there), which refuses it"
        _expect(entry, path, nowhere, BackendError, f"the device {NOWHERE!r}", mend)
    found.stop_at_faults()


def _expect(
    entry: BackendEntry, file: Path, placement: Placement, wanted: type[EdgeError], what: str, mend: str
) -> None:
    try:
        opened = entry.open(file, placement)
    except EdgeError as error:
        if not isinstance(error, wanted):
            raise Unfit(f"{what} raised {type(error).__name__} ({error}); {mend}") from error
    except Exception as error:
        raise Unfit(f"{what} raised {type(error).__name__} ({error}); {mend}") from error
    else:
        opened.close()
        raise Unfit(f"{what} was accepted; {mend}")

"""The hooks a plugin implements, and the entries it answers with.

Each hook is called once, to ask what there is; no hook runs inside a loop over slices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import pluggy

from tomopy_edge.backend import Backend, Placement, Probe
from tomopy_edge.data import Float32, Sinograms, Volume
from tomopy_edge.job import Job

hookspec = pluggy.HookspecMarker("tomopy_edge")
hookimpl = pluggy.HookimplMarker("tomopy_edge")
"""Marks a plugin's functions: `from tomopy_edge import hookimpl`."""


@runtime_checkable
class Denoiser(Protocol):
    """Turns noisy slices into clean ones. All that a denoising plugin has to write.

    Further attributes are used where a denoiser has them: `close()`, called at the end of the run, and `unit`, the
    attenuation per pixel that its network sees as 1, and `precision`, what that computes in, both for a Fine-Tune
    network after it. Its answers are copied, as it may use their memory again, unless it says that it does not, with
    `fresh = True`.
    """

    neighbours: int
    """How many slices on each side of a slice it looks at; 0 for one that works slice by slice."""

    def __call__(self, noisy: Float32) -> Float32:
        """Denoise adjacent slices.

        Parameters
        ----------
        noisy : (z + 2 * neighbours, y, x), attenuation per pixel; at the ends of the volume the edge slice is repeated

        Returns
        -------
        (z, y, x), attenuation per pixel
        """
        ...


Reconstructor = Callable[[Sinograms], Volume]
"""Turns sinograms with a known centre into slices, attenuation per pixel. Its `close()`, where it has one, is called at
the end of the run. Its slices are copied unless it has `fresh = True`, as a `Denoiser`'s are. Where a slice depends on
those that are made with it, as in pairs, it has the attribute `together`, how many those are: the rows 0 and 1, 2 and 3
are then always reconstructed together."""


def keep(options: Any, sample: Any, job: Job) -> Any:  # noqa: ARG001 - the form that every `settle` has
    """Return `options` as they are: there was nothing to find."""
    return options


def accept(options: Any, catalogue: Any) -> None:
    """Accept `options`: they name nothing that could be missing."""


@dataclass(frozen=True)
class DenoiserEntry:
    """A denoiser on offer.

    Attributes
    ----------
    name : what a recipe says to choose it, such as "median"
    summary : one line for `tomopy-edge plugins`
    options : the `@options` class that its recipe block is read into
    create : makes the denoiser from its options; import anything heavy in here, not at the top of the plugin
    settle : returns the options with everything left open found on sample slices (a `Volume`), once for each scan
    check : raises an `EdgeError` where the options name what is not there, such as a model; called with them and the
        catalogue before any data is read
    """

    name: str
    summary: str
    options: type[Any]
    create: Callable[[Any, Job], Denoiser]
    settle: Callable[[Any, Volume, Job], Any] = keep
    check: Callable[[Any, Any], None] = accept


@dataclass(frozen=True)
class ReconstructorEntry:
    """A reconstruction algorithm on offer.

    Attributes
    ----------
    name : what a recipe says to choose it, such as "fbp"
    summary : one line for `tomopy-edge plugins`
    options : the `@options` class that its recipe block is read into
    create : makes the reconstructor from its options; called once for each run
    check : as for `DenoiserEntry`
    """

    name: str
    summary: str
    options: type[Any]
    create: Callable[[Any, Job], Reconstructor]
    check: Callable[[Any, Any], None] = accept


@dataclass(frozen=True)
class BackendEntry:
    """A runtime on offer: something that runs networks, on the CPU or on a device.

    Attributes
    ----------
    name : what a recipe says to choose it, as `runtime`, such as "litert"
    summary : one line for `tomopy-edge plugins`
    reads : which files of a model it runs: "tflite", those compiled for the "edgetpu", or "onnx"
    open : opens a network file; import anything heavy in here. It may raise a `ModelError` where the file is at fault,
        and a `BackendError` where the machine is
    probe : tells whether the runtime works on this machine and what it runs on; raises nothing
    alike : whether its answers are those of LiteRT but for the rounding of single codes: only then may "auto" take it
    whole : whether it takes whole slices: files are opened for one tile as large as the slice
    risky : whether trying it may end the process; it is then probed in a child process
    precisions : which networks of a model it runs; None runs all
    """

    name: str
    summary: str
    reads: Literal["tflite", "edgetpu", "onnx"]
    open: Callable[[Path, Placement], Backend]
    probe: Callable[[], Probe]
    alike: bool = False
    whole: bool = False
    risky: bool = False
    precisions: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Step:
    """A stage that is open and ready for chunks.

    It stays open for rows that lie apart, in any order, as on a worker of a cluster: `apply` must remember no chunk.

    Attributes
    ----------
    apply : takes one chunk and returns the next stage's chunk
    neighbours : how many slices on each side the chunks need; the pipeline adds them, `apply` returns without them
    together : rows that are made as one, from a multiple of this on: its chunks begin and end there, or with the scan
    witness : is shown the name of each earlier stage and the chunk it made, in that stage's thread, as soon as it is
        made; it must keep no more than it needs, and raise nothing
    """

    apply: Callable[[Any], Any]
    neighbours: int = 0
    together: int = 1
    witness: Callable[[str, Any], None] | None = None


@dataclass(frozen=True)
class Choice:
    """A stage that runs one of several things by name.

    Attributes
    ----------
    option : the option that holds the name; the option `options` holds the chosen thing's own options
    kind : what is chosen, in words
    offers : which part of the catalogue is chosen from
    """

    option: str
    kind: str
    offers: Literal["reconstructors", "denoisers"]


@dataclass(frozen=True)
class StageEntry:
    """A stage on offer.

    Attributes
    ----------
    name : what a recipe says to run it, such as "remove_stripes"
    summary : one line for `tomopy-edge plugins`
    options : the `@options` class that its recipe block is read into
    takes, gives : what it turns into what: `Scan`, `Transmission`, `Sinograms` or `Volume`
    open : makes it ready for one run, as a context that closes what was opened; see `each_chunk`
    settle : returns the options with everything left open found on sample rows (of type `takes`), once for each scan
    choice : set where the stage runs one of several things by name
    check : as for `DenoiserEntry`
    """

    name: str
    summary: str
    options: type[Any]
    takes: type[Any]
    gives: type[Any]
    open: Callable[[Any, Job], AbstractContextManager[Step]]
    settle: Callable[[Any, Any, Job], Any] = keep
    choice: Choice | None = None
    check: Callable[[Any, Any], None] = accept


@dataclass(frozen=True)
class OpenStage:
    """A stage of the run, as a later one finds it in `Job.before`.

    Attributes
    ----------
    entry, options, step : the stage, its settled options, and it, open
    """

    entry: StageEntry
    options: Any
    step: Step


def each_chunk(function: Callable[[Any, Any, Job], Any]) -> Callable[[Any, Job], AbstractContextManager[Step]]:
    """Return the `open` of a stage that keeps nothing between chunks: `function(chunk, options, job)`."""

    @contextmanager
    def opened(options: Any, job: Job) -> Iterator[Step]:
        yield Step(lambda chunk: function(chunk, options, job))

    return opened


@hookspec
def tomopy_edge_stages() -> Iterable[StageEntry]:
    """Offer stages that a recipe can name.

    Example
    -------
    ::

        def smooth(volume, options, job):
            blurred = gaussian_filter(volume.slices, (0, options.sigma, options.sigma))
            return dataclasses.replace(volume, slices=blurred)

        @hookimpl
        def tomopy_edge_stages():
            yield StageEntry("smooth", "Gaussian blur", SmoothOptions, Volume, Volume, each_chunk(smooth))
    """
    return ()


@hookspec
def tomopy_edge_reconstructors() -> Iterable[ReconstructorEntry]:
    """Offer reconstruction algorithms for the stage `reconstruct`.

    Example
    -------
    ::

        @hookimpl
        def tomopy_edge_reconstructors():
            yield ReconstructorEntry("sirt", "SIRT on the GPU", SirtOptions, create_sirt)
    """
    return ()


@hookspec
def tomopy_edge_denoisers() -> Iterable[DenoiserEntry]:
    """Offer denoisers for the stage `denoise`.

    Example
    -------
    ::

        @hookimpl
        def tomopy_edge_denoisers():
            yield DenoiserEntry("median", "Median of each neighbourhood", MedianOptions, create_median)
    """
    return ()


@hookspec
def tomopy_edge_backends() -> Iterable[BackendEntry]:
    """Offer runtimes that networks can be run on.

    Example
    -------
    ::

        class Sketch(Backend):
            def __init__(self, path, placement):
                self._session = sketch.load(path)
                super().__init__(Ends((1, 256, 256, 3)), "Sketch 1.0")

            def _run(self, batch):
                return self._session(batch)

            def _free(self):
                self._session.unload()

        @hookimpl
        def tomopy_edge_backends():
            yield BackendEntry("sketch", "The Sketch accelerator", "onnx", Sketch, probe_sketch)
    """
    return ()

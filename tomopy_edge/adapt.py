"""From a shipped model and one scan to a model for that scan: pairs, training, export, and an honest judgement."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tomopy_edge.errors import EdgeError, ModelError, OutputError
from tomopy_edge.job import Job, Tally
from tomopy_edge.networks.manifest import Model, open_model
from tomopy_edge.networks.network_file import Precision
from tomopy_edge.recipe import Recipe
from tomopy_edge.training.adaptation import AdaptOptions, check_tiles, export_adapted, train_further
from tomopy_edge.training.held_out_views import Distance, distance
from tomopy_edge.training.noise2inverse import HalvesOptions, write_halves

EXPORT_ONLY = ("tiles", "aware_minutes")
"""What matters after the training alone, and so may change where one is resumed."""


@dataclass(frozen=True)
class Adapted:
    """What became of a model.

    Attributes
    ----------
    before, after : precision -> how near the model comes to the held-out views; what recipes run, the network that the
        model advises, comes last
    folder : the new model, or None where it was not kept
    """

    before: dict[str, Distance]
    after: dict[str, Distance]
    folder: Path | None

    @property
    def gained(self) -> float:
        """By how many dB what recipes run comes nearer to the held-out views than it did before."""
        before, after = ([*distances.values()][-1] for distances in (self.before, self.after))
        return after.gain - before.gain

    @property
    def better(self) -> bool:
        """Whether what recipes run comes nearer to the held-out views than it did before."""
        return self.gained > 0


def adapt(
    scan: Path,
    folder: Path,
    chosen: AdaptOptions,
    *,
    recipe: Recipe,
    job: Job,
    command: str = "",
    keep: bool = False,
    resume: bool = False,
) -> Adapted:
    """Adapt a model to a scan by what the scan's own views say of each other, and write it as a model folder.

    The views are dealt into parts; one is held out, and the network learns each of the rest from the others
    (`training.noise2inverse`). Old and new model are judged by the held-out part: what does not come nearer to it is
    not kept. All work goes on in `<folder>.adapting`, which is removed at the end; an interrupted run leaves it, to
    be resumed.

    Parameters
    ----------
    scan : the scan file
    folder : model folder to make
    chosen : how
    recipe : rows and views to learn from, the stages up to sinograms, and the options of FBP; see
        `training.view_parts.ViewParts`
    job : threads, and where notes go
    command : what the manifest says made the model
    keep : whether the model is kept though it is no better
    resume : go on with what an interrupted run left

    Raises
    ------
    OutputError : where `folder` exists, or there is nothing to resume, or what there is was begun otherwise
    ModelError : where the model to start from is not there, holds no network that can be trained, or one that the
        sizes of the tiles do not suit
    DataError : where the scan has too few views
    """
    model = open_model(chosen.model)
    start = _trained(model)
    check_tiles(start, chosen)
    if folder.exists():
        raise OutputError(f"{folder}: exists; choose another folder for the model, or remove it")
    work = folder.with_name(f"{folder.name}.adapting")
    _begin(work, scan, chosen, recipe, resume=resume)
    pairs = work / "pairs.h5"
    if not pairs.exists():
        halves = HalvesOptions(
            parts=chosen.parts, slices=chosen.slices, channels=model.manifest.denoise.channels, seed=chosen.seed
        )
        try:
            write_halves(scan, pairs, halves, recipe=recipe, job=job)
        except EdgeError:
            # Nothing was made that a second try could go on from.
            shutil.rmtree(work)
            raise
    before = _distances(model, pairs, job)
    network = train_further(start, pairs, work, chosen)
    about = f"{model.manifest.name} adapted to {scan.name}"
    made = export_adapted(network, pairs, work / folder.name, chosen, model=model, about=about, command=command)
    adapted = Adapted(before, _distances(made, pairs, job), folder)
    if adapted.better or keep:
        made.folder.rename(folder)
    else:
        adapted = Adapted(adapted.before, adapted.after, None)
    shutil.rmtree(work)
    return adapted


def _trained(model: Model) -> Path:
    """Return the .keras file of the model's denoiser."""
    file = f"{model.manifest.name}.keras"
    if file not in model.manifest.files:
        raise ModelError(f"{model.folder}: its manifest names no {file}, and a .tflite network cannot be trained on")
    return model.path(file, model.manifest.files[file])


def _begin(work: Path, scan: Path, chosen: AdaptOptions, recipe: Recipe, *, resume: bool) -> None:
    """Make the folder to work in, or find it as the same run left it."""
    asked = json.loads(json.dumps({"scan": str(scan.absolute()), **asdict(chosen), "recipe": recipe.to_plain()}))
    note = work / "asked.json"
    if not resume:
        if work.exists():
            raise OutputError(f"{work}: an interrupted run left it; go on with --resume, or remove it")
        work.mkdir(parents=True)
        note.write_text(json.dumps(asked, indent=2), encoding="utf-8")
        return
    try:
        begun = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise OutputError(f"{work}: holds nothing to resume; run without --resume") from None
    changed = [name for name, value in asked.items() if name not in EXPORT_ONLY and begun.get(name) != value]
    if changed:
        raise OutputError(
            f"{work}: was begun with another {' and another '.join(changed)}; resume with the same, or remove it"
        )
    note.write_text(json.dumps(asked, indent=2), encoding="utf-8")


def _distances(model: Model, pairs: Path, job: Job) -> dict[str, Distance]:
    networks = model.manifest.denoise
    judged: list[Precision] = [name for name in networks.held if name == "float" != networks.usual]
    # What the judged networks note and count is no news of this run.
    quiet = replace(job, tally=Tally())
    return {name: distance(model, pairs, name, quiet) for name in (*judged, networks.usual)}

"""The tables of an evaluation, and what every measure in them means, in words."""

from __future__ import annotations

from collections.abc import Sequence

from tomopy_edge.evaluation.cases import DOSES
from tomopy_edge.evaluation.features import DEFINITION as CONTRAST
from tomopy_edge.evaluation.features import KINDS
from tomopy_edge.evaluation.judge import Evaluation
from tomopy_edge.evaluation.measures import DEFINITIONS, TO_INPUT
from tomopy_edge.evaluation.methods import ORACLE_WEIGHTS
from tomopy_edge.evaluation.spectrum import BANDS
from tomopy_edge.evaluation.spectrum import DEFINITION as POWER
from tomopy_edge.evaluation.summary import Summary, summarise
from tomopy_edge.text_table import aligned


def lines(evaluation: Evaluation) -> list[str]:
    """Return the tables, what their numbers mean, and what was noted."""
    told = [summarise(evaluation, method) for method in evaluation.methods]
    return [
        evaluation.description,
        "",
        "SSIM / PSNR in dB",
        *similarity(told),
        "",
        "other measures",
        *details(told),
        "",
        *contrast(told),
        "",
        *(f"{name}: {meaning}" for name, meaning in definitions().items()),
        *(f"note: {sentence}" for sentence in evaluation.notes),
    ]


def similarity(told: Sequence[Summary]) -> list[str]:
    """Return the table of SSIM and PSNR by kind of object."""
    kinds = [*told[0].similarity]
    rows = [[one.method, *(f"{s.ssim:.4f} / {s.psnr:.2f}" for s in one.similarity.values())] for one in told]
    return aligned([["", *kinds], *rows])


def details(told: Sequence[Summary]) -> list[str]:
    """Return the table of edges, grey value, power, saturation, time, and scans where total variation is better."""
    head = ["", "edges kept", "edge corr", "grey %", *(f"power {band}" for band in BANDS)]
    head += ["clean kept", "saturated", "s/slice", "TV better"]
    rows = [
        [
            one.method,
            f"{one.edges_kept:.3f}",
            f"{one.edge_correlation:.3f}",
            f"{one.grey_size:.2f}",
            *(f"{ratio:.3f}" for ratio in one.power),
            "-" if one.clean_kept is None else f"{one.clean_kept:.4f}",
            f"{one.saturated}",
            f"{one.seconds:.2f}",
            "-" if one.total_variation_better is None else f"{len(one.total_variation_better)}",
        ]
        for one in told
    ]
    return aligned([head, *rows])


def contrast(told: Sequence[Summary]) -> list[str]:
    """Return the table of the contrast that details kept, by kind and dose; empty where there are no details."""
    columns = [(kind, dose) for kind in KINDS for dose in DOSES if dose in told[0].contrast[kind]]
    if not columns:
        return ["contrast kept: there are no details to measure it on"]
    counts = {place: told[0].contrast[place[0]][place[1]].count for place in columns}
    head = ["", *(f"{kind}, {dose} ({counts[kind, dose]})" for kind, dose in columns)]
    rows = [
        [one.method, *(f"{kept.mean:.2f} / {kept.tenth:.2f}" for kept in (one.contrast[k][d] for k, d in columns))]
        for one in told
    ]
    return ["contrast kept, mean / 10th percentile over details (their number)", *aligned([head, *rows])]


def definitions() -> dict[str, str]:
    """Return what every measure means."""
    _, middle, high, clean = DOSES.values()
    weights = ", ".join(f"{weight:g}" for weight in ORACLE_WEIGHTS)
    return {
        **DEFINITIONS,
        "power": POWER,
        "contrast kept": f"{CONTRAST}; what the noisy slice lacks was lost in the reconstruction",
        "dose": "counts of a pixel without object, all views together; "
        f"low below {middle:,.0f}, high from {high:,.0f}, clean from {clean:,.0f}",
        "clean kept": f"{TO_INPUT}; mean over scans of the dose clean",
        "saturated": "pixels at an end of the int8 range, at a network's input or output, in all scans",
        "s/slice": "seconds of the denoiser alone, on this machine as busy as it was: rough",
        "oracle": f"for each slice the best in PSNR of the weights {weights}, in units of the slice's noise, chosen by "
        "the truth, as no user can",
        "TV better": "scans on which that oracle has the higher PSNR",
    }

"""How long a training step takes on each backend of Keras, and how fast crops are drawn for it.

    python benchmarks/training.py [--architecture tomogan] [--crop 192] [--batch 6] [--steps 20] [--precision bfloat16]

    python benchmarks/training.py --pairs pairs.h5

Keras has one backend in each process, so each is measured in a process of its own, twice in turns.
A step is one of `tomopy-edge train` with the loss that the shipped models learned by. All figures are medians; the
first three steps, which compile, are told apart. With a file of pairs crops are drawn from it, and again from memory.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

BACKENDS = ("tensorflow", "torch", "jax")
TURNS, WARM_UP = 2, 3


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architecture", default="tomogan")
    parser.add_argument("--crop", type=int, default=192, help="edge of a crop, pixels")
    parser.add_argument("--batch", type=int, default=6, help="crops in a batch")
    parser.add_argument("--steps", type=int, default=20, help="steps in each turn")
    parser.add_argument("--precision", default="bfloat16")
    parser.add_argument("--pairs", type=Path, help="file of pairs to draw crops from")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table of steps there, too")
    parser.add_argument("--backend", choices=BACKENDS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.backend:
        print(json.dumps(steps_of(args)))
        return
    if args.pairs:
        crops_of(args)
    seconds: dict[str, list[float]] = defaultdict(list)
    compiled: dict[str, float] = {}
    present = [backend for backend in BACKENDS if find_spec(backend)]
    for _ in range(TURNS):
        for backend in present:
            command = [sys.executable, __file__, *sys.argv[1:], "--backend", backend]
            environment = os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
            ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)  # noqa: S603 - this script
            told = json.loads(ended.stdout.splitlines()[-1])
            seconds[backend] += told["seconds"]
            compiled.setdefault(backend, told["compiled"])
    pixels = args.batch * args.crop**2
    print(f"{args.architecture}, {args.batch} crops of {args.crop} x {args.crop}, {args.precision}")
    print("| Backend | ms per step | Megapixels per second | Times first | First steps, s |\n|---|---|---|---|---|")
    first = median(seconds[present[0]])
    rows = []
    for backend in present:
        step = median(seconds[backend])
        rows.append({"backend": backend, "ms": 1e3 * step, "Mpixel/s": pixels / step / 1e6, "x first": first / step})
        print(
            f"| {backend} | {1e3 * step:.1f} | {pixels / step / 1e6:.2f} | {first / step:.2f} "
            f"| {compiled[backend]:.1f} |"
        )
    if args.json:
        args.json.write_text(json.dumps({"command": sys.argv, "rows": rows}, indent=1) + "\n", encoding="utf-8")


def steps_of(args: argparse.Namespace) -> dict[str, Any]:
    """Return what each step took on the backend of this process, in seconds, and the steps before them together."""
    from tomopy_edge.training.architectures import architecture
    from tomopy_edge.training.learners import Supervised, computing_in, fastest_kernels
    from tomopy_edge.training.plan import TrainOptions

    start = time.perf_counter()
    chosen = TrainOptions(
        steps=1, loss="mae", contrast=4, even=True, precision=args.precision, crop=args.crop, batch=args.batch
    )
    with computing_in(chosen.precision):
        learner = Supervised(architecture(args.architecture).build(channels=3), chosen)
    rng = np.random.default_rng(1)
    shape = (args.batch, args.crop, args.crop)
    truth = rng.random((*shape, 1), np.float32)
    noisy = truth + rng.normal(0, 0.3, (*shape, 3)).astype(np.float32)
    seconds = []
    with fastest_kernels():
        for step in range(WARM_UP + args.steps):
            begun = time.perf_counter()
            learner.fit(learner.handed([(noisy, truth)]), 1e-4)
            seconds.append(time.perf_counter() - begun)
            if step == WARM_UP - 1:
                compiled = time.perf_counter() - start
    return {"seconds": seconds[WARM_UP:], "compiled": compiled}


def crops_of(args: argparse.Namespace) -> None:
    """Print how many crops a second one thread draws, from the file and from memory in turns."""
    from tomopy_edge.training.pairs_file import open_pairs
    from tomopy_edge.training.samples import Crops
    from tomopy_edge.training.stacks import in_memory

    with open_pairs(args.pairs, 3, crop=args.crop) as file:
        sides = file["train_ns"], file["train_gt"]
        sources = {"file": sides, "memory": tuple(in_memory(side) for side in sides)}
        seconds: dict[str, list[float]] = defaultdict(list)
        for step in range(WARM_UP + args.steps):
            for name, source in sources.items():
                crops = Crops(source[0], source[1], args.crop, args.batch, seed=1)
                begun = time.perf_counter()
                crops.draw(step)
                if step >= WARM_UP:
                    seconds[name].append(time.perf_counter() - begun)
    print("| Crops from | A second, one thread |\n|---|---|")
    for name in sources:
        print(f"| {name} | {args.batch / median(seconds[name]):.0f} |")
    print()


if __name__ == "__main__":
    main()

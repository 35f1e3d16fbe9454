"""A denoiser that goes wrong once, on whichever worker of a cluster is the first to come by."""

import os
import time
from pathlib import Path

import numpy as np

import tomopy_edge


@tomopy_edge.options
class UnsteadyOptions:
    fault: str = "none"
    """What goes wrong: it "dies", "hangs", answers with "nan"s, always "raises" at one slice, or nothing does."""

    once: str = ""
    """A file that does not exist: it is made by the one that goes wrong, and no other does."""


class Unsteady:
    neighbours = 1

    def __init__(self, options, job):
        self.fault, self.once = options.fault, Path(options.once)

    def __call__(self, noisy):
        clean = noisy[1:-1] / 2 + (noisy[:-2] + noisy[2:]) / 4
        if self.fault == "raises":
            if len(noisy) > 3 or abs(float(noisy.sum()) - float(self.once.read_text())) < 1e-3:
                raise ValueError("this slice is bad")
            return clean
        if self.fault == "none":
            return clean
        try:
            self.once.open("x").close()
        except FileExistsError:
            return clean
        if self.fault == "dies":
            os._exit(1)
        if self.fault == "hangs":
            time.sleep(600)
        return clean * np.float32(np.nan)


@tomopy_edge.hookimpl
def tomopy_edge_denoisers():
    yield tomopy_edge.DenoiserEntry("unsteady", "Goes wrong once", UnsteadyOptions, Unsteady)

"""A plugin whose denoiser is at fault when a test says so; the environment does, so that it can be another process.

`TOMOPY_EDGE_TEST_FAULT=raises@3,5` has its third and its fifth call raise.
"""

import ctypes
import dataclasses
import os
import resource
import signal
import sys
import threading
import time
from itertools import count
from pathlib import Path

import numpy as np

import tomopy_edge
from tomopy_edge import contact_sheet
from tomopy_edge.cli import stopping
from tomopy_edge.networks.edge_tpu_stick import Stick
from tomopy_edge.networks.litert import check_graph, ends_in

FAULT, SMALL = "TOMOPY_EDGE_TEST_FAULT", "TOMOPY_EDGE_TEST_PANEL"

if SMALL in os.environ:
    contact_sheet.SMALLEST_PANEL = int(os.environ[SMALL])
    # A busy machine may be loading a compiler, which hears no signal, for longer than a user should have to wait.
    stopping.GRACE = 25.0

calls = count(1)
"""Numbers of the calls, from the start of the process or of a test on; a run of several streams goes on counting."""

acts = print
"""What a test has the fault "acts" call."""


@tomopy_edge.options
class AtFaultOptions:
    neighbours: int = 0


class AtFault:
    def __init__(self, options, job):
        if os.environ.get(FAULT) == "at once":
            raise RuntimeError("no licence")
        self.neighbours = options.neighbours
        self.kept = np.empty(0, np.float32)

    def __call__(self, noisy):
        inner = slice(self.neighbours, len(noisy) - self.neighbours)
        clean = noisy[inner] * np.float32(0.5)
        if self.neighbours:
            clean += (noisy[:-2] + noisy[2:]) * np.float32(0.25)
        what, _, when = os.environ.get(FAULT, "").partition("@")
        number = next(calls)
        if what in FAULTS and (not when or number in map(int, when.split(","))):
            return FAULTS[what](self, noisy, clean)
        return clean


def raises(self, noisy, clean):
    raise RuntimeError("a bug of a plugin")


def exits(self, noisy, clean):
    raise SystemExit(0)


def needs_memory(self, noisy, clean):
    """Take more than a real limit of the process leaves."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + 2**26, before[1]))
    try:
        return np.ones(2**28, np.float32)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def needs_memory_for_two(self, noisy, clean):
    return clean if len(clean) == 1 else needs_memory(self, noisy, clean)


def hangs(self, noisy, clean):
    sys.stdout.write("hangs\n")
    sys.stdout.flush()
    time.sleep(600)


def hangs_deaf(self, noisy, clean):
    """Wait in C for ever, where no signal is heard, and say so from another thread: before, Python would hear one."""
    mutex = ctypes.create_string_buffer(256)
    lock = ctypes.CDLL(None).pthread_mutex_lock
    lock(mutex)
    threading.Timer(0.3, print, ["hangs"], {"flush": True}).start()
    lock(mutex)


def crashes(self, noisy, clean):
    ctypes.string_at(0)


def is_interrupted(self, noisy, clean):
    signal.raise_signal(signal.SIGINT)
    return clean


def is_terminated(self, noisy, clean):
    os.kill(os.getpid(), signal.SIGTERM)
    return clean


def is_hung_up(self, noisy, clean):
    os.kill(os.getpid(), signal.SIGHUP)
    return clean


def answers_again(self, noisy, clean):
    """Answer in the memory of the last answer, as a library with a buffer of its own does."""
    if self.kept.shape != clean.shape:
        self.kept = np.empty_like(clean)
    self.kept[:] = clean
    return self.kept


def answers_again_in_part(self, noisy, clean):
    return answers_again(self, noisy, clean)[:, :, :]


def writes_into_its_input(self, noisy, clean):
    noisy[:] = 7
    return clean


FAULTS = {
    "acts": lambda self, noisy, clean: (acts(), clean)[1],
    "answers again": answers_again,
    "answers again in part": answers_again_in_part,
    "complex": lambda self, noisy, clean: clean.astype(complex),
    "crashes": crashes,
    "double": lambda self, noisy, clean: clean.astype(float),
    "exits": exits,
    "hangs": hangs,
    "hangs deaf": hangs_deaf,
    "huge": lambda self, noisy, clean: clean.astype(float) * 1e300,
    "infinite": lambda self, noisy, clean: clean + np.float32(np.inf),
    "integers": lambda self, noisy, clean: (clean * 255).astype(np.uint8),
    "is hung up": is_hung_up,
    "is interrupted": is_interrupted,
    "is terminated": is_terminated,
    "nan": lambda self, noisy, clean: clean * np.float32(np.nan),
    "needs memory": needs_memory,
    "needs memory for two": needs_memory_for_two,
    "nothing": lambda self, noisy, clean: None,
    "one slice less": lambda self, noisy, clean: clean[1:],
    "raises": raises,
    "read-only": lambda self, noisy, clean: (clean.setflags(write=False), clean)[1],
    "transposed": lambda self, noisy, clean: clean.transpose(2, 1, 0),
    "words": lambda self, noisy, clean: [["a"]],
    "writes into its input": writes_into_its_input,
}
"""Name of a fault -> what is answered: by the denoiser, of what it was given, in place of what is right."""


def pass_on(volume, options, job):
    """Pass slices on, as others where a test says so: a stage's faults, not a denoiser's."""
    fault = os.environ.get(FAULT)
    if fault == "moves rows":
        return dataclasses.replace(volume, first_row=volume.first_row + 2)
    if fault == "drops rows":
        return dataclasses.replace(volume, slices=volume.slices[1:])
    if fault == "doubles":
        return dataclasses.replace(volume, slices=volume.slices.astype(float))
    return volume


@tomopy_edge.options
class NoOptions:
    pass


@tomopy_edge.hookimpl
def tomopy_edge_stages():
    kinds = tomopy_edge.Volume, tomopy_edge.Volume
    yield tomopy_edge.StageEntry("at_fault", "Is at fault", NoOptions, *kinds, tomopy_edge.each_chunk(pass_on))


def crashes_where_it_is_tried():
    ctypes.string_at(0)


def open_stick(path, placement):
    return Stick(path, ends_in(check_graph(path)), "usb:0", placement.threads)


def sees_stick():
    return tomopy_edge.Probe(works=True, told="one stick")


@tomopy_edge.hookimpl
def tomopy_edge_backends():
    crashing = crashes_where_it_is_tried
    yield tomopy_edge.BackendEntry("crashing", "Crashes", "tflite", None, crashing, risky=True)
    yield tomopy_edge.BackendEntry("one_stick", "An Edge TPU, no CPU beside it", "tflite", open_stick, sees_stick)


@tomopy_edge.hookimpl
def tomopy_edge_denoisers():
    yield tomopy_edge.DenoiserEntry("at_fault", "Is at fault", AtFaultOptions, AtFault)

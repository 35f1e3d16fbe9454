"""What this machine can do at most, measured here and now, and what a slice costs at least, counted."""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import llvmlite.binding as llvm
import numpy as np

from tomopy_edge.fbp import PADDING
from tomopy_edge.fbp.batches import OVERSAMPLING
from tomopy_edge.fbp.filters import radial_samples
from tomopy_edge.fbp.fourier import fast_length
from tomopy_edge.fbp.gridding import WIDTH
from tomopy_edge.networks.manifest import Model, NetworkSet
from tomopy_edge.networks.tflite_graph import read_graph

CHAINS, TRIES = 12, 15
"""Independent sums in a loop, enough to hide an instruction's latency; and how often a rate is measured, the best of
which holds."""

BLOCK = 2**26
"""Bytes that each thread copies: more than caches hold."""

INT8 = {
    "avx512vnni": ("vpdpbusd $2, $1, $0", "=v,v,v,0,~{dirflag},~{fpsr},~{flags}", 16),
    "avxvnni": ("{vex} vpdpbusd $2, $1, $0", "=x,x,x,0,~{dirflag},~{fpsr},~{flags}", 8),
    "dotprod": ("sdot $0.4s, $1.16b, $2.16b", "=w,w,w,0", 4),
}
"""Feature -> the instruction with four int8 products for each int32 sum, its operands, and its sums."""


@dataclass(frozen=True)
class Work:
    """What something costs at least.

    Attributes
    ----------
    flops : float additions and multiplications
    macs : multiply-accumulates of a network, int8 or float
    bytes : that come from memory or go there
    int8 : whether the multiply-accumulates are of int8
    """

    flops: float = 0
    macs: float = 0
    bytes: float = 0
    int8: bool = True


@dataclass(frozen=True)
class Limits:
    """What some threads can do at most, all together.

    Attributes
    ----------
    threads : how many
    copied : bytes a second, read and written, of arrays larger than the caches
    flops : float32 additions and multiplications a second, in fused pairs in registers
    int8 : multiply-accumulates a second of the processor's own int8 instruction, in registers; None where it has none
    instruction : the feature of the processor that this is
    """

    threads: int
    copied: float
    flops: float
    int8: float | None
    instruction: str | None

    def seconds(self, work: Work) -> float | None:
        """Return the least time for `work`, its parts side by side; None where a rate is not known."""
        rate = self.int8 if work.int8 else self.flops / 2
        if work.macs and rate is None:
            return None
        return max(work.flops / self.flops, work.bytes / self.copied, work.macs / rate if rate else 0)

    @property
    def told(self) -> str:
        """The rates in words."""
        int8 = "none" if self.int8 is None else f"{self.int8 / 1e9:.0f} GMAC/s ({self.instruction})"
        return (
            f"limits measured on {self.threads} threads: copying {self.copied / 1e9:.1f} GB/s, float32 "
            f"{self.flops / 1e9:.0f} GFLOP/s, int8 {int8}"
        )


@cache
def measure_limits(threads: int) -> Limits:
    """Return what `threads` threads can do at most, measured in about two seconds."""
    host = llvm.get_host_cpu_features()
    feature = next((name for name in INT8 if host.get(name)), None)
    lanes = 16 if host.get("avx512f") else 8 if host.get("avx2") else 4
    kind = f"<{lanes} x float>"
    half = f"{kind} <{', '.join(['float 0.5'] * lanes)}>"
    fused = _loop(kind, f"call {kind} @llvm.fma.v{lanes}f32({kind} SUM, {half}, {half})", lanes, "float", "fadd")
    int8 = None
    if feature is not None:
        text, operands, sums = INT8[feature]
        kind = f"<{sums} x i32>"
        ones = f"{kind} <{', '.join(['i32 16843009'] * sums)}>"
        step = f'call {kind} asm "{text}", "{operands}"({ones}, {ones}, {kind} SUM)'
        int8 = _rate(_loop(kind, step, sums, "i32", "add"), 4 * CHAINS * sums, threads)
    flops = _rate(fused, 2 * CHAINS * lanes, threads)
    return Limits(threads, _copied(threads), flops, int8, feature)


def fbp_work(columns: int, angles: int) -> Work:
    """Return what a slice of our FBP costs: transforms at 5 n log2 n, gridding, and each array once from or to memory.

    These are the operations of `tomopy_edge.fbp`: projections are transformed, their samples laid onto 4 x 4 points
    each of half the slice's spectrum, and that is transformed back. Samples and half transformed lines go through
    memory once each way.
    """
    length, grid = fast_length(PADDING * columns, 8), fast_length(OVERSAMPLING * columns, 2)
    samples = angles * len(radial_samples(length, "shepp").frequencies)
    flops = angles * 2.5 * length * math.log2(length) + samples * WIDTH**2 * 4
    flops += (grid / 2 * 5 + columns * 2.5) * grid * math.log2(grid)
    moved = 4 * angles * columns + 2 * 8 * samples + 2 * 8 * columns * grid / 2 + 4 * columns**2
    return Work(flops=flops, bytes=moved)


def network_work(path: Path) -> Work:
    """Return what a .tflite network costs for one batch of its tiles: the multiply-accumulates of its convolutions."""
    graph = read_graph(path)
    macs = 0
    for operator in graph.operators:
        if operator.name in {"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV"}:
            weights, given = operator.taken(1), operator.taken(2)
            assert weights is not None  # noqa: S101 - a convolution has a kernel
            if operator.name == "TRANSPOSE_CONV":
                assert given is not None  # noqa: S101 - and something to work on
                macs += math.prod(given.shape[:3]) * math.prod(weights.shape)
            elif operator.name == "CONV_2D":
                macs += math.prod(operator.outputs[0].shape[:3]) * math.prod(weights.shape)
            else:
                macs += math.prod(operator.outputs[0].shape) * math.prod(weights.shape[1:3])
    return Work(macs=macs, int8=graph.inputs[0].type != "FLOAT32")


def slice_work(model: Model, networks: NetworkSet, precision: str, columns: int) -> Work:
    """Return what a network costs for a slice, of which no pixel is computed twice: the halo of tiles is left out."""
    file = next(file for file in networks.networks if file.precision == precision)
    batch = network_work(model.path(file.file, file.sha256))
    return Work(macs=batch.macs / file.batch / file.tile**2 * columns**2, int8=batch.int8)


def _loop(kind: str, step: str, lanes: int, element: str, add: str) -> Callable[[int], object]:
    """Return a compiled loop that does `step` to each of its sums, written SUM."""
    sums = range(CHAINS)
    phis = (f"%a{n} = phi {kind} [zeroinitializer, %entry], [%b{n}, %loop]" for n in sums)
    steps = (f"%b{n} = {step.replace('SUM', f'%a{n}')}" for n in sums)
    totals = (f"%t{n} = {add} {kind} %{f't{n - 1}' if n > 1 else 'b0'}, %b{n}" for n in sums[1:])
    newline = "\n"
    text = f"""
    declare <{lanes} x float> @llvm.fma.v{lanes}f32(<{lanes} x float>, <{lanes} x float>, <{lanes} x float>)
    define {element} @turn(i64 %n) {{
    entry:
      br label %loop
    loop:
      %i = phi i64 [0, %entry], [%next, %loop]
      {newline.join(phis)}
      {newline.join(steps)}
      %next = add i64 %i, 1
      %more = icmp ult i64 %next, %n
      br i1 %more, label %loop, label %end
    end:
      {newline.join(totals)}
      %given = extractelement {kind} %t{CHAINS - 1}, i32 0
      ret {element} %given
    }}
    """
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.initialize_native_asmparser()
    target = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=2
    )
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(text), target)
    engine.finalize_object()
    answer = ctypes.c_float if element == "float" else ctypes.c_int32
    turn = ctypes.CFUNCTYPE(answer, ctypes.c_int64)(engine.get_function_address("turn"))
    return lambda n, _kept=engine: turn(n)  # type: ignore[misc] # its code goes when the engine does


def _rate(loop: Callable[[int], object], operations: int, threads: int) -> float:
    """Return the operations a second of all threads together, the best of some tries."""
    count = 2**22
    return max(operations * count * threads / _together(lambda: loop(count), threads) for _ in range(TRIES))


def _copied(threads: int) -> float:
    pairs = [(np.ones(BLOCK // 4, np.float32), np.empty(BLOCK // 4, np.float32)) for _ in range(threads)]
    waiting = [*pairs]

    def copy() -> None:
        source, target = waiting.pop()
        np.copyto(target, source)

    best = 0.0
    for _ in range(TRIES):
        waiting = [*pairs]
        best = max(best, 2 * BLOCK * threads / _together(copy, threads))
    return best


def _together(act: Callable[[], object], threads: int) -> float:
    """Return the seconds until all threads have acted once."""
    with ThreadPoolExecutor(threads) as pool:
        start = time.perf_counter()
        for done in [pool.submit(act) for _ in range(threads)]:
            done.result()
        return time.perf_counter() - start

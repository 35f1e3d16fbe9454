"""Damage to bytes: what bad memory, a bad disk, a broken copy or a malicious hand does to a file."""

from __future__ import annotations

import struct
from functools import lru_cache
from random import Random

SPECIAL = (0, 1, 2, 3, 4, 7, 8, 16, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 2**20, 2**31 - 1, 2**31, 2**32 - 1)
LARGE = (2**33, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1)
WORDS = {1: "B", 2: "H", 4: "I", 8: "Q"}


def damaged(rng: Random, whole: bytes) -> bytes:
    """Return `whole`, 8 bytes at least, with one to a dozen changes; most leave its length as it is."""
    content = bytearray(whole)
    places = _filled(whole) or range(len(whole))
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 5, 12))):
        # What is zero is mostly room that nothing reads.
        place = rng.choice(places) if rng.random() < 0.8 else rng.randrange(len(content))
        _change(rng, content, min(place, len(content) - 1))
    if rng.random() < 0.03:
        del content[rng.randrange(1, len(content)) :]
    return bytes(content)


@lru_cache(maxsize=64)
def _filled(whole: bytes) -> tuple[int, ...]:
    return tuple(place for place, byte in enumerate(whole) if byte)


def _change(rng: Random, content: bytearray, place: int) -> None:
    kind = rng.randrange(8)
    if kind == 0:
        content[place] ^= 1 << rng.randrange(8)
    elif kind == 1:
        content[place] = rng.randrange(256)
    elif kind in {2, 3, 4}:
        width = rng.choice((1, 2, 4, 8))
        place = min(place - place % width, len(content) - width)
        _set_word(rng, content, place, width)
    elif kind == 5:
        length = rng.choice((2, 4, 8, 16, 64))
        other = rng.randrange(len(content))
        # A slice at the end may be shorter: what is put there must be as long.
        length = min(length, len(content) - place, len(content) - other)
        content[place : place + length] = content[other : other + length]
    elif kind == 6:
        length = min(rng.choice((4, 16, 64, 512)), len(content) - place)
        content[place : place + length] = bytes([rng.choice((0, 0xFF))]) * length
    else:
        length = min(rng.choice((2, 4, 8)), len(content) - place)
        content[place : place + length] = rng.randbytes(length)


def _set_word(rng: Random, content: bytearray, place: int, width: int) -> None:
    (old,) = struct.unpack_from(f"<{WORDS[width]}", content, place)
    choices = (
        rng.choice((*SPECIAL, *LARGE)),
        old + rng.choice((-16, -8, -4, -1, 1, 4, 8, 16)),
        old * 2,
        old >> 1,
        rng.randrange(len(content)),
        place,
        ~old,
    )
    struct.pack_into(f"<{WORDS[width]}", content, place, rng.choice(choices) % 256**width)

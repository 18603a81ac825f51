"""Noise: random numbers that are functions of what they are for, so that any of them can be had in any order."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Keys = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_SHIFTS = tuple(np.uint64(bits) for bits in (30, 27, 31))
_QUARTER = np.uint64(16)
_MASK = np.uint64(0xFFFF)
_BELL_MEAN = 2 * 65535.0
_BELL_SCALE = 1 / float(np.sqrt((65536.0**2 - 1) / 3))  # four uniform 16-bit integers have this variance together


def keys(seed: int, names: Sequence[str]) -> Keys:
    """One key a stream of noise, as a column; different seeds and names give unrelated streams."""
    digests = [blake2b(f"{seed}:{name}".encode(), digest_size=8).digest() for name in names]
    return np.array([[int.from_bytes(digest, "little")] for digest in digests], dtype=np.uint64)


def hashed(key: Keys, index: Indices) -> Keys:
    """64 random bits for each index, a row for each key. Source: the finaliser of SplitMix64 (Steele et al., 2014)."""
    bits = key + index.astype(np.uint64) * _GOLDEN
    bits = (bits ^ (bits >> _SHIFTS[0])) * _FIRST
    bits = (bits ^ (bits >> _SHIFTS[1])) * _SECOND
    mixed: Keys = bits ^ (bits >> _SHIFTS[2])
    return mixed


def bell(key: Keys, index: Indices) -> Floats:
    """Bell-shaped numbers of mean 0 and deviation 1 within ±3.47: sums of four uniform ones, exact on any machine."""
    bits = hashed(key, index)
    total = bits & _MASK
    for _ in range(3):
        bits >>= _QUARTER
        total += bits & _MASK
    return (total.astype(np.float64) - _BELL_MEAN) * _BELL_SCALE


def uniform(key: Keys, index: Indices) -> Floats:
    """Numbers spread evenly over 0 to 1, 1 excluded."""
    return (hashed(key, index) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def drifting(key: Keys, position: Floats) -> Floats:
    """``bell`` numbers at whole positions, straight lines between them."""
    cell = np.floor(position)
    index = cell.astype(np.int64)
    here, there = bell(key, index), bell(key, index + 1)
    return here + (there - here) * (position - cell)

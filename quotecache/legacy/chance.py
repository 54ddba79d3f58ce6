"""Chance that depends on names alone: the same seed, symbol and count give the same draw, in whatever order they come."""

from hashlib import blake2b
from statistics import NormalDist

_STANDARD = NormalDist()


def uniform(*names: object) -> float:
    """Evenly distributed over 0 to 1, both excluded."""
    digest = blake2b(":".join(map(str, names)).encode(), digest_size=8).digest()
    return ((int.from_bytes(digest) >> 12) + 0.5) / 2**52


def normal(*names: object) -> float:
    """Normally distributed with mean 0 and deviation 1."""
    return _STANDARD.inv_cdf(uniform(*names))

"""Seeds derived from a sweep's seed by name and number, so that nothing depends on order or on what ran before."""

from __future__ import annotations

import hashlib


def derive_seed(seed: int, purpose: str, number: int) -> int:
    """Return a seed in [0, 2**31): the first bytes of blake2b over ``"<seed>/<purpose>/<number>"``."""
    digest = hashlib.blake2b(f"{seed}/{purpose}/{number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 33


def trial_seed(sweep_seed: int, number: int) -> int:
    """Return the seed that fixes initialisation, data order and dropout of trial ``number``."""
    return derive_seed(sweep_seed, "trial", number)

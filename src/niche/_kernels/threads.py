"""How many threads the compiled kernels use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numba


@contextmanager
def limited_to(n: int) -> Iterator[None]:
    """Run parallel kernels on at most ``n`` threads; results do not depend on it."""
    before = numba.get_num_threads()
    numba.set_num_threads(max(1, min(n, before)))
    try:
        yield
    finally:
        numba.set_num_threads(before)

from __future__ import annotations

import numba
import pytest

from niche._kernels.threads import limited_to


def test_threads_are_limited_inside_and_restored_after():
    before = numba.get_num_threads()
    with limited_to(1):
        assert numba.get_num_threads() == 1
    assert numba.get_num_threads() == before
    with limited_to(10_000):
        assert numba.get_num_threads() == before
    with pytest.raises(ZeroDivisionError), limited_to(1):
        raise ZeroDivisionError
    assert numba.get_num_threads() == before

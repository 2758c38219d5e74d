"""Whether two tables are the same, for tables of many rows."""

from __future__ import annotations

import numpy as np
import pandas as pd


def assert_same_table(left: pd.DataFrame, right: pd.DataFrame, name: str = "DataFrame") -> None:
    """Assert what ``pandas.testing.assert_frame_equal(check_exact=True)`` asserts, in a fraction of its time.

    It spells out the labels of categories in every row to compare them. Here columns whose codes or numbers
    are identical to the last bit are not looked at again; all others are left to pandas.
    """
    pd.testing.assert_frame_equal(left.iloc[:0], right.iloc[:0], obj=name, check_exact=True)
    assert len(left) == len(right), f"{name}: {len(left)} rows, then {len(right)}"
    pd.testing.assert_index_equal(
        left.index, right.index, exact="equiv", check_exact=True, obj=f"{name}.index"
    )
    for place, column in enumerate(left.columns):
        before, after = left.iloc[:, place], right.iloc[:, place]
        if not _identical(before, after):
            pd.testing.assert_series_equal(before, after, obj=f"{name}.{column}", check_exact=True)


def _identical(left: pd.Series, right: pd.Series) -> bool:
    """Whether categories and codes, or numbers, are identical; False also where that cannot be said."""
    if isinstance(left.dtype, pd.CategoricalDtype) and isinstance(right.dtype, pd.CategoricalDtype):
        same_labels = left.cat.ordered == right.cat.ordered and left.cat.categories.equals(
            right.cat.categories
        )
        return same_labels and np.array_equal(left.cat.codes, right.cat.codes)
    if left.dtype == right.dtype and left.dtype.kind in "biuf":
        return np.array_equal(left.to_numpy(), right.to_numpy(), equal_nan=left.dtype.kind == "f")
    return False

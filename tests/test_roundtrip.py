"""What niche stores survives h5ad and zarr, and reads the same afterwards."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from same_tables import assert_same_table
from walk import needed, parameters, public_functions, type_hints

from niche._slots import read

Tables = dict[str, pd.DataFrame]


def tables(adata: ad.AnnData) -> Iterator[tuple[str, pd.DataFrame]]:
    """Every table niche.get offers of a result: each function, with each choice of each Literal option."""
    for name, function in public_functions("get").items():
        found = function(adata, **needed(function))
        if isinstance(found, dict):
            yield from ((f"{name}[{part!r}]", table) for part, table in found.items())
            continue
        if isinstance(found, ad.AnnData):
            yield from ((f"{name}.{part}", table) for part, table in _as_tables(found))
            continue
        if type(found).__name__ == "MuData":
            for view in found.mod:
                yield from ((f"{name}[{view!r}].{part}", table) for part, table in _as_tables(found[view]))
            continue
        yield name, found
        for option, hint in type_hints(function).items():
            if option != "return" and typing.get_origin(hint) is typing.Literal:
                default = parameters(function)[option].default
                for value in sorted({*typing.get_args(hint)} - {default}):
                    yield f"{name}({option}={value!r})", function(adata, **{option: value})


def _as_tables(found: ad.AnnData) -> Iterator[tuple[str, pd.DataFrame]]:
    """The parts of an AnnData, labels as strings whatever a file made of them; observations as columns."""
    yield "X", found.to_df().T
    yield from ((layer, found.to_df(layer).T) for layer in found.layers if layer is not None)
    for name in ("obs", "var"):
        frame = getattr(found, name)
        labels = [column for column in frame if not pd.api.types.is_numeric_dtype(frame[column])]
        yield name, frame.astype(dict.fromkeys(labels, str))


def leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    """Every value in a nested mapping with its path."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            assert isinstance(key, str), f"{path}: key {key!r} is no string"
            assert "/" not in key, f"{path}: key {key!r} holds a slash"
            yield from leaves(item, f"{path}.{key}")
    else:
        yield path, value


def same(left: object, right: object) -> bool:
    """Whether two stored values are equal, NaN with NaN, whatever a file made of strings."""
    if isinstance(left, pd.DataFrame):
        assert isinstance(right, pd.DataFrame)
        return list(left) == list(right) and all(same(left[c].to_numpy(), right[c].to_numpy()) for c in left)
    first, second = np.asarray(left), np.asarray(right)
    if first.shape != second.shape:
        return False
    if first.dtype.kind in "OUST" or second.dtype.kind in "OUST":
        return [str(item) for item in first.ravel()] == [str(item) for item in second.ravel()]
    return first.dtype == second.dtype and np.array_equal(first, second, equal_nan=first.dtype.kind == "f")


def _h5ad(adata: ad.AnnData, folder: Path) -> ad.AnnData:
    adata.write_h5ad(folder / "result.h5ad")
    return ad.read_h5ad(folder / "result.h5ad")


def _zarr(adata: ad.AnnData, folder: Path) -> ad.AnnData:
    adata.write_zarr(folder / "result.zarr")
    return ad.read_zarr(folder / "result.zarr")


@pytest.fixture(scope="module")
def before(_corridor: ad.AnnData) -> Tables:
    """Every table before writing."""
    return dict(tables(_corridor))


@pytest.fixture(scope="module", params=[_h5ad, _zarr], ids=["h5ad", "zarr"])
def again(
    request: pytest.FixtureRequest, _corridor: ad.AnnData, tmp_path_factory: pytest.TempPathFactory
) -> ad.AnnData:
    """The corridor, written and read; without the truth of the simulation, which is hundreds of arrays."""
    turn: Callable[[ad.AnnData, Path], ad.AnnData] = request.param
    adata = _corridor.copy()
    del adata.uns["truth"]
    return turn(adata, tmp_path_factory.mktemp("written"))


def test_every_step_left_something(_corridor: ad.AnnData) -> None:
    steps = {
        "harmonize_genes",
        "design",
        "qc",
        "normalize",
        "cnv",
        "compartments",
        "integrate",
        "cluster",
        "annotate",
        "communication",
        "composition",
        "programs",
        "compare_programs",
        "signatures",
        "compatibility",
        "ligand_activity",
        "compare_communication",
        "compare_expression",
        "compare_sublines",
        "tropism",
        "multiverse",
        "species",
        "spatial_communication",
        "compare_spatial",
        "touching",
    }
    assert steps <= set(read.ours(_corridor)) | set(_corridor.uns)


def test_what_is_stored_is_plain(_corridor: ad.AnnData) -> None:
    for key in read.ours(_corridor):
        for path, value in leaves(_corridor.uns[key], f"uns.{key}"):
            plain = isinstance(value, (str, bool, int, float, np.ndarray, pd.DataFrame))
            assert plain, f"{path}: {type(value).__name__} is not plain"
            if isinstance(value, np.ndarray) and value.dtype.kind == "O":
                assert all(isinstance(item, str) for item in value.ravel()), f"{path}: not only strings"
    if hasattr(_corridor, "unwriteable"):
        assert not _corridor.unwriteable()


def test_uns_is_the_same(_corridor: ad.AnnData, again: ad.AnnData) -> None:
    for key in read.ours(_corridor):
        before, after = (dict(leaves(a.uns[key], key)) for a in (_corridor, again))
        assert list(before) == list(after) or set(before) == set(after)
        different = [path for path, value in before.items() if not same(value, after[path])]
        assert not different, f"changed by writing and reading: {different}"


def test_columns_are_the_same(_corridor: ad.AnnData, again: ad.AnnData) -> None:
    for name in ("obs", "var"):
        before, after = getattr(_corridor, name), getattr(again, name)
        assert list(before) == list(after)
        different = [column for column in before if not same(before[column], after[column])]
        assert not different, f"{name} columns changed: {different}"


def test_tables_are_the_same(before: Tables, again: ad.AnnData) -> None:
    after = dict(tables(again))
    assert list(after) == list(before)
    for name, table in before.items():
        assert_same_table(table, after[name], name)

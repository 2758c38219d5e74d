"""Same input, same bits: for any number of threads, and for every array type the docs promise."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from spatial_study import lay_out
from walk import parameters, public_functions

import niche
from niche.errors import NicheError
from niche.tl import _cluster_stability

Inputs = dict[str, ad.AnnData]
Results = Callable[[str], ad.AnnData]
pytestmark = pytest.mark.once

PAGE = Path(__file__).parents[1] / "docs" / "array_support.md"
TARGETS = ["COL1A1", "COL1A2", "COL3A1", "COL5A1", "COL6A1", "COL6A2", "COL4A1", "COL4A2", "MUC1", "CD44"]
ARGUMENTS: dict[str, dict[str, object]] = {
    "tl.annotate": {"cell_type_key": "by_markers"},
    "tl.call_compartments": {"labels": {"Malignant": "tumor"}},
    "tl.ligand_activity": {"network": pd.DataFrame({"ligand": "TGFB1", "target": TARGETS})},
    "tl.compare_programs": {"min_cells": 5},
    "tl.compatibility": {"n_sets": 300},
    "tl.programs": {"k": 4, "n_starts": 2, "min_cells": 5},
    "tl.score_signatures": {"signatures": {"targets": TARGETS}},
    "tl.tropism": {"programs": None, "edges": None},
    "tl.spatial_communication": {"null": "permutation", "n_perms": 20, "local": [("CXCL12", "CXCR4")]},
    "tl.touching": {"n_perms": 20},
}
TAKES_LOG_VALUES = ("tl.", "pp.integrate")
TAKES_COMMUNICATION = ("tl.compare_communication",)
TAKES_PROGRAMS = ("tl.compare_programs",)
TAKES_EXPRESSION = ("tl.tropism",)
TAKES_PRIMARY = ("tl.compatibility",)
TAKES_TWO_SPECIES = ("pp.split_species",)
TAKES_CALLED_SPECIES = ("pp.collapse_orthologs",)
TAKES_SUBLINES = ("tl.compare_sublines",)
TAKES_PLACES = ("tl.spatial_communication", "tl.touching")
TAKES_SPATIAL = ("tl.compare_spatial",)


FUNCTIONS = {
    name: thing for name, thing in public_functions("pp", "tl").items() if "adata" in parameters(thing)
}


def _with(option: str) -> list[str]:
    return [name for name, function in FUNCTIONS.items() if option in parameters(function)]


def promises() -> dict[tuple[str, str], bool]:
    """The support table of the docs: (function, array type) -> works, else it is refused."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("|")
    ]
    header, body = rows[0], rows[2:]
    assert {cell for row in body for cell in row[1:]} <= {"yes", "no"}
    return {
        (row[0].strip("`"), kind): cell == "yes"
        for row in body
        for kind, cell in zip(header[1:], row[1:], strict=True)
    }


def _csr(values: sparse.csr_matrix) -> object:
    return sparse.csr_matrix(values)


def _csc(values: sparse.csr_matrix) -> object:
    return sparse.csc_matrix(values)


def _numpy(values: sparse.csr_matrix) -> object:
    return values.toarray()


def _dask_csr(values: sparse.csr_matrix) -> object:
    array = pytest.importorskip("dask.array", reason="dask is not installed")
    return array.from_array(values, chunks=(values.shape[0] // 3 + 1, values.shape[1]), asarray=False)


def _dask_numpy(values: sparse.csr_matrix) -> object:
    array = pytest.importorskip("dask.array", reason="dask is not installed")
    return array.from_array(values.toarray(), chunks=(values.shape[0] // 3 + 1, values.shape[1] // 2))


KINDS = {"numpy": _numpy, "csr": _csr, "csc": _csc, "dask of numpy": _dask_numpy, "dask of csr": _dask_csr}


def _of_kind(adata: ad.AnnData, kind: str, folder: Path) -> ad.AnnData:
    if kind == "backed":
        adata.write_h5ad(folder / "backed.h5ad")
        return ad.read_h5ad(folder / "backed.h5ad", backed="r")
    changed = adata.copy()
    changed.X = KINDS[kind](adata.X)
    for layer in [name for name in adata.layers if name is not None]:
        changed.layers[layer] = KINDS[kind](adata.layers[layer])
    return changed


def _plain(value: object) -> np.ndarray:
    computed = value.compute() if hasattr(value, "compute") else value
    if hasattr(computed, "to_memory"):
        computed = computed.to_memory()
    return computed.toarray() if sparse.issparse(computed) else np.asarray(computed)


def _contents(value: object, path: str) -> Iterator[tuple[str, np.ndarray]]:
    if isinstance(value, Mapping):
        for key in value:
            if key is not None:
                yield from _contents(value[key], f"{path}.{key}")
    elif isinstance(value, pd.DataFrame):
        for column in value:
            yield f"{path}.{column}", np.asarray(value[column].astype(object), dtype=object)
    else:
        yield path, _plain(value)


def contents(adata: ad.AnnData) -> dict[str, np.ndarray]:
    """Everything in an AnnData as plain arrays by path."""
    found: dict[str, np.ndarray] = {"var_names": np.asarray(adata.var_names, dtype=object)}
    for name in ("X", "obs", "var", "uns", "obsm", "varm", "obsp", "layers"):
        found |= dict(_contents(getattr(adata, name), name))
    return found


def differences(left: ad.AnnData, right: ad.AnnData) -> list[str]:
    """Paths whose content is not identical to the last bit."""
    first, second = contents(left), contents(right)
    found = sorted(set(first) ^ set(second))
    for path in set(first) & set(second):
        a, b = first[path], second[path]
        numbers = a.dtype.kind in "fiub" and b.dtype.kind in "fiub"
        alike = np.array_equal(a, b, equal_nan=a.dtype.kind == "f") if numbers else _same_objects(a, b)
        if not alike:
            found.append(path)
    return sorted(found)


def _same_objects(left: np.ndarray, right: np.ndarray) -> bool:
    if left.shape != right.shape:
        return False
    pairs = zip(left.ravel().tolist(), right.ravel().tolist(), strict=True)
    return all(a == b or (pd.isna(a) and pd.isna(b)) for a, b in pairs)


@pytest.fixture(scope="module", autouse=True)
def _few_resolutions() -> Iterator[None]:
    """Judge the stability of clusters by two of each: resolutions, seeds, parts. Others repeat the steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_cluster_stability, "RESOLUTIONS", (0.4, 1.0))
        patch.setattr(_cluster_stability, "SEEDS", 2)
        patch.setattr(_cluster_stability, "SUBSAMPLES", 2)
        yield


@pytest.fixture(scope="module")
def inputs(_demo: ad.AnnData) -> Inputs:
    """Four samples of two organs: raw for ``pp``, normalised for ``tl``."""
    raw = _demo[_demo.obs["sample"].isin(["P01_bone", "P02_bone", "P01_lung", "P03_lung"])].copy()
    raw.uns = {}
    normal = niche.pp.normalize(raw, copy=True)
    run = niche.tl.communication(normal, "cell_type", null=None, scores=["lr_means"], copy=True)
    programs = niche.tl.programs(normal, k=4, n_starts=2, min_cells=5, copy=True)
    expression = niche.tl.compare_expression(normal, "cell_type", copy=True)
    primary = _demo[_demo.obs["sample"].isin(["P01_breast_primary", "P01_bone", "P03_lung"])].copy()
    primary.uns = {}
    niche.pp.normalize(primary)
    two = niche.datasets.simulate_xenograft(1, animals_per_organ=2, cells=60, n_genes=1500)
    two.uns = {}
    sublines = niche.datasets.simulate_sublines(
        organs=["bone", "lung"], sublines=3, n_genes=200, organ_genes=20, passage_genes=0, log2fc=2.5
    )
    sublines.uns, sublines.X = {}, sparse.csr_matrix(sublines.X)
    sublines.layers["counts"] = sublines.X.copy()
    places = normal.copy()
    lay_out(places)
    spatial = niche.tl.spatial_communication(places, local=None, copy=True)
    return {
        "pp": raw, "tl": normal, "run": run, "programs": programs, "expression": expression,
        "primary": primary, "sublines": sublines, "places": places, "spatial": spatial,
        "two species": two, "called species": niche.pp.split_species(two, copy=True),
    }  # fmt: skip


@pytest.fixture(scope="module")
def results(inputs: Inputs) -> Results:
    """The result of a function with its defaults, computed once."""
    return cache(lambda name: _run(name, _input(name, inputs).copy()))


def _input(name: str, inputs: Inputs) -> ad.AnnData:
    """What a function starts from."""
    if name in TAKES_COMMUNICATION:
        return inputs["run"]
    if name in TAKES_PROGRAMS:
        return inputs["programs"]
    if name in TAKES_EXPRESSION:
        return inputs["expression"]
    if name in TAKES_PRIMARY:
        return inputs["primary"]
    if name in TAKES_TWO_SPECIES:
        return inputs["two species"]
    if name in TAKES_CALLED_SPECIES:
        return inputs["called species"]
    if name in TAKES_SUBLINES:
        return inputs["sublines"]
    if name in TAKES_PLACES:
        return inputs["places"]
    if name in TAKES_SPATIAL:
        return inputs["spatial"]
    return inputs["tl" if name.startswith(TAKES_LOG_VALUES) else "pp"]


def _run(name: str, adata: ad.AnnData, **options: object) -> ad.AnnData:
    made = FUNCTIONS[name](adata, **ARGUMENTS.get(name, {}), **options)
    return made if name in TAKES_CALLED_SPECIES and isinstance(made, ad.AnnData) else adata


@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_twice_gives_identical_bits(name: str, inputs: Inputs, results: Results) -> None:
    again = _run(name, _input(name, inputs).copy())
    assert differences(results(name), again) == []


@pytest.mark.parametrize("name", _with("n_jobs"))
def test_threads_do_not_matter(name: str, inputs: Inputs, results: Results) -> None:
    for n_jobs in (1, 2):
        assert differences(results(name), _run(name, _input(name, inputs).copy(), n_jobs=n_jobs)) == []


@pytest.mark.parametrize("name", _with("rng"))
def test_generator_and_seed_are_the_same(name: str, inputs: Inputs, results: Results) -> None:
    found = differences(results(name), _run(name, _input(name, inputs).copy(), rng=np.random.default_rng(0)))
    assert [path for path in found if not path.endswith("params.rng")] == []


@pytest.mark.parametrize("name", _with("copy"))
def test_copy_leaves_the_input_alone(name: str, inputs: Inputs, results: Results) -> None:
    adata = _input(name, inputs).copy()
    returned = FUNCTIONS[name](adata, **ARGUMENTS.get(name, {}), copy=True)
    assert isinstance(returned, ad.AnnData)
    assert differences(adata, _input(name, inputs)) == []
    assert differences(returned, results(name)) == []


@pytest.mark.parametrize(("name", "kind"), list(promises()), ids=map(" of ".join, promises()))
def test_array_types(name: str, kind: str, inputs: Inputs, results: Results, tmp_path: Path) -> None:
    other = _of_kind(_input(name, inputs), kind, tmp_path)
    if not promises()[name, kind]:
        before = contents(other)
        with pytest.raises(NicheError):
            _run(name, other)
        assert contents(other).keys() == before.keys(), "something was stored before the error"
        return
    assert differences(results(name), _run(name, other)) == []


def test_table_lists_every_function_and_kind() -> None:
    kinds = {*KINDS, "backed"}
    assert set(promises()) == {(name, kind) for name in FUNCTIONS for kind in kinds}
    assert re.search(r"same bits", PAGE.read_text(encoding="utf-8"))

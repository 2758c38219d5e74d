"""Small shared fixtures, and the list of public functions the walking tests run over."""

from __future__ import annotations

import os

os.environ.setdefault("MPLBACKEND", "Agg")
# Test processes share the cores: threads of one that wait must not keep those of another from working.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from collections.abc import Iterator
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from shared_results import once
from spatial_study import lay_out
from tiny import _tiny, tiny, tiny_communication, tiny_one_sample  # noqa: F401 - fixtures for all tests
from walk import public_functions, public_objects

ROOT = Path(__file__).parents[1]
FEW_RESOLUTIONS = (0.2, 0.5, 1.0)
"""Where tests need clusters with their stability, but not at every resolution."""
LONG_FILES = (
    "test_determinism", "test_cluster", "test_compartments_expression", "test_tutorials", "test_cli", "test_cli_recipes",
    "test_html",
    "test_tumor_stroma", "test_communication_parity_liana", "test_docstrings", "test_ambient", "test_docs_build",
    "test_pages",
)  # fmt: skip
"""Started first, so that none of them is left to one of the test processes at the end.

The first needs nearly every compiled kernel, the second none: while one process compiles them for all, the
other does not compile the same ones.
"""

ONCE_FOLDERS = (
    "_explain", "_kernels", "_power", "_stats", "data", "datasets", "get", "recipes", "resources", "testing", "tl",
)  # fmt: skip
"""Marked ``once`` (see CONTRIBUTING.md): what these test runs elsewhere too, by the corridor and the examples."""

MATRIX = ["COL1A1", "COL1A2", "COL3A1", "COL5A1", "COL6A1", "COL6A2", "COL6A3", "COL4A1", "COL4A2", "COL12A1"]
SIGNATURES = {"signed": {"up": MATRIX, "down": ["ITGA2", "ITGA3", "ITGA6"]}, "short": ["CXCR4"]}
NETWORK = pd.DataFrame({"ligand": "TGFB1", "target": MATRIX, "weight": np.arange(1.0, 11.0)})
"""What the corridor scores, and genes that a ligand acts on."""
FEW_UNIVERSES = {
    "vary": {"resource": ["cellphonedb"], "level": [], "expr_prop": [0.2], "min_cells": [], "patients": []}
    | {"leave_out_patients": False}
}
"""Two beside the run."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for ``public_function`` or ``public_object`` once for each of them.

    Both are ``(name, object)``.
    """
    for fixture, listed in (("public_function", public_functions), ("public_object", public_objects)):
        if fixture in metafunc.fixturenames:
            found = listed()
            metafunc.parametrize(fixture, list(found.items()), ids=list(found))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the files that take longest to the front, the others in their order; mark whole folders."""
    for item in items:
        if item.path.relative_to(ROOT / "tests").parts[0] in ONCE_FOLDERS:
            item.add_marker(pytest.mark.once)
    place = {name: i for i, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def _demo() -> ad.AnnData:
    import niche

    return niche.datasets.demo()


@pytest.fixture
def demo(_demo: ad.AnnData) -> ad.AnnData:
    """The bundled demo with raw counts in X, the caller's own copy."""
    return _demo.copy()


@pytest.fixture(scope="session")
def _demo_result(_demo: ad.AnnData) -> ad.AnnData:
    import niche

    adata = _demo.copy()
    niche.pp.normalize(adata)
    niche.tl.communication(adata, "cell_type")
    return adata


@pytest.fixture
def demo_result(_demo_result: ad.AnnData) -> ad.AnnData:
    """The demo after ``pp.normalize`` and ``tl.communication``, the caller's own copy."""
    return _demo_result.copy()


@pytest.fixture(scope="session")
def _corridor(tmp_path_factory: pytest.TempPathFactory) -> ad.AnnData:
    return once("corridor", _make_corridor, tmp_path_factory)


def _make_corridor() -> ad.AnnData:
    import niche

    adata = niche.datasets.demo()
    del adata.obs["compartment"]
    niche.pp.harmonize_genes(adata)
    niche.pp.check(adata)
    niche.pp.qc(adata)
    niche.pp.normalize(adata)
    niche.pp.ambient(adata)
    niche.tl.infer_cnv(adata, reference=["Fibroblast", "T cell"])
    niche.tl.call_compartments(adata, labels={"Malignant": "tumor"})
    niche.pp.integrate(adata)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("niche.tl._cluster_stability.RESOLUTIONS", FEW_RESOLUTIONS)
        niche.tl.cluster(adata)
    niche.tl.annotate(adata, cell_type_key="by_markers")
    niche.tl.communication(adata, "cell_type")
    niche.tl.composition(adata)
    niche.tl.programs(adata, k=5, n_starts=3)
    niche.tl.compare_programs(adata)
    niche.tl.score_signatures(adata, SIGNATURES)
    niche.tl.compatibility(adata, "cell_type", n_sets=99)
    niche.tl.ligand_activity(adata, NETWORK, "cell_type")
    pairs = niche.resources.ligand_receptor()
    few = pairs[pairs["ligand"].isin(["CXCL12", "SPP1"])]
    niche.tl.communication(adata, "cell_type", resource=few, null="analytic", key_added="few_pairs")
    niche.tl.compare_communication(adata, key="few_pairs", n_permutations=3)
    niche.tl.compare_expression(adata, "cell_type")
    niche.tl.compare_sublines(adata, subline_key="sample", parental="breast")
    niche.tl.tropism(adata)
    lay_out(adata)
    few_spatial = {"resource": few, "min_spots": 20, "min_interface": 3}
    niche.tl.spatial_communication(adata, local=[("CXCL12", "CXCR4")], **few_spatial)
    niche.tl.compare_spatial(adata)
    niche.tl.touching(adata, n_perms=20)
    made = niche.recipes.multiverse(adata, FEW_UNIVERSES)
    made.var["genome"] = np.where(np.arange(made.n_vars) < made.n_vars // 3, "mouse", "human")
    niche.pp.split_species(made, species_key="genome")
    return made


@pytest.fixture
def corridor(_corridor: ad.AnnData) -> ad.AnnData:
    """The demo after every step of the corridor, the caller's own copy."""
    return _corridor.copy()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data sets, by NICHE_DATA_DIR or beside the checkout; skips where there is none."""
    named = os.environ.get("NICHE_DATA_DIR")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data sets: {folder} does not exist (NICHE_DATA_DIR names it)")
    return folder


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    """Leave no figure open, so that a test sees only its own."""
    yield
    import sys

    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")


@pytest.fixture(autouse=True)
def _own_scores() -> Iterator[None]:
    """Forget the scores a test or an example registers."""
    from niche.tl import scores

    before = dict(scores._REGISTRY)
    yield
    scores._REGISTRY.clear()
    scores._REGISTRY.update(before)

from __future__ import annotations

import sys
import types

import anndata as ad
import numpy as np
import pytest
from held import held, unchanged
from scipy import sparse

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError, NicheWarning

QUICK = {"n_pcs": 8}


@pytest.fixture(scope="module")
def _shifted(_tiny):
    """The tiny study with a shift of ten genes in every patient."""
    adata = _tiny.copy()
    values = adata.X.toarray()
    for i, patient in enumerate(sorted(set(adata.obs["patient"]))):
        values[np.ix_(adata.obs["patient"] == patient, range(10 * i, 10 * i + 10))] += 1.5
    adata.X = sparse.csr_matrix(values)
    return adata


@pytest.fixture
def shifted(_shifted):
    """Its own copy."""
    return _shifted.copy()


def own_batch(adata, chosen, coordinates):
    """Share of the nearest 15 cells that are of the same patient."""
    from sklearn.neighbors import NearestNeighbors

    points = coordinates[chosen]
    labels = adata.obs["patient"].to_numpy()[chosen]
    near = NearestNeighbors(n_neighbors=16).fit(points).kneighbors(points, return_distance=False)[:, 1:]
    return float((labels[near] == labels[:, None]).mean())


def test_batches_are_mixed_and_types_are_not(shifted):
    from niche._components import components

    host = (shifted.obs["compartment"] != "tumor").to_numpy()
    niche.pp.integrate(shifted, batch_key="patient", **QUICK)
    found = shifted.obsm["X_integrated"]
    assert found.shape == (shifted.n_obs, 8)
    assert found.dtype == np.float32
    batches = shifted.obs["patient"].astype("category").cat.codes.to_numpy()
    seed = int(np.random.default_rng(0).integers(2**31 - 1))
    pca = components(shifted.X, batches, 2000, 8, seed).pca
    assert own_batch(shifted, host, found) < own_batch(shifted, host, pca) - 0.2


def test_malignant_and_unresolved_cells_keep_their_components(shifted):
    shifted.obs.loc[shifted.obs["cell_type"] == "T cell", "compartment"] = "unresolved"
    niche.pp.integrate(shifted, batch_key="patient", **QUICK)
    kept = shifted.obs["compartment"].isin(["tumor", "unresolved"]).to_numpy()
    again = niche.pp.integrate(shifted, batch_key="sample", copy=True, organ_key="cell_type", **QUICK)
    everything = niche.pp.integrate(shifted, batch_key="patient", malignant=True, copy=True, **QUICK)
    components = shifted.obsm["X_integrated"][kept]
    assert np.abs(everything.obsm["X_integrated"][kept] - components).max() > 0.1
    assert np.allclose(np.abs(again.obsm["X_integrated"][kept]), np.abs(components), atol=1e-3)
    table = shifted.uns["integrate"]["table"]
    assert table["n_cells"].sum() == shifted.n_obs
    assert table["n_integrated"].sum() == (~kept).sum()
    assert everything.uns["integrate"]["table"]["n_integrated"].sum() == shifted.n_obs


def test_what_is_stored(shifted):
    x = shifted.X.copy()
    niche.pp.integrate(shifted, **QUICK)
    stored = shifted.uns["integrate"]
    assert stored["params"]["batch_key"] == "patient"
    assert stored["params"]["n_pcs"] == 8
    table = stored["table"].set_index("batch")
    assert table.loc["p2", ["n_organs", "organs"]].tolist() == [2, "bone, liver"]
    assert (x != shifted.X).nnz == 0


def test_clusters_in_the_integrated_space(shifted):
    niche.pp.integrate(shifted, batch_key="patient", **QUICK)
    niche.tl.cluster(shifted, compartment="immune", resolution=0.3, use_rep="X_integrated")
    assert "X_niche_umap" in shifted.obsm
    assert "X_niche_pca" not in shifted.obsm
    assert shifted.uns["cluster"]["params"]["use_rep"] == "X_integrated"


def test_same_seed_same_bits(shifted):
    options = {"batch_key": "patient", "copy": True, **QUICK}
    first, second = (niche.pp.integrate(shifted, rng=rng, **options) for rng in (3, np.random.default_rng(3)))
    assert np.array_equal(first.obsm["X_integrated"], second.obsm["X_integrated"])
    assert "X_integrated" not in shifted.obsm


@pytest.mark.parametrize("turned", [True, False])
def test_both_orientations_of_harmonypy(shifted, monkeypatch, turned):
    """Components x cells before harmonypy 0.1, cells x components since."""

    def run_harmony(data, *_, **__):
        shifted_data = data + 1
        return types.SimpleNamespace(Z_corr=shifted_data.T if turned else shifted_data)

    monkeypatch.setitem(sys.modules, "harmonypy", types.SimpleNamespace(run_harmony=run_harmony))
    niche.pp.integrate(shifted, batch_key="patient", **QUICK)
    host = (shifted.obs["compartment"] != "tumor").to_numpy()
    found = shifted.obsm["X_integrated"]
    monkeypatch.setitem(
        sys.modules, "harmonypy",
        types.SimpleNamespace(run_harmony=lambda data, *_, **__: types.SimpleNamespace(Z_corr=data)),
    )  # fmt: skip
    niche.pp.integrate(shifted, batch_key="patient", **QUICK)
    assert np.allclose(found[host] - shifted.obsm["X_integrated"][host], 1, atol=1e-5)
    assert np.array_equal(found[~host], shifted.obsm["X_integrated"][~host])


def test_batches_within_organs_are_warned_of(shifted):
    with pytest.warns(NicheWarning, match=r"every batch of adata.obs\['sample'\] lies within one organ"):
        niche.pp.integrate(shifted, batch_key="sample", **QUICK)
    assert "X_integrated" in shifted.obsm


def test_without_organs_or_in_one_there_is_no_warning(shifted):
    del shifted.obs["organ"]
    niche.pp.integrate(shifted, batch_key="sample", **QUICK)
    assert set(shifted.uns["integrate"]["table"]["n_organs"]) == {0}
    shifted.obs["organ"] = "bone"
    niche.pp.integrate(shifted, batch_key="sample", **QUICK)


@pytest.mark.parametrize("kind", ["numpy", "csc", "dask", "backed", "view"])
def test_every_kind_of_matrix(shifted, kind, tmp_path):
    options = {"batch_key": "patient", **QUICK}
    expected = niche.pp.integrate(shifted, copy=True, **options).obsm["X_integrated"]
    if kind == "numpy":
        shifted.X = shifted.X.toarray()
    elif kind == "csc":
        shifted.X = shifted.X.tocsc()
    elif kind == "dask":
        dask = pytest.importorskip("dask.array")
        shifted.X = dask.from_array(shifted.X.toarray(), chunks=(100, 20))
    elif kind == "view":
        shifted = shifted[: shifted.n_obs]
    else:
        shifted.write_h5ad(tmp_path / "a.h5ad")
        shifted = ad.read_h5ad(tmp_path / "a.h5ad", backed="r")
    niche.pp.integrate(shifted, **options)
    assert np.array_equal(shifted.obsm["X_integrated"], expected)
    if kind == "backed":
        shifted.file.close()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"batch_key": "study"}, MissingKeyError, "column 'study' not found"),
        ({"method": "scvi"}, InputValueError, "method must be one of 'harmony'"),
        ({"malignant": "yes"}, InputTypeError, "malignant must be True or False"),
        ({"n_pcs": 1}, InputValueError, "n_pcs must be an integer in"),
        ({"n_top_genes": 1}, InputValueError, "n_top_genes must be an integer in"),
        ({"theta": -1}, InputValueError, r"theta must be a number in \[0, 100\]"),
        ({"organ_key": "site"}, MissingKeyError, "column 'site' not found"),
        (
            {"compartment_key": "part"},
            MissingKeyError,
            "malignant cells cannot be left out. Run niche.tl.call",
        ),
        ({"layer": "log"}, MissingKeyError, "layer 'log' not found"),
        ({"layer": "counts"}, InputValueError, "look like counts"),
        ({"rng": "a"}, InputTypeError, "rng must be a non-negative integer"),
        ({"key_added": "a/b"}, InputValueError, "key_added must be a non-empty string without '/'"),
    ],
)
def test_bad_options_write_nothing(tiny, options, error, message):
    before = held(tiny)
    with pytest.raises(error, match=message):
        niche.pp.integrate(tiny, **{"batch_key": "patient", **options})
    assert unchanged(tiny, before)


def test_nothing_to_integrate(tiny):
    tiny.obs["one"] = "a"
    before = held(tiny)
    with pytest.raises(
        InputValueError, match=r"the cells lie in 1 batch of adata.obs\['one'\] \(\d+ malignant"
    ):
        niche.pp.integrate(tiny, batch_key="one")
    with pytest.raises(InputValueError, match="12 cells are too few to integrate, 20 are needed"):
        niche.pp.integrate(tiny[tiny.obs["compartment"] != "tumor"][:12].copy(), batch_key="patient")
    assert unchanged(tiny, before)
    tiny.obs["compartment"] = "tumor"
    with pytest.raises(InputValueError, match="the cells lie in 0 batch"):
        niche.pp.integrate(tiny, batch_key="patient")


def test_without_compartments_one_must_say_that_all_cells_are_meant(tiny):
    del tiny.obs["compartment"]
    with pytest.raises(MissingKeyError, match="malignant=True"):
        niche.pp.integrate(tiny, batch_key="patient")
    niche.pp.integrate(tiny, batch_key="patient", malignant=True, **QUICK)
    assert "X_integrated" in tiny.obsm


def test_missing_batches(tiny):
    tiny.obs["patient"] = tiny.obs["patient"].astype(object).where(np.arange(tiny.n_obs) > 3)
    with pytest.raises(InputValueError, match=r"4 of \d+ cells have no label in adata.obs\['patient'\]"):
        niche.pp.integrate(tiny, batch_key="patient")

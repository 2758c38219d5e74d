from __future__ import annotations

import sys

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from held import held, unchanged
from scipy import sparse

import niche
from niche._slots import read
from niche.errors import InputTypeError, InputValueError, MissingKeyError
from niche.tl import _cluster_stability

cluster_shell = sys.modules["niche.tl.cluster"]


QUICK = {"embedding": False, "n_pcs": 8, "n_neighbors": 8}
FEW_RESOLUTIONS = (_cluster_stability, "RESOLUTIONS", (0.4, 1.0))


@pytest.fixture
def few_resolutions(monkeypatch):
    """Stability looks at two resolutions; the others repeat the same steps."""
    monkeypatch.setattr(*FEW_RESOLUTIONS)


@pytest.fixture
def quick(few_resolutions):
    """Options that make clustering of the tiny data fast; stability looks at two resolutions."""
    return dict(QUICK)


@pytest.fixture(scope="module")
def _clustered(_tiny):
    adata = _tiny.copy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(*FEW_RESOLUTIONS)
        niche.tl.cluster(adata, **QUICK)
    return adata


@pytest.fixture
def clustered(_clustered):
    """The tiny data, each compartment clustered with the quick options."""
    return _clustered.copy()


@pytest.fixture(scope="module")
def _rounded(_tiny):
    adata = _tiny.copy()
    adata.X = sparse.csr_matrix(adata.X.toarray().astype(np.float16).astype(np.float32))
    return adata


@pytest.fixture(scope="module")
def expected(_rounded):
    """Clusters of the immune cells where every value is one of float16."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(*FEW_RESOLUTIONS)
        return niche.tl.cluster(_rounded, copy=True, compartment="immune", **QUICK).obs["cluster"]


def names_of(adata, compartment):
    return set(adata.obs.loc[adata.obs["compartment"] == compartment, "cluster"])


def test_each_compartment_by_itself(tiny, quick):
    x = tiny.X.copy()
    niche.tl.cluster(tiny, **quick)
    for compartment in ("tumor", "stromal", "immune", "parenchymal"):
        names = names_of(tiny, compartment)
        assert names == {f"{compartment} {i}" for i in range(len(names))}
    table = tiny.uns["cluster"]["table"].set_index("compartment")
    assert table.index.tolist() == ["tumor", "stromal", "immune", "parenchymal"]
    assert table["n_cells"].sum() == tiny.n_obs
    assert table.loc["tumor", "n_clusters"] == len(names_of(tiny, "tumor"))
    assert (table["status"] == "clustered").all()
    sizes = tiny.obs["cluster"].value_counts()
    assert sizes["immune 0"] >= sizes["immune 1"]
    assert (x != tiny.X).nnz == 0
    assert not {"X_umap", "X_pca", "X_niche_umap"} & set(tiny.obsm)


def test_cell_types_are_recovered(tiny, quick):
    niche.tl.cluster(tiny, resolution=0.4, **quick)
    immune = tiny.obs[tiny.obs["compartment"] == "immune"]
    shares = pd.crosstab(immune["cluster"].astype(str), immune["cell_type"].astype(str), normalize="index")
    assert (shares.max(axis=1) > 0.7).all()


def test_one_compartment(tiny, quick):
    niche.tl.cluster(tiny, compartment="immune", **quick)
    others = tiny.obs["compartment"] != "immune"
    assert set(tiny.obs.loc[others, "cluster"]) == {"not_assessed"}
    assert "not_assessed" not in names_of(tiny, "immune")
    assert tiny.uns["cluster"]["table"]["compartment"].tolist() == ["immune"]


@pytest.mark.usefixtures("few_resolutions")
def test_all_cells_without_compartments(tiny):
    del tiny.obs["compartment"]
    tiny.obsm["X_umap"] = tiny.obsm["X_pca"] = np.zeros((tiny.n_obs, 2))
    niche.tl.cluster(tiny, key_added="groups")
    assert set(tiny.obs["groups"]) == {str(i) for i in range(tiny.obs["groups"].nunique())}
    assert tiny.uns["groups"]["table"]["compartment"].tolist() == ["all cells"]
    assert tiny.obsm["X_niche_pca"].shape == (tiny.n_obs, 30)
    assert tiny.obsm["X_niche_umap"].shape == (tiny.n_obs, 2)
    assert np.isfinite(tiny.obsm["X_niche_umap"]).all()
    assert not tiny.obsm["X_umap"].any()
    assert not tiny.obsm["X_pca"].any()
    assert "cluster" not in tiny.obs


def test_unresolved_cells_are_no_compartment(tiny, quick):
    tiny.obs["compartment"] = tiny.obs["compartment"].astype(str).replace("stromal", "unresolved")
    niche.tl.cluster(tiny, **quick)
    table = tiny.uns["cluster"]["table"].set_index("compartment")
    told = table["reason"].str.startswith(
        "unresolved cells are no compartment: clusters of what was not decided"
    )
    assert told[told].index.tolist() == ["unresolved"]
    assert all(name.startswith("unresolved ") for name in names_of(tiny, "unresolved"))


def test_big_groups_say_how_many_cells_judged_them(tiny, quick, monkeypatch):
    for place in (_cluster_stability, cluster_shell):
        monkeypatch.setattr(place, "MAXIMUM_CELLS", 60)
    niche.tl.cluster(tiny, compartment="immune", **quick)
    (reason,) = tiny.uns["cluster"]["table"]["reason"]
    assert "stability judged on 60 cells" in reason


def test_small_groups_are_kept_and_say_so(tiny, quick):
    few = (tiny.obs["cell_type"] == "Hepatocyte") & (np.arange(tiny.n_obs) % 4 != 0)
    tiny = tiny[~few].copy()
    niche.tl.cluster(tiny, **quick)
    row = tiny.uns["cluster"]["table"].set_index("compartment").loc["parenchymal"]
    assert (row["n_clusters"], row["status"]) == (1, "not_assessed")
    assert row["reason"] == "fewer than 20 cells: kept as one cluster"
    assert np.isnan(row["silhouette"])
    assert names_of(tiny, "parenchymal") == {"parenchymal 0"}


def test_reduced_options_are_said(tiny):
    niche.tl.cluster(tiny, compartment="parenchymal", embedding=False)
    (reason,) = tiny.uns["cluster"]["table"]["reason"]
    assert reason.startswith("30 components reduced to 19 for 20 cells")


def test_two_cells_in_all(tiny):
    two = tiny[:2].copy()
    del two.obs["compartment"]
    niche.tl.cluster(two)
    assert two.obs["cluster"].tolist() == ["0", "0"]
    assert "X_niche_umap" not in two.obsm


@pytest.mark.usefixtures("few_resolutions")
def test_same_seed_same_bits(tiny):
    first, second = (niche.tl.cluster(tiny, rng=seed, copy=True) for seed in (5, np.random.default_rng(5)))
    assert first.obs.equals(second.obs)
    for part in ("table", "stability"):
        pd.testing.assert_frame_equal(
            first.uns["cluster"][part], second.uns["cluster"][part], check_exact=True
        )
    for slot in ("X_niche_pca", "X_niche_umap"):
        assert np.array_equal(first.obsm[slot], second.obsm[slot])
    assert "cluster" not in tiny.obs


@pytest.mark.parametrize("kind", ["numpy", "csc", "float16", "dask", "view", "backed", "layer"])
def test_every_kind_of_matrix(_rounded, expected, quick, kind, tmp_path):
    options = quick | {"compartment": "immune"}
    tiny = _rounded.copy()
    if kind == "numpy":
        tiny.X = tiny.X.toarray()
    elif kind == "csc":
        tiny.X = tiny.X.tocsc()
    elif kind == "float16":
        tiny.X = tiny.X.toarray().astype(np.float16)
    elif kind == "dask":
        dask = pytest.importorskip("dask.array")
        tiny.X = dask.from_array(tiny.X.toarray(), chunks=(100, 20))
    elif kind == "view":
        tiny = tiny[: tiny.n_obs]
    elif kind == "layer":
        tiny.layers["log"] = tiny.X
        tiny.X = tiny.layers["counts"]
        options["layer"] = "log"
    else:
        tiny.write_h5ad(tmp_path / "a.h5ad")
        tiny = ad.read_h5ad(tmp_path / "a.h5ad", backed="r")
    niche.tl.cluster(tiny, **options)
    assert tiny.obs["cluster"].astype(str).tolist() == expected.astype(str).tolist()
    if kind == "backed":
        tiny.file.close()


def test_a_view_leaves_its_parent(tiny, quick, recwarn):
    before = held(tiny)
    niche.tl.cluster(tiny[tiny.obs["compartment"] == "immune"], **quick)
    assert unchanged(tiny, before)
    assert not [w for w in recwarn if "view" in str(w.message) or "leiden" in str(w.message)]


@pytest.mark.parametrize("extension", ["h5ad", "zarr"])
def test_round_trip(clustered, tmp_path, extension):
    getattr(clustered, f"write_{extension}")(tmp_path / f"a.{extension}")
    again = getattr(ad, f"read_{extension}")(tmp_path / f"a.{extension}")
    stored = read.result(again, "cluster", run_first="niche.tl.cluster")
    for name, column in clustered.uns["cluster"]["table"].items():
        assert stored["table"][name].astype(str).tolist() == column.astype(str).tolist()
    assert again.obs["cluster"].astype(str).tolist() == clustered.obs["cluster"].astype(str).tolist()


def test_stale_when_compartments_change(tiny, quick):
    niche.tl.cluster(tiny, compartment="immune", **quick)
    assert read.is_current(tiny, "cluster", {"n_pcs": 8})
    tiny.obs["compartment"] = "immune"
    assert not read.is_current(tiny, "cluster", {"n_pcs": 8})


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"compartment": "liver"}, InputValueError, "compartment must be one of 'tumor', .* Got 'liver'"),
        (
            {"compartment": "endothelial"},
            InputValueError,
            r"no cell has adata.obs\['compartment'\] == 'endo.*Found: 'tumor'",
        ),
        (
            {"compartment_key": "comp"},
            MissingKeyError,
            "'comp' not found.*Run niche.tl.call_compartments first",
        ),
        (
            {"sample_key": "biopsy"},
            MissingKeyError,
            "column 'biopsy' not found in adata.obs. Available: 'sample'",
        ),
        (
            {"layer": "log"},
            MissingKeyError,
            r"layer 'log' not found in adata.layers. Available: \['counts'\]",
        ),
        (
            {"layer": "counts"},
            InputValueError,
            r"layers\['counts'\] must hold log1p.*look like counts.*Run niche.pp.normalize",
        ),
        ({"resolution": 0}, InputValueError, r"resolution must be a number in \(0, 100\]. Got 0"),
        ({"n_top_genes": 5}, InputValueError, "n_top_genes must be an integer in"),
        ({"n_pcs": 1}, InputValueError, "n_pcs must be an integer in"),
        ({"n_neighbors": 1.5}, InputValueError, "n_neighbors must be an integer in"),
        ({"rng": -1}, InputTypeError, "rng must be a non-negative integer or a numpy Generator. Got -1"),
        ({"key_added": ""}, InputValueError, "key_added must be a non-empty string without '/'"),
        ({"embedding": "yes"}, InputTypeError, "embedding must be True or False"),
    ],
)
def test_bad_options_write_nothing(tiny, options, error, message):
    before = held(tiny)
    with pytest.raises(error, match=message):
        niche.tl.cluster(tiny, **options)
    assert unchanged(tiny, before)


@pytest.mark.parametrize(("bad", "found"), [(np.nan, "1 NaN"), (np.inf, "1 infinite"), (-1, "1 negative")])
def test_bad_values_write_nothing(tiny, bad, found):
    tiny.X = tiny.X.toarray()
    tiny.X[5, 5] = bad
    before = held(tiny)
    with pytest.raises(InputValueError, match=f"X must be finite and non-negative, found {found}"):
        niche.tl.cluster(tiny)
    assert unchanged(tiny, before)


def test_other_bad_input(tiny):
    with pytest.raises(InputTypeError, match="adata must be an AnnData. Got numpy.ndarray"):
        niche.tl.cluster(np.ones((3, 3)))
    with pytest.raises(InputValueError, match="adata is empty: 0 cells"):
        niche.tl.cluster(tiny[:0].copy())
    without = tiny.copy()
    del without.obs["compartment"]
    with pytest.raises(
        MissingKeyError, match="'compartment' not found.*Run niche.tl.call_compartments first"
    ):
        niche.tl.cluster(without, compartment="tumor")
    tiny.obs["compartment"] = "cancer"
    with pytest.raises(InputValueError, match="must hold only 'tumor'.*Found 'cancer'"):
        niche.tl.cluster(tiny)


def test_real_breast_metastases(shared_data):
    adata = ad.read_h5ad(shared_data / "chung2017_breast_primary_LNmet.h5ad")
    niche.pp.normalize(adata)
    niche.tl.call_compartments(adata, groupby="cell_type_marker", malignant_key="malignant_putative")
    niche.tl.cluster(adata, embedding=False)
    table = adata.uns["cluster"]["table"].set_index("compartment")
    assert table.loc["immune", "n_clusters"] > 2
    immune = adata.obs[adata.obs["compartment"] == "immune"]
    shares = pd.crosstab(
        immune["cluster"].astype(str), immune["cell_type_marker"].astype(str), normalize="index"
    )
    assert shares.max(axis=1).mean() > 0.7


def test_real_lung_metastases_in_batches(shared_data):
    adata = ad.read_h5ad(shared_data / "maynard2020_nsclc_mets_3k.h5ad")
    niche.tl.call_compartments(adata, malignant_key="malignant_putative")
    niche.tl.cluster(adata, compartment="immune", embedding=False)
    (row,) = adata.uns["cluster"]["table"].to_dict("records")
    assert row["n_batches"] > 5
    assert row["n_clusters"] > 5
    immune = adata.obs[adata.obs["compartment"] == "immune"]
    shares = pd.crosstab(immune["cluster"].astype(str), immune["cell_type"].astype(str), normalize="index")
    assert shares.max(axis=1).mean() > 0.6

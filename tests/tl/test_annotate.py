from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from held import held, unchanged
from scipy import sparse

import niche
from niche import resources
from niche._slots import read
from niche.errors import InputTypeError, InputValueError, MissingKeyError, StaleResultError

TYPES = {
    "T cell": "immune",
    "B cell": "immune",
    "Macrophage (pan)": "immune",
    "Fibroblast / CAF (pan)": "stromal",
    "Hepatocyte": "parenchymal",
    "Astrocyte": "parenchymal",
}
ORGANS = {"Hepatocyte": ["liver"], "Astrocyte": ["brain"]}


@pytest.fixture(scope="module")
def _planted():
    rng = np.random.default_rng(0)
    table = resources.markers()
    marked = {name: sorted(set(table.loc[table["cell_type"] == name, "gene"])) for name in TYPES}
    background = [f"GENE{i}" for i in range(700)]
    genes = [*sorted(set(table["gene"])), *background]
    base = rng.gamma(0.7, 0.5, len(genes))
    rows, obs = [], []
    for name, compartment in TYPES.items():
        for organ in ORGANS.get(name, ["liver", "brain"]):
            mean = base.copy()
            mean[[genes.index(gene) for gene in marked[name]]] = 8
            rows.append(rng.poisson(mean, (30, len(genes))))
            obs += [(organ, name, compartment)] * 30
    frame = pd.DataFrame(obs, columns=["organ", "author", "compartment"])
    frame["groups"] = frame["author"].astype("category").cat.codes.astype(str)
    frame.index = [f"cell{i}" for i in range(len(frame))]
    values = sparse.csr_matrix(np.log1p(np.vstack(rows)).astype(np.float32))
    return ad.AnnData(values, obs=frame, var=pd.DataFrame(index=genes))


@pytest.fixture
def planted(_planted):
    """Six planted types in two organs, with their clusters."""
    return _planted.copy()


@pytest.mark.parametrize("level", ["cluster", "cell"])
@pytest.mark.parametrize("compartments", [True, False])
def test_planted_types_are_named(planted, level, compartments):
    if not compartments:
        del planted.obs["compartment"]
    niche.tl.annotate(planted, cluster_key=None if level == "cell" else "groups", level=level)
    named = (planted.obs["cell_type"].astype(str) == planted.obs["author"]).mean()
    assert named > (0.99 if level == "cluster" else 0.9)
    assert set(planted.obs.loc[planted.obs["author"] == "T cell", "lineage"]) <= {"lymphoid", "unknown"}
    assert planted.obs["cell_type_score"].dtype == np.float32
    assert planted.uns["annotate"]["params"]["level"] == level


@pytest.mark.parametrize("level", ["cluster", "cell"])
def test_hepatocytes_only_in_the_liver(planted, level):
    planted.obs["organ"] = planted.obs["organ"].replace({"liver": "brain", "brain": "liver"}).astype(str)
    niche.tl.annotate(planted, cluster_key=None if level == "cell" else "groups", level=level)
    assert not {"Hepatocyte", "Astrocyte"} & set(planted.obs["cell_type"])
    lost = planted.obs["author"].isin(["Hepatocyte", "Astrocyte"])
    assert (planted.obs.loc[lost, "cell_type"] == "unknown").mean() > 0.9


def test_organ_names_are_read_loosely_and_unknown_organs_quietly(planted):
    planted.obs["organ"] = planted.obs["organ"].replace({"liver": "Liver", "brain": "Adrenal"}).astype(str)
    niche.tl.annotate(planted, cluster_key="groups")
    assert {"Hepatocyte", "T cell"} <= set(planted.obs["cell_type"])
    assert "Astrocyte" not in set(planted.obs["cell_type"])


def test_without_organs_only_shared_types(planted):
    del planted.obs["organ"]
    niche.tl.annotate(planted, cluster_key="groups")
    assert {"T cell", "B cell"} <= set(planted.obs["cell_type"])
    assert not {"Hepatocyte", "Astrocyte"} & set(planted.obs["cell_type"])


def test_tumor_cells_are_malignant_whatever_their_markers(planted):
    planted.obs.loc[planted.obs["author"] == "B cell", "compartment"] = "tumor"
    niche.tl.annotate(planted, cluster_key="groups")
    cells = planted.obs[planted.obs["author"] == "B cell"]
    assert set(cells["cell_type"]) == {"Malignant cell"}
    assert set(cells["lineage"]) == {"malignant"}
    assert cells["cell_type_score"].isna().all()
    row = niche.get.annotate(planted, what="cell_types").set_index("cell_type").loc["Malignant cell"]
    assert row["cell_ontology_id"] == "CL:0001064"


def test_contradicted_compartments_abstain(planted):
    planted.obs.loc[planted.obs["author"] == "B cell", "compartment"] = "stromal"
    niche.tl.annotate(planted, cluster_key="groups")
    assert set(planted.obs.loc[planted.obs["author"] == "B cell", "cell_type"]) == {"unknown"}
    reasons = set(niche.get.annotate(planted)["reason"])
    assert "markers of B cell, which is not stromal" in reasons


def test_small_parts_of_a_cluster_use_its_whole_profile(planted):
    rows = np.flatnonzero((planted.obs["author"] == "T cell") & (planted.obs["organ"] == "brain"))
    values = planted.X.toarray()
    values[rows[:3]] = 0
    planted.X = sparse.csr_matrix(values)
    planted = planted[np.setdiff1d(np.arange(planted.n_obs), rows[3:])].copy()
    niche.tl.annotate(planted, cluster_key="groups")
    found = planted.obs[(planted.obs["author"] == "T cell") & (planted.obs["organ"] == "brain")]
    assert found["cell_type"].tolist() == ["T cell"] * 3


def test_stored_clusters_are_taken(demo):
    niche.pp.normalize(demo)
    niche.tl.cluster(demo, compartment="immune", resolution=1, embedding=False)
    niche.tl.annotate(demo, cell_type_key="named")
    assert demo.uns["annotate"]["params"]["cluster_key"] == "cluster"
    others = ~demo.obs["compartment"].isin(["immune", "tumor"])
    assert set(demo.obs.loc[others, "named"]) == {"unknown"}
    assert "not clustered" in set(niche.get.annotate(demo)["reason"])
    immune = demo.obs[demo.obs["compartment"] == "immune"]
    t_cells = immune.loc[immune["cell_type"] == "T cell", "named"].astype(str)
    assert (t_cells == "T cell").mean() > 0.9
    assert read.is_current(demo, "annotate", {"min_score": 1.0})


def test_no_markers_measured(tiny):
    niche.tl.annotate(tiny, cell_type_key="named", level="cell")
    table = niche.get.annotate(tiny, what="markers")
    assert (table["status"] == "too few markers measured").any()
    bare = tiny[:, ["ACTB", "GAPDH", "MALAT1"]].copy()
    niche.tl.annotate(bare, cell_type_key="named2", lineage_key="lineage2", level="cell")
    host = bare.obs["compartment"] != "tumor"
    assert set(bare.obs.loc[host, "named2"]) == {"unknown"}
    assert "no markers measured" in set(niche.get.annotate(bare)["reason"])


def test_labels_of_the_authors_are_never_replaced_silently(planted):
    planted.obs["cell_type"] = "mine"
    before = held(planted)
    with pytest.raises(InputValueError, match="already holds 'cell_type', which .* overwrite=True"):
        niche.tl.annotate(planted, cluster_key="groups")
    assert unchanged(planted, before)
    niche.tl.annotate(planted, cluster_key="groups", cell_type_key="named")
    assert set(planted.obs["cell_type"]) == {"mine"}
    niche.tl.annotate(planted, cluster_key="groups", cell_type_key="named", min_score=2)
    niche.tl.annotate(planted, cluster_key="groups", overwrite=True)
    assert "T cell" in set(planted.obs["cell_type"])
    planted.obs["lineage"] = "mine"
    niche.tl.annotate(planted, cluster_key="groups")
    assert "lymphoid" in set(planted.obs["lineage"])


def test_stricter_rules_abstain_more(planted):
    shares = []
    for min_margin in (0.0, 1.5, 3.0, 5.0):
        niche.tl.annotate(planted, level="cell", min_margin=min_margin)
        shares.append((planted.obs["cell_type"] == "unknown").mean())
    assert shares == sorted(shares)
    assert shares[-1] > shares[0]


def test_result_goes_stale_with_its_clusters(planted):
    niche.tl.annotate(planted, cluster_key="groups")
    planted.obs["groups"] = "0"
    with pytest.raises(StaleResultError, match="obs groups changed"):
        niche.get.annotate(planted)


@pytest.mark.parametrize("kind", ["numpy", "csc", "dask", "backed", "view"])
def test_every_kind_of_matrix(planted, kind, tmp_path):
    expected = niche.tl.annotate(planted, cluster_key="groups", copy=True).obs
    if kind == "numpy":
        planted.X = planted.X.toarray()
    elif kind == "csc":
        planted.X = planted.X.tocsc()
    elif kind == "dask":
        dask = pytest.importorskip("dask.array")
        planted.X = dask.from_array(planted.X.toarray(), chunks=(100, 200))
    elif kind == "view":
        planted = planted[: planted.n_obs]
    else:
        planted.write_h5ad(tmp_path / "a.h5ad")
        planted = ad.read_h5ad(tmp_path / "a.h5ad", backed="r")
    niche.tl.annotate(planted, cluster_key="groups")
    for name in ("cell_type", "lineage"):
        assert planted.obs[name].astype(str).tolist() == expected[name].astype(str).tolist()
    assert np.array_equal(planted.obs["cell_type_score"], expected["cell_type_score"], equal_nan=True)
    if kind == "backed":
        planted.file.close()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"level": "sample"}, InputValueError, "level must be one of 'cluster', 'cell', None"),
        ({"level": "cluster"}, MissingKeyError, "column 'cluster' not found"),
        ({"cluster_key": "leiden"}, MissingKeyError, "column 'leiden' not found"),
        ({"organ_key": "site"}, MissingKeyError, "column 'site' not found"),
        ({"compartment_key": "part"}, MissingKeyError, "'part' not found.*call_compartments"),
        ({"organism": "rat"}, InputValueError, "organism must be one of 'human', 'mouse'"),
        ({"min_score": -1}, InputValueError, r"min_score must be a number in \[0, 5\]"),
        ({"min_margin": "a"}, InputValueError, r"min_margin must be a number in \[0, 5\]"),
        ({"overwrite": 1}, InputTypeError, "overwrite must be True or False"),
        ({"cell_type_key": "x", "lineage_key": "x"}, InputValueError, "must differ"),
        ({"layer": "log"}, MissingKeyError, "layer 'log' not found"),
    ],
)
def test_bad_options_write_nothing(planted, options, error, message):
    before = held(planted)
    with pytest.raises(error, match=message):
        niche.tl.annotate(planted, **options)
    assert unchanged(planted, before)


def test_counts_are_refused(demo):
    before = held(demo)
    with pytest.raises(InputValueError, match="look like counts"):
        niche.tl.annotate(demo, cell_type_key="named")
    assert unchanged(demo, before)


# Real data: the lineage of the authors' label, and how many cells it is given to. No compartments are
# used, so that the labels of the authors cannot come back through them; malignant cells are left out.


def balanced(adata, truth, named):
    expected = np.array([(resources.classify_cell_type(name) or ("", ""))[1] for name in truth], dtype=object)
    known = ~np.isin(expected, ["", "other", "malignant", "parenchymal"])
    called = known & (named != "unknown")
    recall = [(named[called & (expected == x)] == x).mean() for x in sorted(set(expected[called]))]
    return float(np.mean(recall)), float(1 - called.sum() / known.sum())


@pytest.mark.parametrize("level", ["cluster", "cell"])
def test_real_lung_metastases(shared_data, level):
    adata = ad.read_h5ad(shared_data / "maynard2020_nsclc_mets_3k.h5ad")
    niche.tl.cluster(adata, embedding=False, resolution=1)
    niche.tl.annotate(adata, level=level, organ_key="site", cell_type_key="named")
    accuracy, abstained = balanced(adata, adata.obs["cell_type"].astype(str), adata.obs["lineage"].to_numpy())
    assert accuracy > 0.97
    assert abstained < 0.06
    where = adata.obs["site"].astype(str)
    assert set(where[adata.obs["named"] == "Hepatocyte"]) == {"liver"}
    assert set(where[adata.obs["named"] == "AT2"]) == {"lung"}


def test_real_breast_metastases(shared_data):
    adata = ad.read_h5ad(shared_data / "chung2017_breast_primary_LNmet.h5ad")
    niche.pp.normalize(adata)
    niche.tl.cluster(adata, embedding=False, resolution=1)
    niche.tl.annotate(adata, organ_key="site")
    accuracy, abstained = balanced(
        adata, adata.obs["cell_type_marker"].astype(str), adata.obs["lineage"].to_numpy()
    )
    assert accuracy > 0.9
    assert abstained < 0.15


def test_real_blood():
    import scanpy as sc

    adata = sc.datasets.pbmc68k_reduced().raw.to_adata()
    niche.tl.cluster(adata, embedding=False, resolution=1)
    niche.tl.annotate(adata)
    names = {
        "CD14+ Monocyte": "Monocyte", "Dendritic": "Dendritic cell", "CD56+ NK": "NK cell", "CD19+ B": "B cell",
    }  # fmt: skip
    truth = [names.get(name, "T cell" if name.startswith(("CD4", "CD8")) else "other")
             for name in adata.obs["bulk_labels"].astype(str)]  # fmt: skip
    accuracy, abstained = balanced(adata, truth, adata.obs["lineage"].to_numpy())
    assert accuracy > 0.95
    assert abstained < 0.2

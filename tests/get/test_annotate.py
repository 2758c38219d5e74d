from __future__ import annotations

import anndata as ad
import pandas as pd
import pytest
from held import held, unchanged

import niche
from niche.errors import InputValueError, MissingKeyError, StaleResultError

COLUMNS = {
    "clusters": [
        "cluster", "organ", "compartment", "cell_type", "cell_ontology_id", "lineage", "n_cells", "score", "margin",
        "runner_up", "subtype", "subtype_score", "subtype_share", "reason",
    ],
    "cell_types": ["cell_type", "cell_ontology_id", "lineage", "n_cells", "share", "score", "reason"],
    "markers": [
        "organ", "compartment", "cell_type", "parent", "cell_ontology_id", "n_markers", "n_measured", "lineage",
        "status",
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def _named(_demo):
    adata = _demo.copy()
    del adata.uns["truth"], adata.obsm["truth_usage"], adata.varm["truth_ambient"]
    niche.pp.normalize(adata)
    niche.tl.annotate(adata, cluster_key="cell_type", cell_type_key="named")
    return adata


@pytest.fixture
def named(_named):
    """The demo with the labels of the simulation as clusters."""
    return _named.copy()


@pytest.mark.parametrize("what", COLUMNS)
def test_columns(named, what):
    found = niche.get.annotate(named, what=what)
    assert list(found) == COLUMNS[what]
    found.iloc[:, 0] = "changed"
    assert not niche.get.annotate(named, what=what).equals(found)


def test_one_row_per_cluster_organ_and_compartment(named):
    found = niche.get.annotate(named)
    assert found["n_cells"].sum() == named.n_obs
    assert not found.duplicated(["cluster", "organ", "compartment"]).any()
    t_cells = found[found["cluster"] == "T cell"]
    assert set(t_cells["cell_type"]) == {"T cell"}
    assert set(t_cells["cell_ontology_id"]) == {"CL:0000084"}
    assert (t_cells["margin"] > 0.5).all()


def test_cell_types_are_counted_as_stored(named):
    found = niche.get.annotate(named, what="cell_types")
    counts = named.obs["named"].value_counts()
    assert found.groupby("cell_type")["n_cells"].sum().to_dict() == counts[counts > 0].to_dict()
    assert found["share"].sum() == pytest.approx(1)
    assert found["n_cells"].is_monotonic_decreasing
    scores = named.obs.groupby("named", observed=True)["named_score"].mean()
    t_cells = found.set_index("cell_type").loc["T cell", "score"]
    assert t_cells == pytest.approx(scores["T cell"], rel=1e-5)
    assert pd.isna(found.set_index("cell_type").loc["Malignant cell", "score"])


@pytest.mark.parametrize("extension", ["h5ad", "zarr"])
def test_equal_after_writing(named, tmp_path, extension):
    getattr(named, f"write_{extension}")(tmp_path / f"a.{extension}")
    again = getattr(ad, f"read_{extension}")(tmp_path / f"a.{extension}")
    for what in COLUMNS:
        pd.testing.assert_frame_equal(
            niche.get.annotate(again, what=what), niche.get.annotate(named, what=what)
        )


def test_stale(named):
    named.obs["organ"] = "bone"
    with pytest.raises(StaleResultError, match=r"obs organ changed since niche.tl.annotate"):
        niche.get.annotate(named)


def test_bad_input_writes_nothing(demo):
    before = held(demo)
    with pytest.raises(
        MissingKeyError, match=r"adata.uns\['annotate'\] not found. Run niche.tl.annotate first"
    ):
        niche.get.annotate(demo)
    with pytest.raises(InputValueError, match="what must be one of 'clusters', 'cell_types', 'markers'"):
        niche.get.annotate(demo, what="cells")
    assert unchanged(demo, before)

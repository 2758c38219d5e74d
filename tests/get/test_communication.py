"""The tidy table: columns, filters, sample level, round trip and staleness."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from same_tables import assert_same_table

from niche import get, tl
from niche.errors import InputValueError, MissingKeyError, StaleResultError

COLUMNS = (
    "organ source target ligand_complex receptor_complex ligand receptor pathway ligand_means receptor_means "
    "ligand_props receptor_props lr_means expr_prod lr_gmeans lr_probs scaled_weight spec_weight lrscore lr_logfc "
    "interaction_score pval pval_ligand pval_receptor qval magnitude_rank specificity_rank null n_samples "
    "n_patients n_samples_expressed status reason"
).split()


@pytest.fixture(scope="module")
def result(tiny_communication):
    return tiny_communication


def test_columns_and_one_row_per_edge(result):
    table = get.communication(result)
    assert sorted(table.columns) == sorted(COLUMNS)
    assert list(table.columns[:12]) == COLUMNS[:12] and list(table.columns[-6:]) == COLUMNS[-6:]
    assert not table.duplicated(["organ", "source", "target", "ligand_complex", "receptor_complex"]).any()
    n_pairs = len(result.uns["communication"]["pairs"]["ligand_complex"])
    assert len(table) == 2 * 8 * n_pairs


def test_values_belong_to_their_rows(result):
    """Each stored value is found again from the raw matrix, so no row was shifted."""
    x = result.to_df().astype(float)
    table = get.communication(result, organ="liver", status="tested").iloc[::7]
    for row in table.itertuples():
        mean = {}
        for side, genes in (("source", row.ligand_complex), ("target", row.receptor_complex)):
            cells = (result.obs["sample"] == "s4") & (result.obs["cell_type"] == getattr(row, side))
            if getattr(row, "n_samples") == 1:
                mean[side] = x.loc[cells.to_numpy(), genes.split("_")].mean().min()
        if mean:
            assert row.lr_means == pytest.approx((mean["source"] + mean["target"]) / 2, rel=1e-9)
            assert row.ligand_means == pytest.approx(mean["source"], rel=1e-9)


def test_limiting_subunit_is_named(result):
    row = get.communication(result, organ="bone", source="Fibroblast", target="Cancer")
    row = row[(row["ligand_complex"] == "TGFB1") & (row["receptor_complex"] == "TGFBR1_TGFBR2")].iloc[0]
    means = {}
    for gene in ("TGFBR1", "TGFBR2"):
        values = []
        for samples in (["s1", "s2"], ["s3"]):
            values.append(
                np.mean(
                    [
                        result[(result.obs["sample"] == s) & (result.obs["cell_type"] == "Cancer")]
                        .to_df()[gene]
                        .mean()
                        for s in samples
                    ]
                )
            )
        means[gene] = np.mean(values)
    assert row["receptor"] == min(means, key=means.get)


def test_filters(result):
    table = get.communication(result, organ="bone", source=["Fibroblast"], target="Cancer", qval=0.5)
    assert set(table["organ"]) == {"bone"} and set(table["source"]) == {"Fibroblast"}
    assert (table["qval"] <= 0.5).all() and (table["status"] == "tested").all()
    whole = get.communication(result)
    for status in ("tested", "not_expressed", "not_testable"):
        assert len(get.communication(result, status=status)) == (whole["status"] == status).sum()
    pd.testing.assert_frame_equal(
        get.communication(result, status="tested"), whole[whole["status"] == "tested"].reset_index(drop=True)
    )


def test_sample_level_shows_every_sample_of_an_edge(result):
    table = get.communication(result, level="sample", organ="bone", source="Fibroblast", target="Cancer")
    edge = table[(table["ligand_complex"] == "CXCL12") & (table["receptor_complex"] == "CXCR4")]
    assert list(edge["sample"]) == ["s1", "s2", "s3"] and list(edge["patient"]) == ["p1", "p1", "p2"]
    organ = get.communication(result, organ="bone", source="Fibroblast", target="Cancer")
    organ = organ[(organ["ligand_complex"] == "CXCL12") & (organ["receptor_complex"] == "CXCR4")].iloc[0]
    assert organ["ligand_means"] == pytest.approx(np.average(edge["ligand_means"], weights=[1, 1, 2]))
    assert (edge["n_source"] == 25).all() and (edge["n_target"] == 40).all()


def test_survives_h5ad_and_zarr(result, tmp_path):
    expected = get.communication(result)
    result.write_h5ad(tmp_path / "a.h5ad")
    result.write_zarr(tmp_path / "a.zarr")
    for back in (
        ad.read_h5ad(tmp_path / "a.h5ad"),
        ad.read_zarr(tmp_path / "a.zarr"),
        ad.read_h5ad(tmp_path / "a.h5ad", backed="r"),
    ):
        assert_same_table(get.communication(back), expected)


def test_nothing_stored_names_the_function(tiny):
    with pytest.raises(MissingKeyError, match="Run niche.tl.communication first"):
        get.communication(tiny)


def test_changed_labels_make_it_stale(tiny):
    tl.communication(tiny)
    tiny.obs["cell_type"] = tiny.obs["cell_type"].replace({"T cell": "Lymphocyte"})
    with pytest.raises(StaleResultError, match="obs cell_type changed"):
        get.communication(tiny)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"organ": "skin"}, "organ: 'skin' not in the result. Available: 'bone', 'liver'"),
        ({"source": ["Cancer", "B"]}, "source: 'B' not in the result"),
        ({"status": "significant"}, "status must be one of"),
        ({"level": "patient"}, "level must be one of 'organ', 'sample'"),
        ({"qval": 2}, r"qval must be a number in \[0, 1\]"),
    ],
)
def test_bad_options(result, options, message):
    with pytest.raises(InputValueError, match=message):
        get.communication(result, **options)


def test_q_filter_needs_a_null(tiny):
    tl.communication(tiny, null=None)
    with pytest.raises(InputValueError, match="null=None"):
        get.communication(tiny, qval=0.1)

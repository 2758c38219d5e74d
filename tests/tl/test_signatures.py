"""Scores of signatures: by hand, beside scanpy's, planted truth, and what is refused."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import niche
from niche import get, tl
from niche.errors import InputTypeError, InputValueError, MissingKeyError, NicheWarning


@pytest.fixture(scope="module")
def _normal(_demo):
    return niche.pp.normalize(_demo, copy=True)


@pytest.fixture
def normal(_normal):
    return _normal.copy()


@pytest.fixture(scope="module")
def planted(_demo):
    """Genes of the programs that were planted in tumor cells."""
    table = _demo.uns["truth"]["program_genes"]
    names = ("organ_bone", "organ_lung", "organ_liver", "shared_1", "private_1")
    return {name: list(table.loc[table["program"] == name, "gene"].astype(str)) for name in names}


def rest(adata, signature, organ, **options):
    table = get.signatures(adata, contrast=f"{organ}_vs_rest", signature=signature, **options)
    return table.iloc[0]


def test_planted_programs_are_found(normal, planted):
    tl.score_signatures(normal, planted)
    table = get.signatures(normal)
    for organ in ("lung", "liver"):
        found = rest(normal, f"organ_{organ}", organ)
        assert found["call"] == "enriched" and found["effect"] > 0.3
    assert rest(normal, "organ_bone", "bone")["pval"] < 0.05
    others = table[table["signature"].isin(["shared_1", "private_1"])]
    assert (others["qval"].dropna() > 0.1).all(), "nothing is planted in these"


def test_a_down_set_lowers(normal, planted):
    genes = planted["organ_lung"]
    tl.score_signatures(normal, {"up": {"up": genes}, "down": {"down": genes}})
    scores = normal.obsm["signatures"]
    assert rest(normal, "down", "lung")["call"] == "depleted"
    assert np.corrcoef(scores["up"], -scores["down"])[0, 1] > 0.95
    tl.score_signatures(normal, {"both": {"up": planted["organ_bone"], "down": genes}})
    assert rest(normal, "both", "bone")["effect"] > 0 > rest(normal, "both", "lung")["effect"]


def test_close_to_scanpy(normal, planted):
    import scanpy as sc

    tl.score_signatures(normal, planted)
    for name, genes in planted.items():
        sc.tl.score_genes(normal, genes, score_name="scanpy")
        assert np.corrcoef(normal.obs["scanpy"], normal.obsm["signatures"][name])[0, 1] > 0.9


def test_score_by_hand(normal):
    """With all genes in the set but one bin's others as controls: mean of the set less mean of the rest."""
    few = normal[:, :60].copy()
    genes = list(few.var_names[:10])
    tl.score_signatures(few, {"a": genes})
    values = few.X.toarray().astype(float)
    seen = values.sum(axis=0) > 0
    mine = np.isin(few.var_names, genes)
    expected = values[:, mine & seen].mean(axis=1) - values[:, ~mine & seen].mean(axis=1)
    np.testing.assert_allclose(few.obsm["signatures"]["a"], expected, atol=1e-6)


def test_scores_know_no_labels(normal, planted):
    """Controls are drawn once: a cell's score does not depend on how organs are called or which are shown."""
    tl.score_signatures(normal, planted)
    scores = normal.obsm["signatures"].copy()
    other = normal.copy()
    other.obs["organ"] = other.obs["organ"].astype(str).replace({"bone": "liver", "liver": "bone"})
    other.obs["cell_type"] = "one"
    tl.score_signatures(other, planted, tissues=["metastasis", "primary"])
    pd.testing.assert_frame_equal(other.obsm["signatures"], scores, check_exact=True)
    bone = get.signatures(normal, level="sample", organ="bone")
    assert set(bone["organ"]) == {"bone"}
    part = normal[normal.obs["organ"] != "bone"].copy()
    kept = part.obsm["signatures"]
    pd.testing.assert_frame_equal(kept, scores.loc[part.obs_names], check_exact=True)


def test_scores_do_not_depend_on_other_signatures_or_their_order(normal, planted):
    tl.score_signatures(normal, planted)
    scores = normal.obsm["signatures"].copy()
    tl.score_signatures(normal, {"alone": planted["organ_lung"][::-1]})
    np.testing.assert_array_equal(normal.obsm["signatures"]["alone"], scores["organ_lung"])
    tl.score_signatures(normal, {"alone": planted["organ_lung"]}, rng=1)
    assert not np.array_equal(normal.obsm["signatures"]["alone"], scores["organ_lung"])


def test_too_few_genes_are_not_testable(normal, planted):
    sets = {
        "few": [*planted["organ_lung"][:4], "NOT1"],
        "one side": {"up": planted["organ_lung"], "down": ["NOT2"]},
        "all": planted["organ_lung"],
    }
    tl.score_signatures(normal, sets)
    table = get.signatures(normal, level="signature").set_index("signature")
    assert table.loc["few", "reason"] == "too few genes measured: 4 of 5, 10 needed"
    assert table.loc["one side", "reason"] == "no gene of the down set measured"
    assert table["status"].tolist() == ["not_testable", "not_testable", "scored"]
    assert normal.obsm["signatures"][["few", "one side"]].isna().all(axis=None)
    tests = get.signatures(normal, signature="few")
    assert tests["pval"].isna().all() and set(tests["call"]) == {"not_testable"}
    assert set(tests["reason"]) == {"too few genes measured: 4 of 5, 10 needed"}
    tl.score_signatures(normal, sets, min_genes=4)
    assert rest(normal, "few", "lung")["status"] == "tested"


def test_genes_that_no_cell_expresses_are_not_measured(normal, planted):
    genes = planted["organ_lung"][:6]
    values = normal.X.tolil()
    values[:, normal.var_names.get_indexer(genes[:2])] = 0
    normal.X = values.tocsr()
    tl.score_signatures(normal, {"a": genes, "b": planted["organ_bone"]})
    table = get.signatures(normal, level="signature").set_index("signature")
    assert table.loc["a", "missing"] == ", ".join(genes[:2]) and table.loc["a", "status"] == "not_testable"


def test_shipped_signatures(normal):
    tl.score_signatures(normal, min_genes=3)
    table = get.signatures(normal, level="signature").set_index("signature")
    assert table.loc["BONE_KANG_2003", "status"] == "scored"
    assert table.loc["LMS18_MINN_2005", "no_direction"] == "LY6E"
    assert normal.uns["signatures"]["params"]["signatures"] == "niche.resources.signatures()"


def test_compartments(normal, planted):
    tl.score_signatures(normal, planted, compartment="immune")
    scores, obs = normal.obsm["signatures"]["shared_1"], normal.obs
    table = get.signatures(normal, level="sample", signature="shared_1").set_index("sample")
    mine = (obs["sample"] == "P01_bone") & (obs["compartment"] == "immune")
    assert table.loc["P01_bone", "score"] == pytest.approx(scores[mine].mean())
    assert table.loc["P01_bone", "n_cells"] == mine.sum()
    del normal.obs["compartment"]
    with pytest.raises(MissingKeyError, match="compartment=None for all cells"):
        tl.score_signatures(normal, planted)
    tl.score_signatures(normal, planted, compartment=None)
    table = get.signatures(normal, level="sample", signature="shared_1").set_index("sample")
    assert table.loc["P01_bone", "n_cells"] == (obs["sample"] == "P01_bone").sum()


def test_subtype_as_a_covariate(normal, planted):
    tl.score_signatures(normal, planted)
    plain = get.signatures(normal)
    tl.score_signatures(normal, planted, covariates=["subtype"])
    adjusted = get.signatures(normal)
    assert not np.allclose(plain["pval"], adjusted["pval"], equal_nan=True)
    normal.obs["assay_of_organ"] = normal.obs["organ"].astype(str)
    with pytest.raises(InputValueError, match="'assay_of_organ' cannot be told apart from the organs"):
        tl.score_signatures(normal, planted, covariates=["assay_of_organ"])


def test_one_organ_is_scored_and_not_compared(normal, planted):
    bone = normal[normal.obs["organ"] == "bone"].copy()
    with pytest.warns(NicheWarning, match=r"one organ only \(bone\): signatures are scored"):
        tl.score_signatures(bone, planted)
    assert get.signatures(bone, level="sample")["score"].notna().all()
    with pytest.raises(InputValueError, match="organs were not compared: 'bone' is the only one"):
        get.signatures(bone)


@pytest.mark.parametrize(
    ("signatures", "options", "error", "message"),
    [
        ({"a": ["ENSG1", "ENSG2"]}, {}, InputValueError, "no gene of the signatures is in adata.var_names"),
        ({"a": []}, {}, InputValueError, "is empty"),
        ({"a": ["CXCR4"]}, {"compartment": "bone"}, InputValueError, "compartment must be one of"),
        (
            {"a": ["CXCR4"]},
            {"compartment": "epithelial_normal"},
            InputValueError,
            "no cell is in compartment",
        ),
        ({"a": ["CXCR4"]}, {"min_genes": 0}, InputValueError, "min_genes must be an integer"),
        ({"a": ["CXCR4"]}, {"n_controls": 0}, InputValueError, "n_controls must be an integer"),
        ({"a": ["CXCR4"]}, {"rng": -1}, InputTypeError, "rng must be"),
        ({"a": ["CXCR4"]}, {"copy": 1}, InputTypeError, "copy must be"),
        ({"a": ["CXCR4"]}, {"layer": "counts"}, InputValueError, "look like counts"),
        ({"a": ["CXCR4"]}, {"layer": "scaled"}, MissingKeyError, "layer 'scaled' not found"),
        ({"a": ["CXCR4"]}, {"covariates": ["age"]}, MissingKeyError, "covariate 'age' not found"),
        ({"a": ["CXCR4"]}, {"patients": "fixed"}, InputValueError, "needs complete pairing"),
        ({"a": ["CXCR4"]}, {"key_added": "a/b"}, InputValueError, "key_added must be"),
    ],
)
def test_refusals_leave_nothing(normal, signatures, options, error, message):
    before = set(normal.uns), set(normal.obsm)
    with pytest.raises(error, match=message):
        tl.score_signatures(normal, signatures, **options)
    assert (set(normal.uns), set(normal.obsm)) == before


def test_a_file_with_a_set_twice_is_refused_and_leaves_nothing(normal, tmp_path):
    file = tmp_path / "sets.gmt"
    file.write_text("HOMING\t\tCXCR4\nHOMING\t\tCCR7\n")
    with pytest.raises(InputValueError, match=r"sets.gmt, line 2: the gene set 'HOMING' occurs twice"):
        tl.score_signatures(normal, file)
    assert "signatures" not in normal.uns and "signatures" not in normal.obsm


def test_duplicated_gene_names_are_refused(normal):
    normal.var_names = [normal.var_names[0], *normal.var_names[:-1]]
    with pytest.raises(InputValueError, match="occur more than once"):
        tl.score_signatures(normal, {"a": ["CXCR4"]})


def test_values_wrong_in_a_late_row_leave_nothing(normal, planted):
    values = normal.X.tolil()
    values[1234, 5] = np.nan
    normal.X = sparse.csr_matrix(values)
    with pytest.raises(InputValueError, match="1 NaN"):
        tl.score_signatures(normal, planted)
    assert "signatures" not in normal.uns and "signatures" not in normal.obsm


def test_the_same_bits_for_any_number_of_threads_and_storage(normal, planted):
    tl.score_signatures(normal, planted, n_jobs=1)
    other = normal.copy()
    other.X = sparse.csc_matrix(other.X)
    tl.score_signatures(other, planted, n_jobs=3)
    pd.testing.assert_frame_equal(other.obsm["signatures"], normal.obsm["signatures"], check_exact=True)
    pd.testing.assert_frame_equal(get.signatures(other), get.signatures(normal), check_exact=True)


def test_a_second_key_and_a_view(normal, planted):
    view = normal[normal.obs["tissue"] == "metastasis"]
    tl.score_signatures(view, planted, key_added="mine")
    assert isinstance(view, ad.AnnData) and list(view.obsm["mine"]) == list(planted)
    assert len(get.signatures(view, key="mine"))


def test_bulk_expression_is_one_row_per_sample(normal, planted):
    """Tumors in bulk: log values of samples x genes, no compartment, no cells to count."""
    tumor = normal[normal.obs["compartment"] == "tumor"].copy()
    bulk = get.pseudobulk(tumor, by=["sample"])
    bulk.X = np.log2(bulk.X / bulk.X.sum(axis=1, keepdims=True) * 1e6 + 1)
    del bulk.obs["compartment"]
    assert bulk.n_obs == bulk.obs["sample"].nunique()
    tl.score_signatures(bulk, planted, compartment=None)
    assert bulk.uns["signatures"]["bulk"]
    for organ in ("lung", "liver"):
        found = rest(bulk, f"organ_{organ}", organ)
        assert found["call"] == "enriched" and found["effect"] > 0
    samples = get.signatures(bulk, level="sample", signature="organ_lung").set_index("sample")
    assert samples["n_cells"].eq(1).all()
    own = bulk.obsm["signatures"]["organ_lung"].set_axis(bulk.obs["sample"].astype(str))
    np.testing.assert_allclose(samples["score"], own.loc[samples.index.astype(str)])
    with pytest.raises(MissingKeyError, match="compartment=None for all cells"):
        tl.score_signatures(bulk, planted)
    cells = normal.copy()
    tl.score_signatures(cells, planted, compartment=None)
    assert not cells.uns["signatures"]["bulk"]

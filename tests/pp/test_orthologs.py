from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import niche
from niche import get, pp
from niche.errors import InputValueError, MissingKeyError, StaleResultError
from niche.tl._compartments_expression import graft_or_host

NAMES = [
    "GRCh38_CXCR4", "GRCh38_CXCL8", "GRCh38_CCN2", "GRCh38_ACTB", "GRCh38_TP53",
    "mm10___Cxcr4", "mm10___Ccn2", "mm10___Actb", "mm10___Cxcl15",
]  # fmt: skip
"""CXCL8 and Cxcl15 have no partner, and that of TP53 is not measured."""


def by_hand() -> ad.AnnData:
    """One cell of each call, every gene with another count."""
    counts = np.arange(1, 37, dtype=np.float32).reshape(4, 9)
    obs = pd.DataFrame({"sample": ["a", "a", "b", "b"]}, index=list("wxyz"))
    adata = ad.AnnData(sparse.csr_matrix(counts), obs=obs, var=pd.DataFrame(index=NAMES))
    pp.split_species(adata, min_counts=1)
    adata.obs["species"] = pd.Categorical(["human", "mouse", "doublet", "unresolved"])
    return adata


@pytest.fixture(scope="module")
def _drawn() -> ad.AnnData:
    adata = niche.datasets.simulate_xenograft(5, animals_per_organ=2, cells=120, n_genes=1500)
    pp.split_species(adata)
    return adata


@pytest.fixture(scope="module")
def _both(_drawn: ad.AnnData) -> ad.AnnData:
    return pp.collapse_orthologs(_drawn)


def test_each_cell_keeps_the_counts_of_its_species() -> None:
    made = pp.collapse_orthologs(by_hand())
    assert list(made.obs_names) == ["w", "x"] and list(made.var_names) == ["ACTB", "CCN2", "CXCR4"]
    assert made.X.toarray().tolist() == [[4, 3, 1], [17, 16, 15]]
    assert made.obs["graft"].tolist() == [True, False]
    assert made.obs["counts_other_species"].tolist() == [6 + 7 + 8 + 9, 10 + 11 + 12 + 13 + 14]
    assert made.obs["counts_no_ortholog"].tolist() == [2 + 5, 18]
    assert made.var.loc["CXCR4"].to_dict() == {"human_gene": "GRCh38_CXCR4", "mouse_gene": "mm10___Cxcr4"}


def test_what_is_dropped_is_reported() -> None:
    stored = pp.collapse_orthologs(by_hand()).uns["collapse_orthologs"]
    species = stored["species"].set_index("species")
    assert species.loc["human"].to_dict() == {
        "side": "graft", "n_cells": 1, "n_genes": 5, "n_genes_kept": 3, "n_no_ortholog": 1,
        "n_ortholog_not_measured": 1, "counts": 15.0, "share_kept": pytest.approx(8 / 15),
        "counts_other_species": 30.0,
    }  # fmt: skip
    dropped = stored["dropped"].set_index("gene")
    assert dropped["reason"].to_dict() == {
        "GRCh38_TP53": "ortholog not measured", "GRCh38_CXCL8": "no one-to-one ortholog",
        "mm10___Cxcl15": "no one-to-one ortholog",
    }  # fmt: skip
    assert dropped["ligand_or_receptor"]["GRCh38_CXCL8"] and not dropped["ligand_or_receptor"]["GRCh38_TP53"]
    assert dropped["share"]["GRCh38_TP53"] == pytest.approx(5 / 15)
    samples = stored["samples"].set_index("sample")
    assert samples.loc["b", ["n_doublet", "n_unresolved", "n_human"]].tolist() == [1, 1, 0]
    assert samples.loc["a", "share_other_species"] == pytest.approx((30 + 60) / (45 + 126))
    assert np.isnan(samples.loc["b", "share_other_species"])


def test_mouse_symbols_where_asked() -> None:
    made = pp.collapse_orthologs(by_hand(), organism="mouse")
    assert list(made.var_names) == ["Actb", "Ccn2", "Cxcr4"]
    assert made.X.toarray().tolist() == [[4, 3, 1], [17, 16, 15]]


def test_previous_symbols_and_ensembl_ids_find_their_partner() -> None:
    adata = by_hand()
    adata.var_names = ["GRCh38_CTGF" if name == "GRCh38_CCN2" else name for name in NAMES]
    pp.split_species(adata, min_counts=1)
    adata.obs["species"] = pd.Categorical(["human", "mouse", "doublet", "unresolved"])
    assert "CCN2" in pp.collapse_orthologs(adata).var_names
    ids = adata.copy()
    ids.var_names = [{"GRCh38_CXCR4": "ENSG00000121966.8", "mm10___Cxcr4": "ENSMUSG00000045382"}.get(n, n) for n in NAMES]  # fmt: skip
    pp.split_species(ids, min_counts=1)
    ids.obs["species"] = pd.Categorical(["human", "mouse", "doublet", "unresolved"])
    assert "CXCR4" in pp.collapse_orthologs(ids).var_names


def test_nothing_is_lost_but_what_is_recorded(_drawn: ad.AnnData, _both: ad.AnnData) -> None:
    kept = _drawn[_both.obs_names]
    whole = np.asarray(kept.X.sum(axis=1)).ravel()
    parts = np.asarray(_both.X.sum(axis=1)).ravel() + _both.obs["counts_other_species"]
    assert np.array_equal(parts + _both.obs["counts_no_ortholog"], whole)
    assert list(_both.obs_names) == list(_drawn.obs_names[_drawn.obs["species"].isin(["human", "mouse"])])
    assert _both.X.dtype == np.float32 and (_both.X.data == np.floor(_both.X.data)).all()
    assert get.species(_both).equals(get.species(_drawn)), "the thresholds come along"


def test_counts_are_those_of_the_study_in_one_genome(_drawn: ad.AnnData, _both: ad.AnnData) -> None:
    human = _drawn.var_names.str.startswith("GRCh38_")
    for species, mine in (("human", human), ("mouse", ~human)):
        cells = _both.obs_names[_both.obs["species"] == species]
        genes = _drawn.var.loc[mine & _drawn.var["truth_one_to_one"].to_numpy(), "truth_gene"]
        before = _drawn[cells, genes.index].X.toarray()
        assert np.array_equal(_both[cells, genes.to_numpy()].X.toarray(), before)


def test_cells_may_be_left_out_before(_drawn: ad.AnnData, _both: ad.AnnData) -> None:
    some = _drawn[::2].copy()
    made = pp.collapse_orthologs(some)
    assert (made.X != _both[made.obs_names].X).nnz == 0


@pytest.mark.parametrize("evidence", ["labels", "expression"])
def test_graft_is_tumor_and_host_is_host(_both: ad.AnnData, evidence: str) -> None:
    adata = _both.copy()
    adata.obs["cell_type"] = adata.obs["cell_type"].astype(str).replace({"Malignant": "MDA-231"})
    pp.normalize(adata)
    niche.tl.call_compartments(adata, groupby="cell_type" if evidence == "labels" else None)
    compartment = adata.obs["compartment"].astype(str)
    assert (compartment[adata.obs["graft"]] == "tumor").mean() > (0.999 if evidence == "labels" else 0.95)
    assert not (compartment[~adata.obs["graft"]] == "tumor").any()
    assert (compartment[~adata.obs["graft"]] != "unresolved").mean() > 0.9
    if evidence == "expression":
        told = niche.get.compartments(adata)
        assert (told["copy_number"] == "not_assessed").all()
        assert told["statement"].str.contains("genes of two genomes").all()


def test_doublets_and_unresolved_cells_say_nothing_of_their_side() -> None:
    side, columns = graft_or_host(by_hand(), None, "human")
    assert side is not None and side.tolist() == [1, -1, 0, 0] and columns == ["species"]
    side, _ = graft_or_host(by_hand(), None, "mouse")
    assert side is not None and side.tolist() == [-1, 1, 0, 0]
    assert graft_or_host(by_hand()[1:], None, "human")[0] is None, "one species beside the undecided"


def test_what_cannot_be_collapsed_is_refused(_drawn: ad.AnnData) -> None:
    with pytest.raises(MissingKeyError, match="Run niche.pp.split_species first"):
        pp.collapse_orthologs(ad.AnnData(_drawn.X, obs=_drawn.obs, var=_drawn.var))
    with pytest.raises(StaleResultError, match="genes changed"):
        pp.collapse_orthologs(_drawn[:, 5:].copy())
    with pytest.raises(InputValueError, match="organism must be one of"):
        pp.collapse_orthologs(_drawn, organism="rat")
    with pytest.raises(InputValueError, match="no cell is mouse: there is no host"):
        pp.collapse_orthologs(_drawn[_drawn.obs["species"] != "mouse"].copy())
    odd = _drawn.copy()
    odd.obs["species"] = odd.obs["species"].astype(str).replace({"mouse": "rat"})
    with pytest.raises(InputValueError, match="must hold only .*Found 'rat'"):
        pp.collapse_orthologs(odd)
    nameless = _drawn.copy()
    nameless.var_names = [f"g{i}" for i in range(_drawn.n_vars)]
    nameless.var = nameless.var[["genome"]]
    pp.split_species(nameless, species_key="genome")
    with pytest.raises(InputValueError, match="no gene of the two species is a pair"):
        pp.collapse_orthologs(nameless)
    logged = pp.normalize(_drawn, copy=True)
    del logged.layers["counts"]
    with pytest.raises(InputValueError, match="must hold raw counts"):
        pp.collapse_orthologs(logged)

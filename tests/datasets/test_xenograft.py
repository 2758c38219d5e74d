from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from two_species import in_one_genome

import niche
from niche import datasets
from niche.errors import InputTypeError, InputValueError

SMALL = {"animals_per_organ": 2, "cells": 80, "n_genes": 1500}


@pytest.fixture(scope="module")
def _drawn() -> ad.AnnData:
    return datasets.simulate_xenograft(3, cross_ambient={"bone": 0.03, "lung": 0.1}, **SMALL)


def test_genes_of_both_species_are_prefixed_orthologs(_drawn: ad.AnnData) -> None:
    human, mouse = _drawn.var.iloc[:1500], _drawn.var.iloc[1500:]
    assert human.index.str.startswith("GRCh38_").all() and mouse.index.str.startswith("mm10___").all()
    assert _drawn.var_names.is_unique
    table = niche.resources.orthologs()
    one = dict(table.loc[table["one_to_one"], ["human_symbol", "mouse_symbol"]].to_numpy())
    kept = mouse["truth_one_to_one"].to_numpy()
    names = mouse.index.str.removeprefix("mm10___").to_numpy()
    assert [one[gene] for gene in mouse["truth_gene"][kept]] == names[kept].tolist()
    assert not set(names[~kept]) & set(table["mouse_symbol"]), "the others have no partner at all"
    assert 0.8 < kept.mean() < 1


def test_contamination_is_as_asked(_drawn: ad.AnnData) -> None:
    single = _drawn.obs[~_drawn.obs["truth_doublet"]]
    cross = single.groupby("organ", observed=True)["truth_other_species"].mean()
    assert cross["bone"] == pytest.approx(0.03, rel=0.25) and cross["lung"] == pytest.approx(0.1, rel=0.25)
    human = np.asarray(_drawn.X[:, :1500].sum(axis=1)).ravel()
    total = np.asarray(_drawn.X.sum(axis=1)).ravel()
    mine = single["truth_species"] == "human"
    other = np.where(mine, 1 - human / total, human / total) if len(single) == _drawn.n_obs else None
    assert other is None or np.allclose(other, single["truth_other_species"], atol=1e-6)
    samples = _drawn.uns["truth"]["samples"]
    assert set(samples.loc[samples["organ"] == "lung", "cross_ambient"]) == {0.1}
    assert samples["cross_realised"].to_numpy() == pytest.approx(samples["cross_ambient"].to_numpy(), rel=0.3)


def test_the_truth_says_how_much_crossed_over_where_less_did_than_was_asked() -> None:
    made = datasets.simulate_xenograft(3, cross_ambient=0.25, ambient_cell_sd=1.0, **SMALL)
    samples = made.uns["truth"]["samples"].set_index("sample")
    pure = made.obs[~made.obs["truth_species_doublet"]]
    human = np.asarray(made.X[:, :1500].sum(axis=1)).ravel() / np.asarray(made.X.sum(axis=1)).ravel()
    other = np.where(made.obs["truth_species"] == "human", 1 - human, human)
    for name, cells in pure.groupby("sample", observed=True):
        mean = other[made.obs_names.get_indexer(cells.index)].mean()
        assert samples.loc[name, "cross_realised"] == pytest.approx(mean, abs=1e-6)
    assert (samples["cross_ambient"] == 0.25).all() and (samples["cross_realised"] < 0.23).all()
    assert (made.obs["truth_ambient"] <= 0.6 + 1e-6).all()


def test_cells_of_each_species_scatter_as_asked(_drawn: ad.AnnData) -> None:
    cross = {"bone": 0.03, "lung": 0.1}
    alike = datasets.simulate_xenograft(3, cross_ambient=cross, ambient_cell_sd={"human": 0.5}, **SMALL)
    assert (alike.X != _drawn.X).nnz == 0 and alike.obs.equals(_drawn.obs)
    apart = {"human": 1.0, "mouse": 0.1}
    wide = datasets.simulate_xenograft(3, cross_ambient=0.03, ambient_cell_sd=apart, **SMALL)
    log = np.log(wide.obs["truth_ambient"].astype(float))
    by = [wide.obs["sample"].astype(str), wide.obs["truth_species"].astype(str)]
    spread = (log - log.groupby(by).transform("mean")).groupby(by[1]).std()
    assert spread["human"] == pytest.approx(1.0, rel=0.2) and spread["mouse"] == pytest.approx(0.1, rel=0.2)


def test_without_contamination_every_molecule_is_of_its_cell() -> None:
    clean = datasets.simulate_xenograft(3, cross_ambient=0.0, doublets=0.0, **SMALL)
    assert not clean.obs["truth_other_species"].any() and not clean.obs["truth_doublet"].any()
    is_human = (clean.obs["truth_species"] == "human").to_numpy()
    assert clean.X[is_human][:, 1500:].nnz == 0 and clean.X[~is_human][:, :1500].nnz == 0
    assert ((clean.obs["cell_type"] == "Malignant") == is_human).all()
    assert np.array_equal(clean.X.sum(), clean.X.toarray().astype(int).sum())


def test_doublets_join_cells_and_cross_species(_drawn: ad.AnnData) -> None:
    obs = _drawn.obs
    partner = obs["truth_doublet_partner"].astype(str)
    assert ((partner != "") == obs["truth_doublet"]).all()
    crossed = (partner != "") & ((partner == "Malignant") != (obs["cell_type"] == "Malignant"))
    assert (crossed == obs["truth_species_doublet"]).all() and crossed.any()
    assert obs.loc[crossed, "truth_other_species"].mean() > 0.25


def test_animals_are_the_replicates() -> None:
    paired = datasets.simulate_xenograft(3, paired=True, **SMALL)
    design = paired.obs[["animal", "organ", "sample"]].drop_duplicates()
    assert sorted(design["sample"].astype(str)) == ["A01_bone", "A01_lung", "A02_bone", "A02_lung"]
    alone = datasets.simulate_xenograft(3, **SMALL)
    assert alone.obs["animal"].nunique() == 4 and "patient" not in alone.obs
    assert set(alone.uns["truth"]["samples"]["patient"].astype(str)) == set(alone.obs["animal"].astype(str))


def test_the_truth_is_that_of_the_study_in_one_genome(_drawn: ad.AnnData) -> None:
    edges = niche.testing.true_contrasts(in_one_genome(_drawn))
    assert {"both", "ligand", "receptor"} <= set(edges["kind"])
    planted = edges[edges["planted"]]
    genes = set(_drawn.var.loc[_drawn.var["truth_one_to_one"], "truth_gene"])
    assert {gene for name in planted["ligand_complex"].astype(str) for gene in name.split("_")} <= genes


def test_same_seed_same_bits_for_any_threads(_drawn: ad.AnnData) -> None:
    again = datasets.simulate_xenograft(3, cross_ambient={"bone": 0.03, "lung": 0.1}, n_jobs=1, **SMALL)
    assert (again.X != _drawn.X).nnz == 0 and again.obs.equals(_drawn.obs)
    other = datasets.simulate_xenograft(4, **SMALL)
    assert other.shape != _drawn.shape or (other.X != _drawn.X).nnz > 0


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rng": -1}, InputValueError, "rng must not be negative"),
        ({"rng": "a"}, InputTypeError, "rng must be an integer"),
        ({"paired": 1}, InputTypeError, "paired must be True or False"),
        ({"doublets": 0.6}, InputValueError, r"doublets must be a number in \[0, 0.4\]"),
        ({"ambient_cell_sd": -1}, InputValueError, "ambient_cell_sd must be"),
        ({"ambient_cell_sd": {"human": 3}}, InputValueError, "ambient_cell_sd must be"),
        ({"ambient_cell_sd": {"rat": 1}}, InputValueError, "names 'rat'; species are 'human' and 'mouse'"),
        ({"animals_per_organ": 0}, InputValueError, "animals_per_organ must be an integer of at least 1"),
        ({"cross_ambient": 0.5}, InputValueError, "cross_ambient must be in"),
        (
            {"cross_ambient": {"A09_bone": 0.1}},
            InputValueError,
            "'A09_bone', which is no sample and no organ",
        ),
        ({"cells": 1}, InputValueError, "cells must be an integer of at least 10"),
    ],
)
def test_bad_options_are_refused(options, error, message: str) -> None:
    with pytest.raises(error, match=message):
        datasets.simulate_xenograft(**options)

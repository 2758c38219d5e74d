"""Every registered score against its formula by hand, and the registry."""

from __future__ import annotations

import numpy as np
import pytest

from niche import get, tl
from niche.errors import InputTypeError, InputValueError, NicheWarning
from niche.tl import scores

BUILT_IN = [
    "lr_means",
    "expr_prod",
    "lr_gmeans",
    "lr_probs",
    "scaled_weight",
    "spec_weight",
    "lrscore",
    "lr_logfc",
    "interaction_score",
]


@pytest.fixture(scope="module")
def one_sample(tiny_one_sample):
    with pytest.warns(NicheWarning, match="one organ only"):
        tl.communication(tiny_one_sample, senders="all", receivers="all", expr_prop=0.05, min_cells=2)
    return tiny_one_sample, get.communication(tiny_one_sample, status="tested")


def by_hand(adata, table, name):
    """The score of every row from the raw matrix of a single sample, without niche."""
    x, label = adata.to_df().astype(float), adata.obs["cell_type"].to_numpy()
    means = x.groupby(label).mean()
    left_genes = table["ligand_complex"].astype(str).str.split("_")
    right_genes = table["receptor_complex"].astype(str).str.split("_")
    source, target = table["source"].astype(str), table["target"].astype(str)

    def side(frame, types, genes, how=min):
        return np.array([how([frame.loc[t, g] for g in gs]) for t, gs in zip(types, genes, strict=True)])

    L, R = side(means, source, left_genes), side(means, target, right_genes)
    if name == "lr_means":
        return (L + R) / 2
    if name == "expr_prod":
        return L * R
    if name == "lr_gmeans":
        return np.sqrt(L * R)
    if name == "lr_probs":
        product = L * R / x.to_numpy().max() ** 2
        return product / (0.5 + product)
    if name == "lrscore":
        return np.sqrt(L * R) / (np.sqrt(L * R) + x.to_numpy().mean())
    if name == "scaled_weight":
        z = ((x - x.mean()) / x.std(ddof=1)).groupby(label).mean()
        return (side(z, source, left_genes) + side(z, target, right_genes)) / 2
    if name == "spec_weight":

        def total(genes):
            return np.array([sum(min(means.loc[t, g] for g in gs) for t in means.index) for gs in genes])

        return L / total(left_genes) * R / total(right_genes)
    if name == "lr_logfc":
        linear = np.expm1(x)
        change = linear.groupby(label).mean().copy()
        for t in change.index:
            change.loc[t] = np.log2(linear[label == t].mean() + 1) - np.log2(linear[label != t].mean() + 1)
        return (side(change, source, left_genes) + side(change, target, right_genes)) / 2
    fraction = (x > 0).groupby(label).mean()
    kept = means.where(fraction >= 0.05, 0.0)

    def scaled(types, genes):
        out = []
        for t, gs in zip(types, genes, strict=True):
            unit = kept[gs].prod(axis=1) ** (1 / len(gs))
            out.append(10 * (unit[t] - unit.min()) / (unit.max() - unit.min()))
        return np.array(out)

    return scaled(source, left_genes) * scaled(target, right_genes)


@pytest.mark.parametrize("name", BUILT_IN)
def test_score_equals_its_formula(one_sample, name):
    adata, table = one_sample
    assert (
        table["ligand_complex"].astype(str).str.contains("_").any()
        or table["receptor_complex"].astype(str).str.contains("_").any()
    )
    np.testing.assert_allclose(table[name], by_hand(adata, table, name), rtol=1e-8, atol=1e-12)


def test_every_registered_score_is_finite_named_and_cited(one_sample):
    _, table = one_sample
    for spec in scores.resolve_scores("all"):
        assert spec.citation and spec.column in table
        assert np.isfinite(table[spec.column]).all(), spec.name


def test_a_registered_score_is_computed_and_ranked(tiny):
    spec = tl.ScoreSpec(
        "lr_lowest", "lr_lowest", lambda a, e: np.minimum(e.ligand_means, e.receptor_means), True, "test"
    )
    tl.register_score(spec)
    try:
        adata = tl.communication(tiny, scores=["lr_lowest"], senders="all", receivers="all", copy=True)
        table = get.communication(adata, status="tested")
        np.testing.assert_array_equal(
            table["lr_lowest"], table[["ligand_means", "receptor_means"]].min(axis=1)
        )
        assert "lr_means" not in table
        with pytest.raises(InputValueError, match="is registered"):
            tl.register_score(spec)
    finally:
        scores._REGISTRY.pop("lr_lowest")


def test_a_score_of_the_wrong_length_is_refused(tiny):
    tl.register_score(tl.ScoreSpec("short", "short", lambda a, e: np.zeros(1), True, "test"))
    try:
        with pytest.raises(InputValueError, match=r"score 'short' must return \d+ values"):
            tl.communication(tiny, scores=["short"], senders="all", receivers="all")
    finally:
        scores._REGISTRY.pop("short")


def test_bad_specs_and_names_are_refused():
    with pytest.raises(InputTypeError, match="ScoreSpec"):
        tl.register_score("lr_means")
    with pytest.raises(InputValueError, match="column must be"):
        tl.register_score(tl.ScoreSpec("x", "qval", lambda a, e: a, True, "test"))
    with pytest.raises(InputValueError, match=r"unknown scores \['nope'\]. Available: lr_means"):
        scores.resolve_scores(["lr_means", "nope"])
    assert tl.available_scores()[:9] == BUILT_IN


def test_nothing_testable_gives_no_scores_and_no_noise(tiny, recwarn):
    tl.communication(tiny, min_cells=10_000)
    table = get.communication(tiny)
    assert set(table["status"]) == {"not_testable"} and table["interaction_score"].isna().all()
    assert not [w for w in recwarn if issubclass(w.category, RuntimeWarning)]

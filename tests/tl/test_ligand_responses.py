"""Responses from sums: the model by hand, error rates without any difference, planted ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from planned_study import study_of

from niche._kernels.threads import limited_to
from niche.tl._gene_sums import GeneSums
from niche.tl._ligand_network import network_of, univariate_scores
from niche.tl._ligand_responses import compare_responses, responses_of

pytest.importorskip("decoupler", reason="decoupler is not installed (extra: activity)")

N_GENES, N_LIGANDS, N_TARGETS = 1200, 30, 40
NAMES = pd.Index([f"g{i}" for i in range(N_GENES)])


def network(rng):
    targets = [rng.choice(N_GENES, N_TARGETS, replace=False) for _ in range(N_LIGANDS)]
    return network_of(
        pd.DataFrame(
            {
                "ligand": np.repeat([f"L{i:02d}" for i in range(N_LIGANDS)], N_TARGETS),
                "target": NAMES[np.concatenate(targets)],
                "weight": rng.uniform(0.2, 1, N_LIGANDS * N_TARGETS),
            }
        ),
        NAMES,
    )


def sums_of(rng, study, links, raised=()):
    """Counts of one cell type: genes move together along ten axes, and bone is five times shallower.

    The last organ raises the targets of the ligands ``raised``.
    """
    samples = study.units.samples
    n = samples.group.size
    level = rng.gamma(0.7, 1.0, N_GENES)
    axes = rng.normal(size=(10, N_GENES))
    own = rng.normal(size=(samples.patient.max() + 1, 10))[samples.patient] + rng.normal(size=(n, 10))
    log = own @ axes * 0.1 + rng.normal(0, 0.2, (n, N_GENES))
    for ligand in raised:
        mine = links.ligand == ligand
        log[np.ix_(samples.group == 3, links.gene[mine])] += 0.6 * links.weight[mine]
    share = level * np.exp(log)
    share /= share.sum(axis=1, keepdims=True)
    depth = rng.poisson(60_000 * np.exp(rng.normal(0, 0.4, n)) / np.where(samples.group == 0, 5, 1))
    counts = rng.poisson(share * depth[:, None])
    return GeneSums(
        {
            "sample": np.arange(n), "cell_type": np.zeros(n, dtype=int), "n": np.full(n, 50),
            "nonzero": np.minimum(counts, 50), "pseudobulk": counts, "library": counts.sum(axis=1),
            "pseudobulk_kind": "counts",
        },
        np.arange(n)[:, None],
    )  # fmt: skip


def outcome(rng, study, raised=()):
    links = network(rng)
    sums = sums_of(rng, study, links, raised)
    organ = study.units.samples.group
    found = responses_of(sums, 1, links, organ, 10, 10)
    return compare_responses(found, sums, links, study, organ, 10, 10, "averaged")


def test_the_statistic_is_that_of_least_squares():
    rng = np.random.default_rng(0)
    links, genes = network(rng), np.sort(rng.choice(N_GENES, 700, replace=False))
    values = rng.normal(size=(3, 700))
    found = univariate_scores(values, genes, links, np.array([2, 0]), 5)
    for column, ligand in enumerate((2, 0)):
        weight = np.zeros(N_GENES)
        weight[links.gene[links.ligand == ligand]] = links.weight[links.ligand == ligand]
        r = np.array([np.corrcoef(row, weight[genes])[0, 1] for row in values])
        np.testing.assert_allclose(found[:, column], r * np.sqrt(698 / (1 - r**2)), rtol=1e-9)


@pytest.mark.parametrize("pairing", ["unpaired", "paired"])
def test_error_rates_of_four_patients_per_organ(pairing):
    rng, study = np.random.default_rng(3), study_of(pairing, 4)
    with limited_to(1):
        p = np.concatenate([outcome(rng, study)[0].values["pval"] for _ in range(10)])
    assert len(p) == 300 and not np.isnan(p).any()
    kinds = np.array([contrast.kind for contrast in study.wanted])
    for kind in ("omnibus", "rest", "pair"):
        assert 0.02 < (p[:, kinds == kind] < 0.05).mean() < 0.085
    assert (p[:, [c.name for c in study.wanted].index("bone_vs_rest")] < 0.05).mean() < 0.09


def test_raised_targets_are_found_in_their_organ():
    study = study_of("unpaired", 4)
    with limited_to(1):
        found, means = outcome(np.random.default_rng(0), study, raised=(3, 7))
    lung = [contrast.name for contrast in study.wanted].index("lung_vs_rest")
    payload = found.payload()
    calls = np.array(payload["call_names"])[payload["call"][:, lung]]
    assert calls[3] == calls[7] == "enriched" and (calls == "enriched").sum() <= 4
    assert means[3, 3] > 2 and (means[3, :3] < means[3, 3]).all()


def test_all_genes_of_one_weight_tell_nothing():
    rng, study = np.random.default_rng(0), study_of("unpaired", 4)
    links = network_of(pd.DataFrame({"source": "L", "target": NAMES}), NAMES)
    sums = sums_of(rng, study, links)
    found = responses_of(sums, 1, links, study.units.samples.group, 10, 10)
    assert found.reason(links, 10) == [["all measured genes are targets of the same weight"]]
    assert np.isnan(found.scores).all()

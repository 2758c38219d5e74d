from __future__ import annotations

import numpy as np

from niche._kernels.coherence import coherence

N_CHROMOSOMES, N_GENES = 10, 300
CHROMOSOME = np.repeat(np.arange(N_CHROMOSOMES), N_GENES)


def draw(seed, *, events, per_gene=0.4):
    """Mean log expression of tumor cells and of a reference."""
    rng = np.random.default_rng(seed)
    reference = np.exp(rng.normal(-0.5, 0.8, CHROMOSOME.size))
    change = np.exp(rng.normal(0, per_gene, CHROMOSOME.size))
    for k in range(events):
        change[k == CHROMOSOME] *= 1.5 if k % 2 else 0.6
    return reference * change, reference


def of(mean, reference, chromosome=CHROMOSOME):
    return coherence(mean, reference, reference, chromosome)


def test_gains_and_losses_agree_in_both_halves():
    found = of(*draw(0, events=5))
    assert found.correlation > 0.8 and found.z > 2


def test_differences_of_single_genes_do_not():
    found = [of(*draw(seed, events=0, per_gene=0.8)) for seed in range(40)]
    assert abs(np.mean([f.correlation for f in found])) < 0.05
    assert np.mean([f.correlation > 0.45 and f.z > 2 for f in found]) <= 0.05


def test_families_of_neighbours_lie_in_one_half():
    mean, reference = draw(1, events=0, per_gene=0.05)
    for start in range(0, mean.size, 100):
        mean[start : start + 5] *= 8
    assert of(mean, reference).correlation < 0.3


def test_between_the_bounds_nothing_differs():
    mean, reference = draw(2, events=5)
    found = coherence(mean, np.minimum(mean, reference), np.maximum(mean, reference), CHROMOSOME)
    assert found.correlation == 0.0


def test_silent_genes_are_left_out():
    mean, reference = draw(3, events=5)
    quiet = np.arange(mean.size) % 2 == 0
    mean[quiet], reference[quiet] = 0.0, 0.0
    assert of(mean, reference).n_genes <= (~quiet).sum()


def test_too_few_genes_say_nothing():
    mean, reference = draw(4, events=1)
    found = of(mean[:15], reference[:15], CHROMOSOME[:15])
    assert np.isnan(found.correlation) and np.isnan(found.z)

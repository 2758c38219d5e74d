"""Clones, their segments on real positions, and the shift one sees along the genome."""

from __future__ import annotations

import numpy as np

from niche.datasets import simulate_metastases
from niche.datasets._simulate.copy_number import copy_factor, draw_clones, gene_arms
from niche.datasets._simulate.genes import known_genes

VAR = known_genes()


def test_arms() -> None:
    arms = dict(zip(VAR.index, gene_arms(VAR), strict=True))
    assert (arms["MYC"], arms["TP53"], arms["ERBB2"], arms["RB1"]) == ("8q", "17p", "17q", "13q")
    assert arms["MT-CO1"] == "" and arms["XIST" if "XIST" in arms else "AR"] == ""


def test_clones_inherit_and_segments_agree_with_copies() -> None:
    drawn = draw_clones(np.random.default_rng(0), ["A", "B", "C", "D", "E"], VAR, 3, 1)
    assert drawn.table["patient"].unique().tolist() == ["A", "B", "C", "D", "E"]
    assert drawn.copies.shape == (len(drawn.table), len(VAR)) and set(np.unique(drawn.copies)) <= {1, 2, 3, 4}
    assert (drawn.table.loc[drawn.table["patient"] == "E", "n_segments"] == 0).all()
    keys = ["chromosome", "start", "end", "copy_number"]
    for row in drawn.table.itertuples():
        own = drawn.segments[drawn.segments["clone"] == row.clone]
        assert len(own) == row.n_segments and own["arm"].is_unique
        copies = drawn.copies[row.Index]
        assert (copies != 2).sum() == own["n_genes"].sum()
        for segment in own.itertuples():
            inside = (
                (VAR["chromosome"] == segment.chromosome)
                & (VAR["start"] >= segment.start)
                & (VAR["start"] <= segment.end)
            ).to_numpy() & (gene_arms(VAR) == segment.arm)
            assert (copies[inside] == segment.copy_number).all() and inside.sum() == segment.n_genes
        if row.parent:
            parent = drawn.segments[drawn.segments["clone"] == row.parent]
            assert set(parent[keys].itertuples(index=False)) <= set(own[keys].itertuples(index=False))


def test_factor() -> None:
    copies = np.array([1, 2, 3, 4])
    np.testing.assert_allclose(copy_factor(copies, 1.0), [0.5, 1, 1.5, 2])
    np.testing.assert_array_equal(copy_factor(copies, 0.0), 1)


def test_the_shift_is_seen_along_the_genome() -> None:
    adata = simulate_metastases(
        6,
        organs=("bone",),
        patients_per_organ=2,
        primaries=0,
        normals=0,
        cells=200,
        n_genes=4000,
        max_clones=1,
    )
    segments = adata.uns["truth"]["segments"]
    background = (adata.var["truth_role"] == "background").to_numpy()
    for patient, own in segments.groupby("patient", observed=True):
        cells = (adata.obs["patient"] == patient) & ~adata.obs["truth_doublet"]
        tumor = np.asarray(adata[(cells & adata.obs["truth_malignant"]).to_numpy()].X.sum(axis=0)).ravel()
        host = np.asarray(adata[(cells & ~adata.obs["truth_malignant"]).to_numpy()].X.sum(axis=0)).ravel()
        shift = np.log2((tumor + 1) / tumor.sum()) - np.log2((host + 1) / host.sum())
        shift -= np.median(shift[background])
        levels = {}
        for copies in (1, 3, 4):
            inside = np.zeros(adata.n_vars, bool)
            for row in own[own["copy_number"] == copies].itertuples():
                inside |= (
                    (adata.var["chromosome"] == row.chromosome)
                    & (adata.var["start"] >= row.start)
                    & (adata.var["start"] <= row.end)
                ).to_numpy()
            if (inside & background).sum() >= 15:
                levels[copies] = shift[inside & background].mean()
        assert len(levels) >= 2
        assert all(np.sign(level) == np.sign(copies - 2) for copies, level in levels.items()), levels
        assert sorted(levels.values()) == [levels[copies] for copies in sorted(levels)]

"""``uns["truth"]``: everything that was planted, as plain tables that can be written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from niche.datasets._simulate.cell_types import sample_shares
from niche.datasets._simulate.droplets import SampleDraw
from niche.datasets._simulate.edges import true_edges
from niche.datasets._simulate.expectation import expect, gene_effects
from niche.datasets._simulate.plan import Plan

VERSION = 1


def truth(plan: Plan, draws: list[SampleDraw]) -> dict[str, Any]:
    """Return the truth of a draw; the keys are described at ``simulate_metastases``."""
    options = plan.options
    expected = expect(plan.profiles, plan.universe, plan.types, plan.effects, plan.programs, options)
    names = list(plan.programs.table["program"])
    samples = pd.DataFrame(
        {
            "sample": list(plan.design["sample"]),
            "n_cells": [draw.counts.shape[0] for draw in draws],
            "ambient": [float(draw.obs["truth_ambient"].mean()) for draw in draws],
        }
    )
    tables = {
        "edges": true_edges(expected, plan.universe.var.index, plan.pairs, plan.axes, options),
        "genes": gene_effects(expected, plan.universe, plan.programs),
        "programs": plan.programs.table,
        "program_genes": _program_genes(plan),
        "program_samples": _program_samples(plan, draws, names),
        "cell_types": plan.types[["cell_type", "compartment", "organ", "markers", "share"]],
        "composition": _composition(plan),
        "clones": plan.clones.table,
        "segments": plan.clones.segments,
        "samples": plan.design.merge(samples, on="sample"),
    }
    return {
        "schema_version": VERSION,
        "numpy_version": np.__version__,
        "params": plan.asked.plain(),
        "program_names": np.asarray(names, dtype=object),
        **{name: _writable(table) for name, table in tables.items()},
    }


def _program_genes(plan: Plan) -> pd.DataFrame:
    frames = []
    for name, weights in zip(plan.programs.table["program"], plan.programs.weights, strict=True):
        order = np.argsort(-weights, kind="stable")[: int((weights > 0).sum())]
        genes = plan.universe.var.index.to_numpy(object)[order]
        frames.append(pd.DataFrame({"program": name, "gene": genes, "weight": weights[order]}))
    return pd.concat(frames, ignore_index=True)


def _program_samples(plan: Plan, draws: list[SampleDraw], names: list[str]) -> pd.DataFrame:
    """Mean usage over the malignant cells of each sample; samples without any are left out."""
    rows = []
    for sample, draw in zip(plan.design["sample"], draws, strict=True):
        malignant = draw.obs["truth_malignant"].to_numpy()
        if malignant.any():
            mean = draw.usage[malignant].mean(axis=0, dtype=np.float64)
            rows.append(pd.DataFrame({"sample": sample, "program": names, "usage": mean}))
    columns = ["sample", "program", "usage"]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=columns)


def _composition(plan: Plan) -> pd.DataFrame:
    """Expected share of every cell type in the metastases of each organ and in the primary tumors."""
    options = plan.options
    rows = []
    for organ, tissue in plan.design[["organ", "tissue"]].drop_duplicates().itertuples(index=False):
        share = sample_shares(plan.types, options, organ, tissue)
        columns = {"organ": organ, "tissue": tissue, "cell_type": share.index, "share": share}
        rows.append(pd.DataFrame(columns))
    return pd.concat(rows, ignore_index=True)


def _writable(table: pd.DataFrame) -> pd.DataFrame:
    """Text as categories (small, and the same in every pandas), row names as text."""
    table = table.copy()
    for column in table:
        if not pd.api.types.is_numeric_dtype(table[column].dtype):
            table[column] = pd.Categorical(table[column].astype(str))
    return table.reset_index(drop=True)

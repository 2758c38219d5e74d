"""Real genes, every role filled, programs free of ligands and receptors."""

from __future__ import annotations

import pandas as pd
import pytest

from niche import resources
from niche.datasets import simulate_metastases
from niche.datasets._simulate.axes import axis_genes
from niche.datasets._simulate.genes import CELL_CYCLE, known_genes, list_genes, marker_genes
from niche.datasets._simulate.plan import Plan
from niche.errors import InputValueError


def test_known_genes_are_unique_and_coding() -> None:
    known = known_genes()
    assert known.index.is_unique and known.index.is_monotonic_increasing and len(known) > 19_000
    assert set(CELL_CYCLE) <= set(known.index)
    assert sum(gene.startswith("MT-") for gene in known.index) == 13


def test_roles(plan: Plan) -> None:
    var = plan.universe.var
    assert len(var) == 1400 and var.index.is_unique
    role = var["truth_role"].astype(str)
    assert set(axis_genes(plan.axes)) == set(role.index[role == "planted"])
    for genes in plan.universe.markers.values():
        assert genes and set(genes) <= set(var.index)
    assert {"background", "ribosomal", "mitochondrial", "ligand_receptor", "leaked", "program"} <= set(role)


def test_programs_hold_no_ligand_receptor_or_marker(plan: Plan) -> None:
    lists = ("consensus", "cellphonedb", "cellchatdb", "celltalkdb", "connectomedb2020", "niche")
    listed = {gene for name in lists for gene in list_genes(resources.ligand_receptor(name))}
    seen: set[str] = set()
    for name, genes in plan.universe.blocks.items():
        assert len(genes) == (40 if name.startswith("leaked_") else 50) == len(set(genes))
        assert not set(genes) & listed and not set(genes) & seen
        seen |= set(genes)
    assert not seen & {gene for genes in plan.universe.markers.values() for gene in genes}


def test_pairs_stay_whole(plan: Plan) -> None:
    measured = set(plan.universe.var.index)
    in_list = [g for g, r in plan.universe.var["truth_role"].items() if r == "ligand_receptor"]
    whole = {
        gene
        for first, second in zip(plan.pairs["ligand"], plan.pairs["receptor"], strict=True)
        if measured.issuperset([*first.split("_"), *second.split("_")])
        for gene in [*first.split("_"), *second.split("_")]
    }
    assert set(in_list) <= whole


def test_markers_are_restricted_to_known_symbols() -> None:
    found = marker_genes(["T cell"], pd.Index(["CD3D", "CD3E"]))
    assert found == {"T cell": ["CD3D", "CD3E"]}


def test_too_few_genes_and_unknown_genes() -> None:
    with pytest.raises(InputValueError, match="at least"):
        simulate_metastases(0, n_genes=700)
    axes = pd.DataFrame([("bone", "Fibroblast", "Malignant", "NOGENE1", "CXCR4", "both")])
    axes.columns = ["organ", "source", "target", "ligand_complex", "receptor_complex", "kind"]
    with pytest.raises(InputValueError, match="NOGENE1"):
        simulate_metastases(0, axes=axes)

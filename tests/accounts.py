"""A seed-and-soil account written by hand over the small study of four organs."""

from __future__ import annotations

import warnings
from typing import Any

import anndata as ad
import pandas as pd
from compared import make_compared

import niche
from niche.tl import _account

ORGANS = ("bone", "brain", "kidney", "lung")


def make_account() -> ad.AnnData:
    """Every kind and status once at least: bone is full, kidney holds nothing that can be tested."""
    adata = make_compared()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", niche.errors.NicheWarning)
        niche.tl.compare_expression(adata, "cell_type")
    niche.tl.tropism(adata, programs=None)
    adata.uns["tropism"]["account"] = account()
    return adata


def account() -> pd.DataFrame:
    """The table."""
    rows = [*_seed(), *_soil(), *_published()]
    order = {name: i for i, name in enumerate(ORGANS)}
    return _account.rows_of(sorted(rows, key=lambda row: order[row["organ"]]))


def item(organ: str, kind: str, name: str, status: str, effect: float | None = None, **more: Any) -> dict:
    """A row; its interval is one on either side, or as it is given."""
    part = {"program": "seed", "signature": "seed", "mediator": "published", "axis": "published"}
    found = {
        "organ": organ, "account": part.get(kind, "soil"), "kind": kind, "item": name, "status": status,
        "contrast": f"{organ}_vs_rest",
    }  # fmt: skip
    if effect is not None:
        found |= {"effect": effect, "ci_low": effect - 1, "ci_high": effect + 1, "qval": 0.01, "pval": 0.001}
    return found | more


def edge(
    organ: str, ligand: str, receptor: str, status: str, effect: float, driver: str, **more: Any
) -> dict:
    """A called edge."""
    return item(
        organ, "edge", f"{ligand} - {receptor} (Fibroblast -> Cancer)", status, effect, source="Fibroblast",
        target="Cancer", ligand_complex=ligand, receptor_complex=receptor, driver_compartment=driver,
        direction="host->tumor", driver="ligand", **more,
    )  # fmt: skip


def mediator(
    organ: str, gene: str, status: str, expected: str, effect: float | None = None, **more: Any
) -> dict:
    """A published mediator of an organ."""
    told = {
        "citation": f"Author of {gene} in {organ}",
        "publication": "ok",
        "evidence": "both",
        "doi": "10.1/x",
    }
    name = f"{gene} (tumor ligand)"
    return item(organ, "mediator", name, status, effect, gene=gene, expected=expected, **(told | more))


def _seed() -> list[dict]:
    private = {"reason": "patient-private: one patient", "evidence": "patient-private: one patient"}
    few = {"reason": "a call needs 3 patients on each side: 1 patient in kidney"}
    return [
        item("bone", "program", "P1", "enriched", 1.5, gene="A, B, C, D, E", screen="A: effect +1.00, q 0.01",
             direction="higher", evidence="organ-associated: higher in bone"),
        item("bone", "program", "P2", "undetermined", -0.2, gene="F, G, H, I, J", evidence="undetermined: so"),
        item("bone", "program", "P3", "not_testable", **private),
        item("bone", "signature", "HYPOXIA", "depleted", -0.04, ci_low=-0.06, ci_high=-0.02, direction="lower"),
        item("lung", "program", "P1", "depleted", -1.0, gene="A, B, C, D, E", direction="lower"),
        item("kidney", "program", "P1", "not_testable", **few),
        item("kidney", "program", "P2", "not_testable", **few),
    ]  # fmt: skip


def _soil() -> list[dict]:
    return [
        edge("bone", "CXCL12", "CXCR4", "specific", 2.5, "host"),
        edge("bone", "JAG1", "NOTCH1", "enriched", 1.2, "tumor"),
        edge("bone", "TGFB1", "TGFBR1_TGFBR2", "depleted", -1.1, "both"),
        edge("bone", "SPP1", "CD44", "ambient-suspect", 3.0, "host", qval=1e-9),
        item("bone", "exclusive_cell_type", "Osteoclast", "described", reason="bone alone has these cells"),
        item("bone", "cell_type", "Fibroblast", "undetermined", 0.4),
        item("bone", "cell_type", "Hepatocyte", "absent", reason="cell type absent in bone"),
        item("brain", "edge", "(no edge)", "none_called", reason="5 edges could be called and none is"),
        edge("lung", "VEGFA", "FLT1", "enriched", 0.9, "undetermined"),
        item("kidney", "edge", "(no edge)", "not_testable", reason="depth in all organs, or all but one"),
        item(
            "kidney", "cell_type", "(no cell type)", "not_assessed", reason="niche.tl.composition was not run"
        ),
    ]


def _published() -> list[dict]:
    unmeasured = {"reason": "LOX was not measured"}
    return [
        mediator("bone", "CXCR4", "found", "higher", 1.4, source="Cancer", direction="higher"),
        mediator("bone", "DKK1", "found", "higher", 2.0, source="Cancer", direction="higher"),
        mediator("lung", "DKK1", "found", "lower", -1.2, source="Cancer", direction="lower"),
        mediator("lung", "BMP4", "opposite", "lower", 1.8, source="Cancer", direction="higher"),
        mediator("lung", "CCL2", "not_found", "higher", -0.04, source="Cancer"),
        mediator("brain", "CCL2", "not_testable", "higher", reason="a call needs 3 patients on each side"),
        mediator("bone", "LOX", "retracted", "higher", publication="retracted", reason="retracted"),
        mediator("lung", "LOX", "not_testable", "higher", publication="contested", **unmeasured),
        mediator("bone", "SELE", "not_testable", "higher", reason="SELE was not measured"),
        mediator("bone", "SELE", "not_testable", "higher", reason="SELE was not measured", citation="Another"),
        item("bone", "axis", "CXCL12 - CXCR4", "found", 2.5, ligand_complex="CXCL12", receptor_complex="CXCR4",
             direction="host->tumor", expected="higher", citation="Author of the axis", publication="ok"),
    ]  # fmt: skip

"""Which edge is meant."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from niche._explain.edge import check_known, edge_of, text_of
from niche.errors import InputTypeError, InputValueError

EDGE = ("T cell (CD8+)", "Cancer: LumA", "HLA-A", "CD8A_CD8B")


@pytest.mark.parametrize(
    "what",
    [
        "T cell (CD8+) -> Cancer: LumA: HLA-A - CD8A_CD8B",
        "  T cell (CD8+)->Cancer: LumA :  HLA-A  ->  CD8A_CD8B ",
        EDGE,
        list(EDGE),
        dict(zip(["source", "target", "ligand_complex", "receptor_complex"], EDGE, strict=True)),
        pd.Series(EDGE, index=["source", "target", "ligand_complex", "receptor_complex"]),
        pd.DataFrame([EDGE] * 2, columns=["source", "target", "ligand_complex", "receptor_complex"]),
    ],
)
def test_every_form(what: object) -> None:
    assert edge_of(what) == EDGE


def test_text_is_read_back() -> None:
    assert edge_of(text_of(EDGE)) == EDGE


@pytest.mark.parametrize(
    ("what", "error", "message"),
    [
        ("Cancer and bone", InputValueError, "names no edge. Write 'source -> target: LIGAND - RECEPTOR'"),
        (("a", "b", "c"), InputValueError, "four names"),
        (
            {"source": "a", "target": "b"},
            InputValueError,
            "the row has no 'ligand_complex', 'receptor_complex'",
        ),
        (pd.DataFrame(columns=["source"]), InputValueError, "the table has 0"),
        (5, InputTypeError, "Got 5"),
        ((1, 2, 3, 4), InputTypeError, "four names"),
    ],
)
def test_what_is_no_edge(what: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message.replace("(", r"\(")):
        edge_of(what)


@pytest.fixture
def comparison() -> SimpleNamespace:
    """Tumor to two host types and back, three pairs."""
    return SimpleNamespace(
        types=["Cancer", "Fibroblast", "Macrophage"],
        stored={"cell_pairs": {"source": np.array([0, 0, 1, 2]), "target": np.array([1, 2, 0, 0])}},
        first={
            "pairs": {
                "ligand_complex": ["CXCL12", "JAG1", "TGFB1"],
                "receptor_complex": ["CXCR4", "NOTCH1", "TGFBR1_TGFBR2"],
            }
        },
    )


@pytest.mark.parametrize(
    ("edge", "message"),
    [
        (
            ("Fibroblasts", "Cancer", "JAG1", "NOTCH1"),
            "no cell type 'Fibroblasts' as source. Near: 'Fibroblast'",
        ),
        (("Fibroblast", "cancer", "JAG1", "NOTCH1"), "no cell type 'cancer' as target. Near: 'Cancer'"),
        (("Fibroblast", "Macrophage", "JAG1", "NOTCH1"), "was not compared.*Near: .*'Fibroblast -> Cancer'"),
        (
            ("Fibroblast", "Cancer", "JAG1", "CXCR4"),
            "JAG1 - CXCR4 is not among the 3 .*Near: .*'JAG1 - NOTCH1'",
        ),
        (("Fibroblast", "Cancer", "CXCR4", "CXCL12"), "the other way round: CXCL12 - CXCR4"),
        (("Fibroblast", "Cancer", "TGFB1", "TGFBR1"), "Near: 'TGFB1 - TGFBR1_TGFBR2'"),
        (("Fibroblast", "Cancer", "AAA", "BBB"), "Available: 'CXCL12 - CXCR4', 'JAG1 - NOTCH1'"),
    ],
)
def test_near_matches(comparison: SimpleNamespace, edge: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputValueError, match=message):
        check_known(edge, comparison)


def test_a_known_edge_passes(comparison: SimpleNamespace) -> None:
    check_known(("Cancer", "Macrophage", "TGFB1", "TGFBR1_TGFBR2"), comparison)

"""What all exports share: one organ, plain names, counts of what was left out, p as others write it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from niche import get, tl
from niche.errors import InputTypeError, InputValueError, MissingKeyError, NicheWarning
from niche.get._organ_edges import organ_edges

EXPORTS = [get.to_liana, get.to_cellphonedb, get.to_squidpy, get.to_cellchat]
PAIRS = pd.DataFrame(
    {"ligand": ["CXCL12", "SPP1", "NOSUCH", "JAG1"], "receptor": ["CXCR4", "ITGAV_ITGB3", "CD44", "NOTCH1"]}
)


@pytest.fixture
def permuted(tiny):
    tl.communication(tiny, resource=PAIRS, null="permutation", n_perms=50)
    return tiny


@pytest.mark.parametrize("export", EXPORTS)
def test_the_organ_is_one_that_the_result_knows(tiny_communication, export):
    with pytest.raises(InputValueError, match=r"organ: 'spleen' not in the result.*bone.*liver"):
        export(tiny_communication, organ="spleen")
    with pytest.raises(InputTypeError, match="one organ"):
        export(tiny_communication, organ=["bone", "liver"])
    with pytest.raises(MissingKeyError, match=r"niche\.tl\.communication"):
        export(tiny_communication, organ="bone", key="other")


@pytest.mark.parametrize("export", EXPORTS)
def test_nothing_is_stored_or_changed(tiny_communication, export):
    before = tiny_communication.uns["communication"]["edges"]["pval"].copy()
    slots = sorted(tiny_communication.uns), list(tiny_communication.obs), list(tiny_communication.var)
    export(tiny_communication, organ="bone")
    assert slots == (
        sorted(tiny_communication.uns),
        list(tiny_communication.obs),
        list(tiny_communication.var),
    )
    np.testing.assert_array_equal(tiny_communication.uns["communication"]["edges"]["pval"], before)


@pytest.mark.parametrize("export", EXPORTS)
def test_the_counts_say_what_has_no_number(permuted, export):
    table = get.communication(permuted, organ="liver")
    found = export(permuted, organ="liver")
    for part in found.values() if isinstance(found, dict) else [found]:
        for status in ("tested", "not_expressed", "not_testable"):
            assert part.attrs[f"n_{status}"] == (table["status"] == status).sum()
        reasons = part.attrs["not_testable_reasons"]
        assert sum(reasons.values()) == part.attrs["n_not_testable"] > 0
        assert any("gene not measured" in reason for reason in reasons)
        assert part.attrs["organ"] == "liver"


def test_p_is_b_by_m_where_every_edge_was_permuted(permuted):
    edges = organ_edges(permuted, "bone", "communication").tested
    b = edges["p"] * 50
    np.testing.assert_allclose(b, b.round(), atol=1e-9)
    np.testing.assert_allclose((b + 1) / 51, edges["pval"])


def test_p_is_left_as_it_is_where_only_some_edges_were_permuted(tiny_communication):
    edges = organ_edges(tiny_communication, "bone", "communication").tested
    assert set(edges["null"]) > {"permutation"}
    assert (edges["p"] == edges["pval"]).all() and (edges["p"] > 0).all()


def test_a_convention_permutes_every_edge(tiny_one_sample):
    with pytest.warns(NicheWarning, match="one organ only"):
        tl.communication(tiny_one_sample, resource=PAIRS, convention="liana", n_perms=50)
    b = organ_edges(tiny_one_sample, "bone", "communication").tested["p"] * 50
    np.testing.assert_allclose(b, b.round(), atol=1e-9)


@pytest.mark.parametrize("export", EXPORTS[1:])
def test_a_result_without_p_values_is_refused_where_they_belong(tiny, export):
    tl.communication(tiny, resource=PAIRS, null=None)
    with pytest.raises(InputValueError, match=r"no p\. Run niche\.tl\.communication with null="):
        export(tiny, organ="bone")


def test_the_grid_keeps_every_edge_in_its_place(permuted):
    edges = organ_edges(permuted, "bone", "communication")
    grid = edges.grid
    table = edges.table.set_index(["source", "target", "ligand_complex", "receptor_complex"])
    for column, cells in enumerate(grid.cells.itertuples(index=False)):
        for row, pair in enumerate(grid.pairs.itertuples(index=False)):
            edge = table.loc[(*cells, pair.ligand_complex, pair.receptor_complex)]
            assert grid.status[row, column] == edge["status"]
            np.testing.assert_equal(grid.values("pval")[row, column], edge["pval"])
    assert list(grid.pairs.loc[grid.kept, "ligand_complex"]) == ["CXCL12", "JAG1", "SPP1"]

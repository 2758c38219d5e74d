"""The flag on edges of dissociated cells: never drops one."""

from __future__ import annotations

import anndata as ad
import pandas as pd
import pytest

import niche
from niche.errors import InputTypeError, MissingKeyError


def test_edges_are_flagged_and_none_is_dropped(demo_result: ad.AnnData) -> None:
    plain = niche.get.communication(demo_result, status="tested")
    contacts = pd.DataFrame(
        [("bone", "Malignant", "Fibroblast", 12), ("bone", "Malignant", "T cell", 0)],
        columns=["organ", "source", "target", "contacts"],
    )
    table = niche.get.communication(demo_result, status="tested", touching=contacts)
    assert len(table) == len(plain) and table["pval"].equals(plain["pval"])
    bone = table[(table["organ"] == "bone") & (table["source"] == "Malignant")].set_index("target")[
        "touching"
    ]
    assert set(bone["Fibroblast"]) == {"touching"} and set(bone["T cell"]) == {"never touching"}
    assert set(table.loc[table["organ"] != "bone", "touching"]) == {"not_assessed"}
    assert "touching" not in plain


def test_what_is_no_table(demo_result: ad.AnnData) -> None:
    with pytest.raises(InputTypeError, match=r"table of niche.get.touching"):
        niche.get.communication(demo_result, touching="touching")
    with pytest.raises(MissingKeyError, match="lacks the columns"):
        niche.get.communication(demo_result, touching=pd.DataFrame({"organ": ["bone"]}))

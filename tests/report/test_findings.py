from __future__ import annotations

import anndata as ad
import pytest

from niche import get
from niche.report import findings
from niche.report.findings import Findings


def test_large_results_are_read_organ_by_organ(
    _corridor: ad.AnnData, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Findings.of(_corridor)
    monkeypatch.setattr(findings, "_WHOLE", 0)
    parts = Findings.of(_corridor)
    assert parts.statuses["n"].sum() == whole.statuses["n"].sum() == len(get.communication(_corridor))
    keys = ["organ", "source", "target", "ligand_complex", "receptor_complex"]
    for name in ("tested", "cell_pairs"):
        first, second = getattr(whole, name), getattr(parts, name)
        by = [key for key in keys if key in first]
        first, second = (
            t.astype(dict.fromkeys(by, str)).sort_values(by).reset_index(drop=True) for t in (first, second)
        )
        assert first.astype(str).equals(second.astype(str))


def test_pairs_of_cell_types_add_up(_corridor: ad.AnnData) -> None:
    found = Findings.of(_corridor)
    pairs = found.cell_pairs
    n = pairs[["n_tested", "n_not_expressed", "n_not_testable"]].sum(axis=1)
    assert n.nunique() == 1
    assert (pairs["n_significant"] <= pairs["n_tested"]).all()
    assert ((pairs["reason"] != "") == (pairs["n_samples"] == 0)).all()
    assert len(found.significant) == pairs["n_significant"].sum()


def test_labels_name_the_tissue_unless_it_is_a_metastasis(_corridor: ad.AnnData) -> None:
    assert set(Findings.of(_corridor).labels) == {"bone", "brain", "breast (primary)", "liver", "lung"}
    assert set(Findings.of(ad.AnnData(_corridor.X[:2])).labels) == {"all cells"}

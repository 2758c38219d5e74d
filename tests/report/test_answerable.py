"""What the numbers of patients allow, said before all else."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from compared import make_compared

from niche import get, pp
from niche.report import answerable, summary
from niche.report.findings import Findings


@pytest.mark.filterwarnings("ignore:one organ only")
def test_what_patients_allow_stands_first(_corridor: ad.AnnData) -> None:
    found = Findings.of(_corridor)
    blocks = summary.section(found).blocks
    organs = get.design(_corridor, what="organs")
    (told,) = answerable.callout(found)
    assert blocks[2] == told and told.tone == "note"
    able = organs.loc[organs["reason"] == "", "organ"].tolist()
    assert able and all(name.replace("_", " ") in told.text.split(".")[0] for name in able)
    assert "Brain: test, no call (2 patients with usable cells, 3 are needed for a call)." in told.text


def test_nothing_can_be_called_of_one_patient_each() -> None:
    adata = make_compared()
    adata.obs["patient"] = adata.obs["organ"].astype(str)
    pp.check(adata, "cell_type")
    (told,) = answerable.callout(Findings.of(adata))
    assert told.tone == "limit"
    assert told.text.startswith(
        "No difference between organs can be called: there are too few patients. Bone:"
    )
    assert "Kidney: describe only (1 patient with usable cells, 2 are needed to test)." in told.text
    assert answerable.callout(Findings.of(ad.AnnData(np.ones((2, 2), dtype=np.float32)))) == []

"""A simulated study in which copy number can be seen, and what the recipe makes of it without labels."""

from __future__ import annotations

from collections import Counter
from typing import Any

import anndata as ad
import pytest

from niche import datasets, pp, recipes, tl

QUICK: dict[str, Any] = {
    "recipe": "tumor_stroma",
    "qc": {"min_cells_scrublet": 100_000},
    "cluster": {"resolution": 0.5},
}
FEW_RESOLUTIONS = ("niche.tl._cluster_stability.RESOLUTIONS", (0.5, 1.0))
STEPS = (
    (pp, "harmonize_genes"), (pp, "qc"), (pp, "normalize"), (tl, "infer_cnv"), (tl, "call_compartments"),
    (pp, "integrate"), (tl, "cluster"), (tl, "annotate"), (pp, "ambient"), (pp, "check"),
    (tl, "communication"), (tl, "compare_communication"), (tl, "programs"), (tl, "compare_programs"),
    (tl, "score_signatures"), (tl, "compare_expression"), (tl, "composition"), (tl, "tropism"),
)  # fmt: skip


@pytest.fixture(scope="session")
def simulated() -> ad.AnnData:
    """576 cells of two patients with bone and liver metastases, with the truth; do not change it."""
    return datasets.simulate_metastases(
        3, organs=("bone", "liver"), patients_per_organ=2, cells=140, n_genes=6000, primaries=0, normals=0
    )


@pytest.fixture(scope="session")
def nameless(simulated: ad.AnnData) -> ad.AnnData:
    """The same cells, with nobody saying what they are; do not change it."""
    adata = simulated.copy()
    adata.obs = adata.obs[["sample", "patient", "organ", "tissue"]].copy()
    return adata


@pytest.fixture(scope="session")
def called(nameless: ad.AnnData) -> ad.AnnData:
    """The result of ``tumor_stroma`` without labels; do not change it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(*FEW_RESOLUTIONS)
        return recipes.tumor_stroma(nameless, QUICK)


@pytest.fixture(autouse=True)
def _few_resolutions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge the stability of clusters at two resolutions; the others repeat the same steps."""
    monkeypatch.setattr(*FEW_RESOLUTIONS)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each step was really called."""
    counted: Counter[str] = Counter()
    for module, name in STEPS:
        real = getattr(module, name)

        def counting(*args: Any, _name: str = name, _real: Any = real, **kwargs: Any) -> Any:
            counted[_name] += 1
            return _real(*args, **kwargs)

        monkeypatch.setattr(module, name, counting)
    return counted

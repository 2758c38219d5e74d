"""The assumed spread beside real biopsies, and the power of niche's own tests at the detectable effect.

``python -m pytest -m validation tests/_power/test_power_validation.py`` writes ``docs/validation/power.md``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import niche
from niche._kernels.threads import limited_to
from niche._power.designs import planned
from niche._stats.contrasts import Groups, contrasts_of
from niche._stats.organ_tests import Models, Samples, family_tests

pytestmark = pytest.mark.validation

PAGE = Path(__file__).parents[2] / "docs" / "validation" / "power.md"
ORGANS = ["bone", "brain", "liver", "lung"]
LEAST_CPM = 100


def test_spread_between_biopsies(shared_data):
    """Squared differences within organ and tissue, less the error of a mean of cells."""
    adata = niche.datasets.maynard2020()
    values = adata.X.tocsr().astype(np.float64)
    values.data = np.expm1(values.data)
    obs = adata.obs
    lines = []
    for name in ("Epithelial cell", "Macrophage", "Fibroblast", "T cell CD8", "T cell CD4"):
        mine = (obs["cell_type"] == name).to_numpy()
        sizes = obs[mine].groupby(["sample", "patient", "organ", "tissue"], observed=True).size()
        sizes = sizes[sizes >= 10]
        mean, error, site = [], [], []
        for (sample, _, organ, tissue), n in sizes.items():
            cells = values[mine & (obs["sample"] == sample).to_numpy()]
            first = np.asarray(cells.mean(axis=0)).ravel()
            second = np.asarray(cells.power(2).mean(axis=0)).ravel()
            mean.append(first)
            error.append((second - first**2) / (n - 1))
            site.append(f"{organ} {tissue}")
        mean, error = np.array(mean), np.array(error)
        kept = (np.median(mean, axis=0) > LEAST_CPM) & (mean > LEAST_CPM / 4).all(axis=0)
        y = np.log2(mean[:, kept])
        design = pd.get_dummies(pd.Series(site)).to_numpy(dtype=float)
        df = len(y) - np.linalg.matrix_rank(design)
        residual = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
        total = (residual**2).sum(axis=0) / df
        own = total - (error[:, kept] / mean[:, kept] ** 2).mean(axis=0) / np.log(2) ** 2
        n_patients = sizes.index.get_level_values("patient").nunique()
        sd = [np.sqrt(max(one, 0)) for one in (np.median(own), own.mean())]
        lines.append(
            f"| {name} | {len(y)} | {n_patients} | {df} | {kept.sum()} | {sd[0]:.2f} | {sd[1]:.2f} |"
        )
        assert 0.3 < sd[0] < 0.9
    _write(
        "Spread between patients",
        [
            "Biopsies of Maynard 2020 with 10 cells of a type, genes above 100 counts per million: standard deviation of "
            "log2 expression within organ and tissue, from the median and from the mean variance over genes, the error "
            "of a mean of so many cells subtracted. Few patients, some with two biopsies: an order of magnitude.",
            "",
            "| cell type | biopsies | patients | degrees of freedom | genes | sd (median) | sd (mean) |",
            "| --- | --- | --- | --- | --- | --- | --- |",
            *lines,
        ],
    )


def test_power_of_our_own_tests():
    """4,000 values per row with the detectable effect planted in bone, tested as niche tests edges."""
    rng, sd, mean = np.random.default_rng(0), 0.6, 0.5
    lines, found = [], {}
    groups = Groups(ORGANS, ORGANS, ["metastasis"] * 4)
    wanted = contrasts_of(groups)
    at = [contrast.name for contrast in wanted].index("bone_vs_rest")
    with limited_to(1):
        for pairing in ("unpaired", "partial", "paired"):
            for n in (3, 4, 6):
                report = niche.power(dict.fromkeys(ORGANS, n), pairing=pairing, sd=sd, max_patients=2)
                effect = report.table.set_index("contrast").loc["bone_vs_rest", "min_detectable_log2fc"]
                design = planned(ORGANS, n, pairing)
                group = pd.factorize(design["organ"], sort=True)[0]
                patient = pd.factorize(design["patient"])[0]
                shared = rng.normal(size=(4000, patient.max() + 1))[:, patient]
                y = sd * (np.sqrt(mean) * shared + np.sqrt(1 - mean) * rng.normal(size=shared.shape))
                y += effect * (group == 0)
                models = Models(Samples(group, patient, np.zeros((group.size, 0)), ()), groups, wanted)
                usable = np.ones((len(y), 4), dtype=bool)
                family = family_tests(y, np.ones_like(y), usable, models, moderate=False)
                found[pairing, n] = float((family.tests.p[:, at] < 0.05).mean())
                lines.append(f"| {pairing} | {n} | {effect:.2f} | {found[pairing, n]:.3f} |")
    _write(
        "Power of our own tests",
        [
            "Four organs, sd 0.6, correlation 0.5: the effect that `niche.power` gives for 80 % power at 0.05, planted in "
            "4,000 values and tested by the averaged correlation, without moderation. Where patients are in several organs "
            "the promise is on the safe side, as it does without learning the correlation from other tests.",
            "",
            "| pairing | patients per organ | detectable log2 fold change | power |",
            "| --- | --- | --- | --- |",
            *lines,
        ],
    )
    for (pairing, _), power in found.items():
        assert power > 0.77
        assert pairing != "unpaired" or power == pytest.approx(0.8, abs=0.03)


def _write(title, text):
    """Put a section into the page, keeping the others."""
    head = "# Detectable effects\n\nWritten by `python -m pytest -m validation tests/_power/test_power_validation.py`."
    kept = PAGE.read_text(encoding="utf-8").split("\n## ")[1:] if PAGE.is_file() else []
    kept = [part.strip() for part in kept if not part.startswith(title)]
    body = "\n".join([title, "", *text])
    PAGE.write_text(head + "\n\n## " + "\n\n## ".join(sorted([*kept, body])) + "\n", encoding="utf-8")

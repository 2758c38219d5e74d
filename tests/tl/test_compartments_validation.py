"""Long proof of the malignant call on real tumors and on simulations with a known truth.

``python -m pytest -m validation tests/tl/test_compartments_validation.py`` writes
``docs/validation/compartments.md``. The oligodendroglioma set ships with infercnvpy; the breast and lung sets are
looked for as the default tests do.
"""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import niche

pytestmark = pytest.mark.validation

TABLE = Path(__file__).parents[2] / "docs" / "validation" / "compartments.md"
HEAD = """# The malignant call of `tl.call_compartments`

Written by `python -m pytest -m validation tests/tl/test_compartments_validation.py`. No label is used by the call;
columns of labels and truth are only compared with afterwards. *Called*: tumor or host, the others are `unresolved`.
"""
SEEDS = range(10, 20)
PARENCHYMA = (
    "AT1",
    "AT2",
    "Astrocyte",
    "Cholangiocyte",
    "Hepatocyte",
    "Neuron",
    "Oligodendrocyte",
    "Osteoblast",
)
HOST = ("immune", "stromal", "endothelial")
_SECTIONS: dict[str, str] = {}


@pytest.fixture(scope="module", autouse=True)
def _written():
    """Write the table when every part is there; a part alone changes nothing."""
    _SECTIONS.clear()
    yield
    names = ("oligodendroglioma", "breast", "lung", "simulated", "normal")
    if set(names) <= set(_SECTIONS):
        TABLE.write_text("\n".join([HEAD, *(_SECTIONS[name] for name in names)]), encoding="utf-8")


def call(adata: ad.AnnData, *keep: str) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """Compartment, probability and samples of a call that sees no label but the columns kept."""
    blind = ad.AnnData(adata.X, obs=adata.obs[list(keep)].copy(), var=adata.var.copy())
    niche.tl.call_compartments(blind)
    probability = blind.obs["malignant_probability"].to_numpy(dtype=float)
    return blind.obs["compartment"].astype(str).to_numpy(), probability, niche.get.compartments(blind)


def markdown(frame: pd.DataFrame) -> str:
    rows = [frame.columns, *frame.itertuples(index=False)]
    lines = ["| " + " | ".join(str(value) for value in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * frame.shape[1], *lines[1:]]) + "\n"


def numbers(called: np.ndarray, malignant: np.ndarray) -> dict[str, float]:
    decided = called != "unresolved"
    tumor = called == "tumor"
    right = (tumor[malignant & decided].mean(), (~tumor)[~malignant & decided].mean())
    return {"balanced": float(np.mean(right)), "called": float(decided.mean())}


def by_label(labels: np.ndarray, called: np.ndarray) -> pd.DataFrame:
    """How many cells of every label are called what."""
    kind = np.where(np.isin(called, ("tumor", "unresolved")), called, "host")
    table = pd.crosstab(pd.Series(labels, name="label"), pd.Series(kind, name="")).reset_index()
    table["share tumor"] = [f"{row['tumor'] / (row['tumor'] + row['host'] + row['unresolved']):.3f}"
                            for _, row in table.iterrows()]  # fmt: skip
    return table


def auc(score: np.ndarray, truth: np.ndarray) -> float:
    ranks = pd.Series(score).rank().to_numpy()
    n = truth.sum()
    return float((ranks[truth].sum() - n * (n + 1) / 2) / (n * (~truth).sum()))


def test_oligodendroglioma():
    """142 malignant cells of four patients, 42 microglia and oligodendrocytes (Tirosh et al. 2016)."""
    infercnvpy = pytest.importorskip("infercnvpy", reason="infercnvpy is not installed")
    adata = infercnvpy.datasets.oligodendroglioma()
    dense = adata.X.toarray() if sparse.issparse(adata.X) else np.asarray(adata.X)
    adata.X = sparse.csr_matrix(np.log1p(dense).astype(np.float32))
    adata.obs["sample"] = [name.split("_")[0] for name in adata.obs_names]
    labels = adata.obs["cell_type"].astype(str).to_numpy()
    malignant = np.char.startswith(labels.astype(str), "malignant_")
    assert malignant.sum() == 142
    rows, tables = [], []
    for name, keep in (("one sample, nothing known", ()), ("samples from the cell names", ("sample",))):
        called, _, samples = call(adata, *keep)
        found = numbers(called, malignant)
        rows.append((name, f"{found['balanced']:.3f}", f"{found['called']:.3f}", *_states(samples)))
        tables.append(f"{name}:\n\n{markdown(by_label(labels, called))}")
        assert found["balanced"] >= 0.95 and found["called"] >= 0.85
    head = ["cells as", "balanced accuracy among called", "called", "samples yes", "no", "not assessed"]
    _SECTIONS["oligodendroglioma"] = "\n".join(
        [
            "## Oligodendroglioma: 142 malignant, 42 host cells\n",
            "The malignant cells look like oligodendrocyte precursors and astrocytes, parenchyma of the brain; the\n"
            "only immune reference is 19 microglia.\n",
            markdown(pd.DataFrame(rows, columns=head)),
            *tables,
        ]
    )


def _states(samples: pd.DataFrame) -> list[int]:
    return [int((samples["copy_number"] == state).sum()) for state in ("yes", "no", "not_assessed")]


def test_breast(shared_data):
    """Chung et al. 2017: agreement with the epithelial-and-copy-number rule."""
    adata = ad.read_h5ad(shared_data / "chung2017_breast_primary_LNmet.h5ad")
    adata.obs["organ"] = adata.obs["site"]
    niche.pp.normalize(adata)
    called, _, samples = call(adata, "sample", "organ")
    rule = adata.obs["malignant_putative"].to_numpy(dtype=bool)
    labels = adata.obs["cell_type_marker"].astype(str).to_numpy()
    decided = called != "unresolved"
    host = np.isin(labels, ("B", "T", "Myeloid", "Stromal"))
    share = (called[host] == "tumor").mean()
    agreement = ((called == "tumor") == rule)[decided].mean()
    shown = np.where(rule, "Epithelial, putative malignant", labels).astype(object)
    assert share < 0.02 and agreement > 0.9
    _SECTIONS["breast"] = "\n".join(
        [
            "## Breast primaries and lymph-node metastases (Chung et al. 2017, 549 cells)\n",
            f"Agreement with the epithelial-and-copy-number rule (not truth) among called cells {agreement:.3f}, "
            f"called {decided.mean():.3f};\nimmune and stromal cells called tumor {share:.3f}. Samples with "
            "copy-number evidence {}, without {}, not assessed {}.\n".format(*_states(samples)),
            markdown(by_label(shown, called)),
        ]
    )


def test_lung(shared_data):
    """Maynard et al. 2020: fibroblasts must not become tumor."""
    adata = ad.read_h5ad(shared_data / "maynard2020_nsclc_mets_3k.h5ad")
    adata.obs["organ"] = adata.obs["site"]
    called, _, samples = call(adata, "sample", "organ")
    rule = adata.obs["malignant_putative"].to_numpy(dtype=bool)
    types = adata.obs["cell_type"].astype(str).to_numpy()
    shown = np.where(rule, "Epithelial cell, putative malignant", types).astype(object)
    decided = called != "unresolved"
    agreement = ((called == "tumor") == rule)[decided].mean()
    alone = adata.obs["cnv_high"].to_numpy(dtype=bool) & (types == "Fibroblast")
    assert (called[types == "Fibroblast"] == "tumor").mean() < 0.02
    _SECTIONS["lung"] = "\n".join(
        [
            "## Lung cancer and its metastases (Maynard et al. 2020, 3,000 cells of 44 samples)\n",
            f"The signal alone, above the 95th percentile of the reference, flags {alone.sum()} of "
            f"{(types == 'Fibroblast').sum()} fibroblasts. Agreement with\nthe epithelial-and-copy-number rule (not "
            f"truth) among called cells {agreement:.3f}, called {decided.mean():.3f}. Samples with\ncopy-number "
            "evidence {}, without {}, not assessed {} (fewer than 20 cells).\n".format(*_states(samples)),
            markdown(by_label(shown, called)),
        ]
    )


def _simulated(seed: int) -> ad.AnnData:
    adata = niche.datasets.simulate_metastases(seed, ambient=0.1, doublets=0.05)
    adata.uns = {}
    niche.pp.normalize(adata)
    return adata


def test_simulated_and_normal():
    """Ambient 10 %, doublets 5 %, on seeds that no choice was made on; then the host cells alone."""
    rows, alone, types = [], [], []
    for seed in SEEDS:
        adata = _simulated(seed)
        malignant = adata.obs["truth_malignant"].to_numpy(dtype=bool)
        called, probability, samples = call(adata, "sample", "organ")
        found = numbers(called, malignant)
        area = auc(np.nan_to_num(probability, nan=0.5), malignant)
        parenchyma = adata.obs["cell_type"].astype(str).isin(PARENCHYMA).to_numpy()
        host = adata.obs["compartment"].astype(str).isin(HOST).to_numpy()
        of = [float((called[mine] == "tumor").mean()) for mine in (parenchyma, host)]
        with_tumor = samples["sample"].isin(adata.obs.loc[malignant, "sample"]).to_numpy()
        yes = (samples["copy_number"] == "yes").to_numpy()
        assert area >= 0.98 and max(of) < 0.02
        rows.append(
            (seed, f"{area:.4f}", f"{found['balanced']:.3f}", f"{found['called']:.3f}",
             f"{(called[malignant] == 'tumor').mean():.3f}", f"{of[0]:.4f}", f"{of[1]:.4f}",
             f"{yes[with_tumor].sum()} of {with_tumor.sum()}", f"{yes[~with_tumor].sum()} of {(~with_tumor).sum()}")
        )  # fmt: skip
        types.append(pd.DataFrame({"type": adata.obs["cell_type"].astype(str), "tumor": called == "tumor"}))
        normal, _, states = call(adata[~malignant].copy(), "sample", "organ")
        alone.append((normal == "tumor", (states["copy_number"] == "yes").to_numpy()))
    head = [
        "seed", "area under ROC", "balanced accuracy among called", "called", "malignant called tumor",
        "parenchyma called tumor", "other host called tumor", "evidence in tumor samples", "in normal samples",
    ]  # fmt: skip
    every = (
        pd.concat(types).groupby("type")["tumor"].agg(["size", "mean"]).loc[list(PARENCHYMA)].reset_index()
    )
    assert (every["mean"] < 0.02).all()
    every["mean"] = [f"{share:.4f}" for share in every["mean"]]
    every.columns = ["cell type, all seeds", "cells", "called tumor"]
    _SECTIONS["simulated"] = "\n".join(
        [
            "## Simulated metastases: ambient 10 %, doublets 5 %\n",
            "Doublets are labelled by their first cell. In samples without evidence malignant cells stay\n"
            "unresolved; 4,000 genes leave many tumors undecided there.\n",
            markdown(pd.DataFrame(rows, columns=head)),
            markdown(every),
        ]
    )
    tumor, yes = (np.concatenate(part) for part in zip(*alone, strict=True))
    assert tumor.mean() < 0.01
    _SECTIONS["normal"] = "\n".join(
        [
            "## Normal cells only\n",
            markdown(
                pd.DataFrame(
                    [
                        (
                            f"host cells of the {len(rows)} simulations",
                            tumor.size,
                            f"{tumor.mean():.4f}",
                            f"{yes.sum()} of {yes.size}",
                        ),
                        _blood(),
                    ],
                    columns=["cells", "number", "called tumor", "samples with evidence"],
                )
            ),
        ]
    )


def _blood() -> tuple[str, int, str, str]:
    scanpy = pytest.importorskip("scanpy")
    raw = scanpy.datasets.pbmc68k_reduced().raw
    adata = ad.AnnData(sparse.csr_matrix(raw.X), obs=pd.DataFrame(index=raw.obs_names), var=raw.var[[]])
    called, _, samples = call(adata)
    assert (called == "tumor").mean() < 0.01 and samples["copy_number"].tolist() == ["no"]
    return "scanpy's pbmc68k_reduced", adata.n_obs, f"{(called == 'tumor').mean():.4f}", "0 of 1"

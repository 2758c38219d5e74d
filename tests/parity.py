"""What the parity tests share: the same cells and pairs for niche and for another tool, and their comparison."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from scipy import sparse
from scipy.stats import hypergeom

import niche
from niche.errors import NicheWarning
from niche.tl._conventions import CONVENTIONS

EDGE = ["source", "target", "ligand_complex", "receptor_complex"]
GENES = ["source", "target", "ligand", "receptor"]
N_PERMS = 300
MAYNARD = "maynard2020_nsclc_mets_3k.h5ad"


@dataclass(frozen=True)
class Organ:
    """The metastasis cells of one organ, the pairs to test, and a threshold unless the tool's own."""

    name: str
    adata: ad.AnnData
    pairs: pd.DataFrame
    threshold: float | None = None

    @property
    def categorical(self) -> ad.AnnData:
        """A copy with categorical cell types, as other tools want them."""
        adata = self.adata.copy()
        adata.obs["cell_type"] = adata.obs["cell_type"].astype("category")
        return adata


def pbmc() -> Organ:
    """``scanpy.datasets.pbmc68k_reduced`` with its log-normalised ``raw``: one sample, ten types."""
    raw = sc.datasets.pbmc68k_reduced().raw.to_adata()
    obs = pd.DataFrame({"cell_type": raw.obs["bulk_labels"].astype(str)})
    obs["sample"], obs["patient"], obs["organ"] = "s", "p", "blood"
    adata = ad.AnnData(raw.X.copy(), obs=obs, var=pd.DataFrame(index=raw.var_names.astype(str)))
    return Organ("blood", adata, pairs_for(adata, 60))


def demo(organ: str = "bone") -> Organ:
    """Metastasis cells of one organ of the bundled demo: several samples."""
    adata = niche.datasets.demo()
    niche.pp.normalize(adata)
    mine = (adata.obs["organ"] == organ) & (adata.obs["tissue"] == "metastasis")
    adata = _plain(adata[mine.to_numpy()])
    return Organ(organ, adata, pairs_for(adata, 45))


def maynard(folder: Path, organ: str = "pleura") -> Organ:
    """Metastasis cells of one site of the Maynard data, its cell types as they are.

    Of 41,088 genes those of the consensus resource and a quarter of the others.
    """
    path = folder / MAYNARD
    if not path.is_file():
        pytest.skip(f"no copy of {MAYNARD} in {folder}")
    adata = sc.read_h5ad(path)
    adata.obs["organ"] = adata.obs["site"]
    mine = (adata.obs["site"] == organ) & (adata.obs["tissue_origin"] == "metastasis")
    pairs = niche.resources.ligand_receptor("consensus")
    subunits = set("_".join([*pairs["ligand"], *pairs["receptor"]]).split("_"))
    kept = adata.var_names.isin(subunits) | (np.arange(adata.n_vars) % 4 == 0)
    adata = _plain(adata[mine.to_numpy(), kept])
    return Organ(organ, adata, pairs_for(adata, 45))


def ties() -> Organ:
    """One value for each gene, types of 16 to 64 cells and a threshold of an eighth.

    Sums and means are exact in float32, so that many permutations tie with the observed value and many
    fractions lie at the threshold. One type has 3 cells, some genes have no value.
    """
    rng = np.random.default_rng(3)
    sizes = {"few": 3, "small": 16, "middle": 32, "large": 64}
    label = np.repeat(list(sizes), list(sizes.values()))
    rate = rng.uniform(0.05, 0.5, (len(sizes), 40))
    x = rng.random((label.size, 40)) < np.repeat(rate, list(sizes.values()), axis=0)
    x[:, -6:] = False
    genes = [f"GENE{i}" for i in range(40)]
    value = np.where(np.arange(40) % 2, 1.5, 6.0).astype(np.float32)
    obs = pd.DataFrame(
        {
            "cell_type": label,
            "sample": rng.choice(["s1", "s2"], label.size),
            "patient": "p",
            "organ": "bone",
        },
        index=[f"cell{i}" for i in range(label.size)],
    )
    adata = ad.AnnData(sparse.csr_matrix(x * value), obs=obs, var=pd.DataFrame(index=genes))
    pairs = [(genes[i], genes[j]) for i, j in rng.choice(36, (40, 2))]
    pairs += [
        (f"{genes[i]}_{genes[j]}", genes[k]) for i, j, k in rng.permuted(np.arange(36))[:36].reshape(-1, 3)
    ]
    pairs += [(receptor, ligand) for ligand, receptor in pairs[-8:]]
    pairs += [("GENE1_MISSING", "GENE2"), ("GENE3", "GENE4_GENE5_MISSING"), ("MISSING", "GENE0")]
    table = pd.DataFrame(pairs, columns=["ligand", "receptor"]).drop_duplicates(ignore_index=True)
    return Organ("bone", adata, table, 0.125)


def _plain(adata: ad.AnnData) -> ad.AnnData:
    obs = adata.obs[["sample", "patient", "organ", "cell_type"]].astype(str)
    return ad.AnnData(adata.X.copy(), obs=obs, var=pd.DataFrame(index=adata.var_names))


def pairs_for(adata: ad.AnnData, n: int) -> pd.DataFrame:
    """Pairs of the consensus resource, complexes of it, made complexes, and some with a subunit missing."""
    table = niche.resources.ligand_receptor("consensus")[["ligand", "receptor"]]
    genes = pd.Index(adata.var_names)
    subunits = (table["ligand"] + "_" + table["receptor"]).str.split("_")
    n_measured = subunits.map(lambda names: genes.isin(names).sum())
    whole = table[n_measured == subunits.map(len)]
    partial = table[(n_measured < subunits.map(len)) & (n_measured > 1)]
    complexes = whole[whole["ligand"].str.contains("_") | whole["receptor"].str.contains("_")]
    parts = [
        part.sample(min(size, len(part)), random_state=0)
        for part, size in ((whole.drop(complexes.index), n), (complexes, n // 2), (partial, 10))
    ]
    rng = np.random.default_rng(0)
    frequent = genes[np.asarray((adata.X > 0).mean(axis=0)).ravel() > 0.02]
    made = [("_".join(rng.choice(frequent, 2, replace=False)), rng.choice(frequent)) for _ in range(15)]
    made += [(b, a) for a, b in made[:8]] + [("_".join(rng.choice(frequent, 3, replace=False)), made[0][1])]
    parts.append(pd.DataFrame(made, columns=["ligand", "receptor"]))
    return pd.concat(parts).drop_duplicates().sort_values(["ligand", "receptor"], ignore_index=True)


def run_niche(organ: Organ, convention: str, *, expr_prop: float, min_cells: int) -> pd.DataFrame:
    """The tested edges of ``tl.communication``, all cell types sending and receiving; ``b`` as the others."""
    with pytest.warns(NicheWarning, match="one organ only"):
        result = niche.tl.communication(
            organ.adata, "cell_type", resource=organ.pairs, convention=convention, senders="all",
            receivers="all", null="permutation", n_perms=N_PERMS, rng=1, copy=True, min_cells=min_cells,
            expr_prop=organ.threshold or expr_prop,
        )  # fmt: skip
    table = niche.get.communication(result, status="tested")
    for name in (*EDGE, "ligand", "receptor"):
        table[name] = table[name].astype(str)
    b = table["pval"] * (N_PERMS + 1) - 1
    np.testing.assert_allclose(b, b.round(), atol=1e-6)
    return table.assign(b=b.round().astype(int))


def disagreements(found: pd.DataFrame, reference: pd.DataFrame) -> list[str]:
    """What differs: ``rows``, columns of ``reference`` beyond 1e-6 relative, and ``p`` beyond chance.

    Both are indexed by edge; ``b`` counts exceedances. The absolute part of the tolerance, 1e-7, is the
    resolution of float32, in which LIANA and CellPhoneDB keep values of the order of 1; it matters for
    scores that pass through 0.
    """
    out = [] if found.index.sort_values().equals(reference.index.sort_values()) else ["rows"]
    common = found.index.intersection(reference.index)
    found, reference = found.loc[common], reference.loc[common]
    for name in reference.columns.drop("b"):
        if not np.allclose(found[name], reference[name], rtol=1e-6, atol=1e-7):
            out.append(name)
    p = same_p(found["b"].to_numpy(), reference["b"].to_numpy())
    if p.min(initial=1) * p.size < 0.01 or (p < 0.001).mean() > 0.01 or (p < 0.05).mean() > 0.1:
        out.append("p")
    return out


def same_p(b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Two-sided exact (Fisher) p-values that two counts out of ``N_PERMS`` come from one probability."""
    both, place = np.unique(np.stack([b, b + c], axis=1), axis=0, return_inverse=True)
    law = hypergeom(2 * N_PERMS, both[:, 1], N_PERMS)
    p = np.minimum(1.0, 2 * np.minimum(law.cdf(both[:, 0]), law.sf(both[:, 0] - 1)))
    return p[place.ravel()]


def change(monkeypatch: pytest.MonkeyPatch, convention: str, **field) -> None:
    """Change one choice of a convention for a test."""
    monkeypatch.setitem(CONVENTIONS, convention, replace(CONVENTIONS[convention], **field))

"""Put the cells of a study into two species: human tumor cells, mouse host cells, what leaks between them."""

from __future__ import annotations

from dataclasses import dataclass

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp

from niche import resources
from niche.datasets._simulate.options import LARGEST_AMBIENT

PREFIXES = {"human": "GRCh38_", "mouse": "mm10___"}
"""Prefixes of the gene names of a combined reference, as 10x Genomics writes them."""


@dataclass(frozen=True)
class Droplets:
    """What is in the droplets of one sample.

    Attributes
    ----------
    rows
        (n,) rows of the cells that are kept, doublets under their first cell.
    partner
        (n,) row of the second cell of a doublet, -1 without one.
    ambient
        (n,) share of ambient molecules.
    human, mouse
        (n, n_genes) counts of the molecules of each species, csr float32.
    """

    rows: np.ndarray
    partner: np.ndarray
    ambient: np.ndarray
    human: sp.csr_matrix
    mouse: sp.csr_matrix


def mouse_names(symbols: pd.Index) -> tuple[list[str], np.ndarray]:
    """Mouse symbol of every human gene: its one-to-one ortholog, else a mouse gene that has none.

    Returns the names and (n_genes,) whether they are orthologs.
    """
    table = resources.orthologs()
    one = table[table["one_to_one"]]
    partner = dict(zip(one["human_symbol"], one["mouse_symbol"], strict=True))
    known = resources.gene_positions("mouse")
    coding = known.loc[known["biotype"] == "protein_coding", "symbol"].drop_duplicates()
    free = iter(sorted(set(coding[~coding.isin(table["mouse_symbol"])])))
    is_ortholog = np.array([symbol in partner for symbol in symbols])
    return [partner[symbol] if symbol in partner else next(free) for symbol in symbols], is_ortholog


def fraction_of(malignant: np.ndarray, totals: np.ndarray, cross: float) -> float:
    """Ambient fraction at which the other species makes up ``cross`` of a cell's counts on average."""
    q = totals[malignant].sum() / totals.sum()
    share = malignant.mean()
    between = share * (1 - q) + (1 - share) * q
    return float(min(cross / between, LARGEST_AMBIENT)) if between > 0 else 0.0


def droplets(
    rng: np.random.Generator,
    counts: sp.csr_matrix,
    malignant: np.ndarray,
    *,
    cross: float,
    cell_sd: dict[str, float],
    doublets: float,
) -> Droplets:
    """Add ambient molecules and doublets to the clean cells of one sample.

    ``counts`` (n_cells, n_genes); the ambient profile is all molecules of the sample, human ones of the
    malignant cells and mouse ones of the others. ``cell_sd`` is that of the cells of each species.
    """
    n, totals = counts.shape[0], np.asarray(counts.sum(axis=1)).ravel()
    order = rng.permutation(n)
    n_doublets = min(round(doublets * n), n // 2)
    partner = np.full(n, -1)
    partner[order[:n_doublets]] = order[n_doublets : 2 * n_doublets]
    rows = np.sort(np.setdiff1d(np.arange(n), partner[partner >= 0]))
    partner = partner[rows]
    second = np.flatnonzero(partner >= 0)
    join = sp.csr_matrix(
        (np.ones(len(rows) + len(second), np.float32),
         (np.concatenate([np.arange(len(rows)), second]), np.concatenate([rows, partner[second]]))),
        shape=(len(rows), n),
    )  # fmt: skip
    mean = fraction_of(malignant, totals, cross)
    sd = np.where(malignant[rows], cell_sd["human"], cell_sd["mouse"])
    spread = np.exp(rng.normal(-(sd**2) / 2, sd))
    ambient = np.minimum(mean * spread, LARGEST_AMBIENT)
    depth = join @ totals
    parts = []
    for of_species in (malignant, ~malignant):
        own = (join @ sp.diags_array(of_species.astype(np.float32)) @ counts).tocsr()
        soup = np.asarray(counts[of_species].sum(axis=0)).ravel()
        share = soup.sum() / max(totals.sum(), 1.0)
        own.data = rng.binomial(own.data.astype(np.int64), np.repeat(1 - ambient, np.diff(own.indptr)))
        leaked = rng.poisson(ambient * depth * share)
        gene = (
            rng.choice(len(soup), size=leaked.sum(), p=soup / soup.sum()) if soup.sum() else np.zeros(0, int)
        )
        where = (np.repeat(np.arange(len(rows)), leaked)[: gene.size], gene)
        both = own.astype(np.float32) + sp.csr_matrix(
            (np.ones(gene.size, np.float32), where), shape=own.shape
        )
        both = both.tocsr()
        both.sum_duplicates()
        both.eliminate_zeros()
        parts.append(both)
    return Droplets(rows, partner, ambient, *parts)


def combined(
    study: ad.AnnData,
    rng: np.random.Generator,
    cross: dict[str, float],
    *,
    cell_sd: dict[str, float],
    doublets: float,
) -> ad.AnnData:
    """Turn a clean study in human genes into droplets of a combined reference, sample by sample."""
    sample = study.obs["sample"].astype(str).to_numpy()
    malignant = study.obs["truth_malignant"].to_numpy(dtype=bool)
    counts = sp.csr_matrix(study.X)
    samples = list(dict.fromkeys(sample))
    human, mouse, frames = [], [], []
    for name, stream in zip(samples, rng.spawn(len(samples)), strict=True):
        at = np.flatnonzero(sample == name)
        found = droplets(
            stream, counts[at], malignant[at], cross=cross[name], cell_sd=cell_sd, doublets=doublets
        )
        human.append(found.human)
        mouse.append(found.mouse)
        frames.append(_cells(study.obs.iloc[at], malignant[at], found))
    return ad.AnnData(
        sp.csr_matrix(sp.hstack([sp.vstack(human), sp.vstack(mouse)], format="csr")),
        obs=pd.concat(frames),
        var=_genes(study.var),
    )


def realised_cross(obs: pd.DataFrame) -> pd.Series:
    """Mean share of the other species by sample, over the cells that hold one species."""
    pure = obs[~obs["truth_species_doublet"]]
    return pure.groupby(pure["sample"].astype(str))["truth_other_species"].mean().astype(float)


def _cells(obs: pd.DataFrame, malignant: np.ndarray, found: Droplets) -> pd.DataFrame:
    kept = obs.iloc[found.rows].copy()
    is_doublet = found.partner >= 0
    types = obs["cell_type"].astype(str).to_numpy(dtype=object)
    kept["truth_doublet"] = is_doublet
    kept["truth_doublet_partner"] = pd.Categorical(np.where(is_doublet, types[found.partner], ""))
    species = np.where(malignant[found.rows], "human", "mouse").astype(object)
    crossed = is_doublet & (malignant[found.rows] != malignant[found.partner])
    kept["truth_species"] = pd.Categorical(species)
    kept["truth_species_doublet"] = crossed
    totals = [np.asarray(part.sum(axis=1)).ravel() for part in (found.human, found.mouse)]
    other = np.where(malignant[found.rows], totals[1], totals[0])
    kept["truth_other_species"] = (other / np.maximum(totals[0] + totals[1], 1.0)).astype(np.float32)
    kept["truth_ambient"] = found.ambient.astype(np.float32)
    return kept


def _genes(var: pd.DataFrame) -> pd.DataFrame:
    """Genes of both species with the prefixes of their genomes; ``ortholog_of`` is the human symbol."""
    names, is_ortholog = mouse_names(var.index)
    symbols = {"human": list(var.index), "mouse": names}
    parts = []
    for species, prefix in PREFIXES.items():
        known = resources.gene_positions(species).drop_duplicates("symbol").set_index("symbol")["ensembl_id"]
        ids = [str(known.get(symbol, "")) for symbol in symbols[species]]
        parts.append(
            pd.DataFrame(
                {
                    "gene_ids": [prefix + one if one else "" for one in ids],
                    "genome": prefix.rstrip("_"),
                    "truth_role": var["truth_role"].astype(str).to_numpy(),
                    "truth_gene": list(var.index),
                    "truth_one_to_one": is_ortholog,
                },
                index=[prefix + symbol for symbol in symbols[species]],
            )
        )
    table = pd.concat(parts)
    for column in ("genome", "truth_role"):
        table[column] = pd.Categorical(table[column])
    return table

"""Sections of tissue with known truth: tumor islands in host, and pairs that do or do not need contact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import ndimage, sparse

from niche import resources
from niche._slots import validate

if TYPE_CHECKING:
    from anndata import AnnData

KINDS = ("focal", "interface", "organ_interface", "compartment", "none")
_HOST = {
    "Fibroblast": "stromal",
    "Endothelial cell": "endothelial",
    "T cell": "immune",
    "Macrophage": "immune",
}
_HOST_SHARES = (0.4, 0.15, 0.2, 0.25)
_ROW = np.sqrt(0.75)


def simulate_spatial(
    rng: int | np.random.Generator = 0,
    *,
    patients: int = 4,
    organs: Sequence[str] = ("liver", "lung"),
    sections: int = 1,
    side: int = 24,
    tumor_share: float = 0.4,
    pairs_per_kind: int = 6,
    effect: float = 6.0,
    mixing: float = 0.0,
    n_genes: int = 500,
) -> AnnData:
    """Draw sections of metastases whose ligand-receptor pairs are of known kinds.

    Spots lie on a hexagonal lattice. Tumor islands come from a smooth random field; host spots are of four
    cell types placed at random. Pairs are real ones of :func:`niche.resources.ligand_receptor` that share no
    gene.

    Parameters
    ----------
    rng
        Seed or generator.
    patients
        Patients of every organ, each in one organ.
    organs
        Names of organs.
    sections
        Sections of every patient.
    side
        Spots along each side of a section, so a section has ``side ** 2``.
    tumor_share
        Share of tumor spots.
    pairs_per_kind
        Pairs of each kind. ``focal``: both genes are raised in the same places, whatever the compartment.
        ``interface``: ligand and receptor are raised where an active stretch of the border runs, ligand on
        one side, receptor on the other (half of them from tumor to host, half back). ``organ_interface``: the
        same in the first organ only, elsewhere as ``compartment``. ``compartment``: ligand in the whole
        tumor, receptor in the whole host, or the other way round, contact or not. ``none``: nothing.
    effect
        How many times an expression is raised.
    mixing
        Share of what a spot holds that comes from its neighbours: 0 for cells, more for spots of an array.
    n_genes
        Genes, pairs among them.

    Returns
    -------
    AnnData
        Raw counts in ``X`` (csr float32), ``obsm["spatial"]`` (distance 1 between neighbours), ``obs``:
        ``sample, patient, organ, tissue, compartment, cell_type, tumor_fraction``.
        ``uns["truth"]["pairs"]``: ``ligand, receptor, kind, direction, organ`` (the organ an
        ``organ_interface`` is found in, else empty).

    Raises
    ------
    InputValueError
        An option out of range, or more pairs than the genes can hold.
    InputTypeError
        ``rng`` of the wrong type.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.simulate_spatial(0, patients=2, side=12)
    >>> adata.obs["sample"].nunique(), adata.n_obs
    (4, 576)
    """
    import anndata

    for value, name, low, high in (
        (patients, "patients", 1, 1000),
        (sections, "sections", 1, 100),
        (side, "side", 8, 1000),
        (pairs_per_kind, "pairs_per_kind", 1, 30),
        (n_genes, "n_genes", 20 * len(KINDS), 10_000),
    ):
        validate.number(value, name, low=low, high=high, integer=True)
    validate.number(tumor_share, "tumor_share", low=0.05, high=0.95)
    validate.number(mixing, "mixing", low=0, high=0.9)
    validate.number(effect, "effect", low=1, high=1000)
    names = [organs] if isinstance(organs, str) else [str(organ) for organ in organs]
    generator = validate.generator(rng)
    pairs, genes = _plan(int(pairs_per_kind), int(n_genes), names)
    level = np.exp(generator.normal(-0.5, 0.7, len(genes)))
    planted = np.unique(np.r_[genes.get_indexer(pairs["ligand"]), genes.get_indexer(pairs["receptor"])])
    level[planted] = generator.uniform(0.4, 1.2, planted.size)
    points, near = _lattice(int(side))
    counts, tables, places = [], [], []
    for organ in names:
        for p in range(patients):
            own = level * np.exp(generator.normal(0, 0.3, level.size))
            for s in range(sections):
                table, fold = _section(generator, near, int(side), pairs, genes, organ, tumor_share, effect)
                expected = own * fold
                expected = (1 - mixing) * expected + mixing * (near @ expected)
                depth = np.exp(generator.normal(0, 0.3, len(points)))[:, None]
                counts.append(sparse.csr_matrix(generator.poisson(depth * expected), dtype=np.float32))
                tumor = (table["compartment"] == "tumor").to_numpy(float)
                table["tumor_fraction"] = (1 - mixing) * tumor + mixing * (near @ tumor)
                table["patient"], table["organ"], table["tissue"] = f"{organ}_P{p + 1}", organ, "metastasis"
                table["sample"] = f"{organ}_P{p + 1}_S{s + 1}"
                tables.append(table)
                places.append(points)
    obs = pd.concat(tables, ignore_index=True)
    obs.index = obs["sample"] + "_" + (obs.groupby("sample").cumcount() + 1).astype(str)
    labels = ["sample", "patient", "organ", "tissue", "compartment", "cell_type"]
    obs = obs[[*labels, "tumor_fraction"]].astype(dict.fromkeys(labels, "category"))
    adata = anndata.AnnData(sparse.vstack(counts, format="csr"), obs=obs, var=pd.DataFrame(index=genes))
    adata.obsm["spatial"] = np.concatenate(places)
    adata.uns["truth"] = {"pairs": pairs}
    return adata


def _plan(n: int, n_genes: int, organs: list[str]) -> tuple[pd.DataFrame, pd.Index]:
    """Pairs of every kind that share no gene, and all genes."""
    known = resources.ligand_receptor()
    simple = known[~known["ligand"].str.contains("_") & ~known["receptor"].str.contains("_")]
    used: set[str] = set()
    rows: list[tuple[str, str]] = []
    for ligand, receptor in zip(simple["ligand"], simple["receptor"], strict=True):
        if len(rows) == n * len(KINDS):
            break
        if ligand != receptor and not {ligand, receptor} & used:
            used |= {ligand, receptor}
            rows.append((ligand, receptor))
    kind = np.repeat(KINDS, n)
    sided = np.isin(kind, ("interface", "organ_interface", "compartment"))
    back = np.tile(np.arange(n) % 2 == 1, len(KINDS))
    table = pd.DataFrame(rows, columns=["ligand", "receptor"])
    table["kind"] = kind
    table["direction"] = np.where(sided, np.where(back, "host_to_tumor", "tumor_to_host"), "")
    table["organ"] = np.where(kind == "organ_interface", organs[0], "")
    paired = used | _sides(known)
    others = [gene for gene in pd.unique(resources.gene_positions()["symbol"]) if gene not in paired]
    return table, pd.Index([*sorted(used), *others[: max(n_genes - len(used), 0)]], dtype=object)


def _sides(known: pd.DataFrame) -> set[str]:
    """Genes of all pairs."""
    return {gene for column in ("ligand", "receptor") for name in known[column] for gene in name.split("_")}


def _lattice(side: int) -> tuple[np.ndarray, sparse.csr_matrix]:
    """Hexagonal places, and the mean over the neighbours of each."""
    row, column = np.divmod(np.arange(side * side), side)
    points = np.stack([column + 0.5 * (row % 2), row * _ROW], axis=1)
    steps = ((0, -1, -1), (0, 1, 1), (-1, -1, 0), (-1, 0, 1), (1, -1, 0), (1, 0, 1))
    entries = []
    for down, even, odd in steps:
        r, c = row + down, column + np.where(row % 2 == 0, even, odd)
        inside = (r >= 0) & (r < side) & (c >= 0) & (c < side)
        entries.append(np.stack([np.flatnonzero(inside), (r * side + c)[inside]]))
    i, j = np.concatenate(entries, axis=1)
    w = sparse.csr_matrix((np.ones(i.size), (i, j)), shape=(side * side, side * side))
    return points, sparse.diags(1 / np.asarray(w.sum(axis=1)).ravel()) @ w


def _section(
    rng: np.random.Generator, near: sparse.csr_matrix, side: int, pairs: pd.DataFrame, genes: pd.Index,
    organ: str, share: float, effect: float,
) -> tuple[pd.DataFrame, np.ndarray]:  # fmt: skip
    """Labels of the spots of a section, and how many times every gene is raised in each."""
    field = _smooth(rng, side, 2.5)
    tumor = field > np.quantile(field, 1 - share)
    types = rng.choice(list(_HOST), size=tumor.size, p=_HOST_SHARES)
    types[tumor] = "Malignant"
    border = near @ np.where(tumor, 1.0, 0.0)
    at = np.where(tumor, border < 1 - 1e-9, border > 1e-9)
    fold = np.ones((tumor.size, len(genes)))
    for pair in pairs.itertuples():
        columns = genes.get_loc(pair.ligand), genes.get_loc(pair.receptor)
        if pair.kind == "focal":
            one = _smooth(rng, side, 1.5)
            places = [one > np.quantile(one, 0.9)] * 2
        elif pair.kind == "none":
            continue
        else:
            places = [tumor, ~tumor] if pair.direction == "tumor_to_host" else [~tumor, tumor]
            if pair.kind == "interface" or (pair.kind == "organ_interface" and pair.organ == organ):
                active = at & (_smooth(rng, side, 3.0) > 0)
                places = [place & active for place in places]
        for column, place in zip(columns, places, strict=True):
            fold[place, column] *= effect
    table = pd.DataFrame({"compartment": ["tumor"] * tumor.size, "cell_type": types})
    table.loc[~tumor, "compartment"] = [_HOST[name] for name in types[~tumor]]
    return table, fold


def _smooth(rng: np.random.Generator, side: int, width: float) -> np.ndarray:
    """A smooth random field over the lattice, of median about 0."""
    found = ndimage.gaussian_filter(rng.normal(size=(side, side)), width, mode="nearest").ravel()
    return (found - np.median(found)) / found.std()

"""Bring graft and host of a xenograft into one gene space by one-to-one orthologs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from niche import resources
from niche._log import logger
from niche._slots import fingerprint, keys, lazy, matrix, read, validate, write
from niche.errors import InputValueError
from niche.resources import gene_identity
from niche.resources.gene_species import SpeciesGenes, genes_of_species

NO_PARTNER, PARTNER_MISSING = "no one-to-one ortholog", "ortholog not measured"
LISTED = 50
"""Genes left out that are listed for each species, beside all ligands and receptors among them."""


@dataclass(frozen=True)
class _Space:
    """One gene space.

    Attributes
    ----------
    names
        (n_genes,) symbols of the organism chosen.
    gene
        (n_vars,) place of each gene of the data, -1 where it is left out.
    reason
        (n_vars,) object: why, else empty.
    in_pairs
        (n_vars,) whether the gene is a ligand or receptor.
    """

    names: np.ndarray
    gene: np.ndarray
    reason: np.ndarray
    in_pairs: np.ndarray


def collapse_orthologs(
    adata: ad.AnnData,
    *,
    organism: str = "human",
    layer: str | None = None,
    key: str = keys.SPECIES,
) -> ad.AnnData:
    r"""Return graft and host cells in one gene space, each with the counts of its own species.

    Goes on from :func:`niche.pp.split_species`. Counts of the other species in a cell are ambient (or badly
    aligned) and dropped, their number is recorded. Doublets and unresolved cells are left out and counted.
    From here on everything works as with one species: ligands of the tumor meet receptors of the host.

    Parameters
    ----------
    adata
        Annotated data after :func:`niche.pp.split_species`: numpy, csr, csc, dask or backed; not changed.
    organism
        Whose symbols the genes bear: ``"human"`` or ``"mouse"``.
    layer
        Layer of raw counts. ``None`` takes ``layers["counts"]`` where it exists, else X.
    key
        The ``key_added`` of :func:`niche.pp.split_species`.

    Returns
    -------
    AnnData
        Cells of graft and host x genes that have a one-to-one ortholog and are measured in both species;
        raw counts as csr float32 in ``X``. ``obs`` as before and ``graft``, ``counts_other_species`` and
        ``counts_no_ortholog`` (both dropped). ``var``: ``human_gene`` and ``mouse_gene``, their names before.
        ``uns["species"]`` is carried over; ``uns["collapse_orthologs"]`` holds ``params`` and the tables
        ``samples`` (cells kept and left out, share of counts dropped), ``species`` (genes and share of
        counts kept) and ``dropped`` (genes with most counts, and all ligands and receptors, that are left
        out, with the reason). Nothing else of ``uns``, ``obsm`` and ``layers`` is carried over.

    Raises
    ------
    InputTypeError
        ``adata`` is no AnnData.
    InputValueError
        There are no raw counts, no cell of graft or host, no ortholog, or ``organism`` is neither.
    MissingKeyError
        :func:`niche.pp.split_species` was not run, or a column or layer is not there.
    StaleResultError
        The genes have changed since.

    Notes
    -----
    Orthologs are those of :func:`niche.resources.orthologs`. A gene without a one-to-one partner is left out
    on both sides, also where the tumor alone has it (CXCL8, HLA-A): in cells of the other species its zero
    would not mean silence, and every comparison of cell types would take it for that. Edges with such a gene
    read ``not_testable: gene not measured``.

    Where the result is, :func:`niche.tl.call_compartments` takes graft cells as tumor and lets markers or
    labels place the host cells, and says that copy number cannot be assessed, as no normal cell of the
    graft's genome is there. Human stroma of early passages of a patient's tumor counts as graft.
    :func:`niche.tl.communication` names the species of ligand and receptor.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.simulate_xenograft(1, animals_per_organ=1, cells=60, n_genes=1500)
    >>> niche.pp.split_species(adata)
    >>> both = niche.pp.collapse_orthologs(adata)
    >>> "CXCR4" in both.var_names, sorted(both.obs["species"].unique())
    (True, ['human', 'mouse'])
    """
    validate.anndata(adata)
    validate.choice(organism, "organism", keys.ORGANISMS)
    stored = read.result(adata, key, run_first="niche.pp.split_species")
    params = stored["params"]
    calls = validate.factor(adata, keys.SPECIES, "species").labels
    graft = str(params["graft_species"])
    _refuse_lacking(calls, graft)
    samples = validate.factor(adata, str(params["sample_key"]), "sample_key")
    column = str(params["species_key"])
    genes = genes_of_species(adata.var, None if column == write.NONE else column)
    space = _one_space(genes, organism)
    source = keys.COUNTS if layer is None and matrix.has_counts(adata) else layer
    values = matrix.resolve(adata, source, "counts")
    counts, sums, of_gene = _collapsed(values, calls, genes.species, space)

    kept = np.isin(calls, keys.ORGANISMS)
    obs = adata.obs.loc[kept].copy()
    for name in obs.columns:
        if isinstance(obs[name].dtype, pd.CategoricalDtype):
            obs[name] = obs[name].cat.remove_unused_categories()
    new = ad.AnnData(counts, obs=obs, var=_var(adata, genes.species, space))
    lost = {"counts_other_species": sums[kept, 1], "counts_no_ortholog": sums[kept, 2]}
    write.obs(new, {keys.GRAFT: calls[kept] == graft, **lost})
    now = fingerprint.compute(new, obs=[], layers=[])
    write.result(
        new, keys.SPECIES, params=params, fingerprint=now,
        payload={name: stored[name] for name in ("table", "genes_from")},
    )  # fmt: skip
    tables = {
        "samples": _sample_table(samples.codes, samples.names, calls, sums),
        "species": _species_table(calls, genes.species, space, sums, graft),
        "dropped": _dropped(adata.var_names, genes.species, space, of_gene),
    }
    write.result(
        new, keys.ORTHOLOGS, params={"organism": organism, "layer": layer, "graft_species": graft},
        payload=tables, fingerprint=now,
    )  # fmt: skip
    logger.info(
        "collapse_orthologs: %d of %d cells and %d genes; %.1f %% of the counts were of the other species",
        int(kept.sum()), kept.size, new.n_vars, 100 * sums[kept, 1].sum() / max(sums[kept].sum(), 1),
    )  # fmt: skip
    return new


def _refuse_lacking(calls: np.ndarray, graft: str) -> None:
    unknown = sorted(set(calls) - set(keys.SPECIES_CALLS))
    if unknown:
        raise InputValueError(
            f"adata.obs['species'] must hold only {validate.shown(keys.SPECIES_CALLS)}. Found "
            f"{validate.shown(unknown)}. Run niche.pp.split_species again."
        )
    for name in keys.ORGANISMS:
        if not (calls == name).any():
            side = "graft" if name == graft else "host"
            raise InputValueError(
                f"no cell is {name}: there is no {side}. niche.get.species(adata) says why, sample by sample."
            )


def _one_space(genes: SpeciesGenes, organism: str) -> _Space:
    """Genes of both species under the symbols of one organism."""
    table = resources.orthologs()
    table = table[table["one_to_one"]]
    pair_of = {
        species: dict(zip(table[f"{species}_symbol"], range(len(table)), strict=True))
        for species in keys.ORGANISMS
    }
    pair = np.full(genes.name.size, -1, dtype=np.int64)
    in_pairs = np.zeros(genes.name.size, dtype=bool)
    for species in keys.ORGANISMS:
        here = np.flatnonzero(genes.species == species)
        var = pd.DataFrame({keys.ENSEMBL_ID: genes.ensembl_id[here]}, index=genes.name[here])
        current = gene_identity.identify(var, species)["symbol"].astype(str)
        listed = _ligands_and_receptors(species)
        known = pair_of[species]
        for place, name, symbol in zip(here, genes.name[here], current, strict=True):
            pair[place] = known[name] if name in known else known.get(symbol, -1)
            in_pairs[place] = name in listed or symbol in listed
    both = np.intersect1d(*(pair[(genes.species == name) & (pair >= 0)] for name in keys.ORGANISMS))
    if both.size == 0:
        raise InputValueError(
            f"no gene of the two species is a pair of one-to-one orthologs (names such as "
            f"{validate.shown(genes.name[:3])}). Genes must be named by symbols or Ensembl ids behind the "
            "prefix."
        )
    names = table[f"{organism}_symbol"].to_numpy(dtype=object)[both]
    order = np.argsort(names.astype(str), kind="stable")
    place_of = np.full(len(table) + 1, -1, dtype=np.int64)
    place_of[both[order]] = np.arange(both.size)
    gene = place_of[pair]
    reason = np.where(gene >= 0, "", np.where(pair >= 0, PARTNER_MISSING, NO_PARTNER)).astype(object)
    return _Space(names[order], gene, reason, in_pairs)


def _ligands_and_receptors(species: str) -> set[str]:
    pairs = resources.ligand_receptor("consensus" if species == "human" else "mouseconsensus", species)
    return {gene for side in ("ligand", "receptor") for name in pairs[side] for gene in name.split("_")}


def _collapsed(
    values: matrix.Matrix, calls: np.ndarray, species: np.ndarray, space: _Space
) -> tuple[sparse.csr_matrix, np.ndarray, np.ndarray]:
    """Counts of the kept cells in the new genes, and what was summed on the way.

    Own, other and unmatched counts of every cell (n_obs, 3); counts of every old gene in cells of its
    species (n_vars,).
    """
    n_vars, parts = species.size, []
    sums, of_gene = np.zeros((calls.size, 3)), np.zeros(n_vars)
    gather, matched = {}, {}
    for name in keys.ORGANISMS:
        here = np.flatnonzero((species == name) & (space.gene >= 0))
        ones = np.ones(here.size, dtype=np.float32)
        gather[name] = sparse.csr_matrix((ones, (here, space.gene[here])), shape=(n_vars, space.names.size))
        mine = species == name
        matched[name] = np.stack([mine & (space.gene >= 0), ~mine, mine & (space.gene < 0)], axis=1).astype(
            float
        )
    for first, block in values.blocks():
        mine = calls[first : first + block.shape[0]]
        rows, places = [], []
        for name in keys.ORGANISMS:
            at = np.flatnonzero(mine == name)
            part = block[at]
            sums[first + at] = part.astype(np.float64) @ matched[name]
            of_gene += np.asarray(part.sum(axis=0, dtype=np.float64)).ravel() * (species == name)
            rows.append(part @ gather[name])
            places.append(at)
        both = sparse.vstack(rows, format="csr")
        parts.append(both[np.argsort(np.concatenate(places), kind="stable")])
    counts = sparse.csr_matrix(sparse.vstack(parts, format="csr"), dtype=np.float32)
    counts.sort_indices()
    lazy.note(values.values, counts)
    return counts, sums, of_gene


def _var(adata: ad.AnnData, species: np.ndarray, space: _Space) -> pd.DataFrame:
    table = pd.DataFrame(index=pd.Index(space.names.astype(str)))
    names = np.asarray(adata.var_names, dtype=object)
    for name in keys.ORGANISMS:
        here = np.flatnonzero((species == name) & (space.gene >= 0))
        of_place = pd.Series(names[here]).groupby(space.gene[here]).agg("; ".join)
        table[f"{name}_gene"] = of_place.reindex(range(space.names.size)).to_numpy(dtype=object)
    return table


def _sample_table(
    codes: np.ndarray, names: tuple[str, ...], calls: np.ndarray, sums: np.ndarray
) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for code, name in enumerate(names):
        here = codes == code
        row: dict[str, Any] = {"sample": name, "n_cells": int(here.sum())}
        row |= {f"n_{call}": int((here & (calls == call)).sum()) for call in keys.SPECIES_CALLS}
        total = sums[here].sum(axis=0)
        row |= {
            what: total[i] / total.sum() if total.sum() else np.nan
            for i, what in ((1, "share_other_species"), (2, "share_no_ortholog"))
        }
        rows.append(row)
    return pd.DataFrame(rows).astype({"sample": object})


def _species_table(
    calls: np.ndarray, species: np.ndarray, space: _Space, sums: np.ndarray, graft: str
) -> pd.DataFrame:
    rows = []
    for name in keys.ORGANISMS:
        mine, cells = species == name, calls == name
        own, other, unmatched = sums[cells].sum(axis=0)
        rows.append(
            {
                "species": name,
                "side": "graft" if name == graft else "host",
                "n_cells": int(cells.sum()),
                "n_genes": int(mine.sum()),
                "n_genes_kept": int((mine & (space.gene >= 0)).sum()),
                "n_no_ortholog": int((mine & (space.reason == NO_PARTNER)).sum()),
                "n_ortholog_not_measured": int((mine & (space.reason == PARTNER_MISSING)).sum()),
                "counts": float(own + unmatched),
                "share_kept": float(own / (own + unmatched)) if own + unmatched else np.nan,
                "counts_other_species": float(other),
            }
        )
    return pd.DataFrame(rows).astype({"species": object, "side": object})


def _dropped(names: pd.Index, species: np.ndarray, space: _Space, counts: np.ndarray) -> pd.DataFrame:
    """Genes left out that are expressed: those with most counts, and every ligand and receptor."""
    out = pd.DataFrame(
        {
            "species": species, "gene": np.asarray(names, dtype=object), "reason": space.reason,
            "counts": counts, "ligand_or_receptor": space.in_pairs,
        }
    )  # fmt: skip
    total = out.groupby("species")["counts"].transform("sum")
    out["share"] = out["counts"] / total.where(total > 0)
    out = out[(out["reason"] != "").to_numpy() & (out["counts"] > 0).to_numpy()]
    out = out.sort_values(["species", "counts"], ascending=[True, False], kind="stable")
    listed = (out.groupby("species").cumcount() < LISTED) | out["ligand_or_receptor"]
    return out[listed].reset_index(drop=True)

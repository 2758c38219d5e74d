"""Communication of one organ as the tables of CellPhoneDB v5."""

from __future__ import annotations

import re

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import communication_codes as codes
from niche._slots import keys, read, validate
from niche.errors import InputTypeError, InputValueError
from niche.get._organ_edges import Grid, OrganEdges, organ_edges
from niche.get.communication import group_means

_SIGNIFICANT = 0.05
_INTEGRIN = re.compile(r"ITG(A|B)(\d+B?|[DELMVX])", flags=re.IGNORECASE)


def to_cellphonedb(
    adata: ad.AnnData, *, organ: str, separator: str = "|", key: str = keys.COMMUNICATION
) -> dict[str, pd.DataFrame]:
    """Write the communication of one organ as the tables that CellPhoneDB v5 returns.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.communication` was run.
    organ
        The organ; CellPhoneDB knows none.
    separator
        What stands between the two cell types of a column; no cell type may contain it.
    key
        The ``key_added`` of the run.

    Returns
    -------
    dict of str to DataFrame
        ``means, pvalues, significant_means``, and ``interaction_scores`` where the run computed them:
        one row per pair, the columns ``id_cp_interaction, interacting_pair, partner_a, partner_b,
        gene_a, gene_b, secreted, receptor_a, receptor_b, annotation_strategy, is_integrin,
        directionality, classification`` (``rank`` in ``significant_means``), then one column per
        ``sender|receiver``. ``deconvoluted, deconvoluted_percents``: the mean and the fraction of every
        gene behind the rows, one column per cell type.

        Where a pair is not expressed p = 1 and the interaction score is 0, as in CellPhoneDB. Where it is
        not testable (cell type absent or with too few cells, labels that cannot be permuted) every table
        holds NaN. Pairs whose genes are not measured, testable nowhere, have no row, as in CellPhoneDB.
        ``attrs`` of each table counts: ``n_tested, n_not_expressed, n_not_testable,
        not_testable_reasons, n_pairs_left_out``.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes or values have changed since.
    InputValueError
        The organ is not in the result, the run gave no p-values, or cell types contain the separator.
    InputTypeError
        ``organ`` or ``separator`` is not a string.

    Notes
    -----
    P-values are b / m where every edge was permuted (``null="permutation"`` or
    ``convention="cellphonedb"``), else those of niche; ``significant_means`` are means where p <= 0.05,
    without correction, as CellPhoneDB gives them. The first partner is the ligand, the second the
    receptor. What niche's resources do not know is left empty: ``secreted`` and ``uniprot``;
    ``is_integrin`` is read from the gene symbols; ``id_cp_interaction`` names the pair. ``deconvoluted``
    averages over all samples of the organ in which the cell type has enough cells, ``means`` over those in
    which both have; a subunit has its own value there, where CellPhoneDB 5.0.1 repeats that of the complex.
    CellPhoneDB v5 is described in Troulé et al. 2025, doi:10.1038/s41596-024-01137-1.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type")
    >>> tables = niche.get.to_cellphonedb(adata, organ="bone")
    >>> list(tables["means"].columns[:2])
    ['id_cp_interaction', 'interacting_pair']
    >>> bool((tables["pvalues"]["Fibroblast|Malignant"] > 0).all())
    True
    """
    if not isinstance(separator, str) or not separator:
        raise InputTypeError(f"separator must be a string of at least one character. Got {separator!r}.")
    edges = organ_edges(adata, organ, key)
    edges.has("p")
    grid = edges.grid
    columns = _columns(grid, separator)
    about = _about(edges)
    p = pd.DataFrame(grid.filled("p", not_expressed=1.0)[grid.kept], columns=columns, index=about.index)
    means = pd.DataFrame(grid.means[grid.kept], columns=columns, index=about.index)
    expressed = (grid.status[grid.kept] == codes.TESTED) & (p <= _SIGNIFICANT)
    significant = means.where(expressed)
    tables = {
        "means": pd.concat([about, means], axis=1),
        "pvalues": pd.concat([about, p], axis=1),
        "significant_means": _ranked(about, significant),
    }
    for name, fraction in (("deconvoluted", False), ("deconvoluted_percents", True)):
        tables[name] = _deconvoluted(edges, about, organ, fraction=fraction)
    if "interaction_score" in edges.table:
        scores = grid.filled("interaction_score", not_expressed=0.0)[grid.kept]
        scores = pd.DataFrame(scores, columns=columns, index=about.index)
        tables["interaction_scores"] = pd.concat([about, scores], axis=1)
    for table in tables.values():
        table.attrs = {**edges.counts, "n_pairs_left_out": int((~grid.kept).sum())}
    return tables


def _columns(grid: Grid, separator: str) -> list[str]:
    """Names ``sender|receiver``; refuse cell types that contain the separator."""
    names = sorted({*grid.cells["source"], *grid.cells["target"]})
    bad = [name for name in names if separator in name]
    if bad:
        raise InputValueError(
            f"cell types {validate.shown(bad)} contain the separator {separator!r}, so that columns could "
            "not be told apart. Give another separator=, or rename the cell types."
        )
    return [f"{a}{separator}{b}" for a, b in zip(grid.cells["source"], grid.cells["target"], strict=True)]


def _about(edges: OrganEdges) -> pd.DataFrame:
    """What CellPhoneDB says about each interaction, before the pairs of cell types."""
    rows = edges.grid.pairs[edges.grid.kept].reset_index(drop=True)
    left, right = rows["ligand_complex"].astype(str), rows["receptor_complex"].astype(str)
    resource = str(edges.stored["params"]["resource"]).split(" (")[0]
    is_complex = {"a": left.str.contains("_"), "b": right.str.contains("_")}
    partner = {
        side: np.where(is_complex[side], "complex:" + names, "simple:" + names)
        for side, names in (("a", left), ("b", right))
    }
    return pd.DataFrame(
        {
            "id_cp_interaction": "niche:" + (left + "::" + right).str.replace("_", ":"),
            "interacting_pair": left + "_" + right,
            "partner_a": partner["a"],
            "partner_b": partner["b"],
            "gene_a": left.where(~is_complex["a"]),
            "gene_b": right.where(~is_complex["b"]),
            "secreted": np.full(len(rows), np.nan),
            "receptor_a": False,
            "receptor_b": True,
            "annotation_strategy": resource,
            "is_integrin": [_has_integrin(a) or _has_integrin(b) for a, b in zip(left, right, strict=True)],
            "directionality": "Ligand-Receptor",
            "classification": rows["pathway"],
        }
    )


def _has_integrin(name: str) -> bool:
    return any(_INTEGRIN.fullmatch(gene) for gene in name.split("_"))


def _ranked(about: pd.DataFrame, significant: pd.DataFrame) -> pd.DataFrame:
    """Significant means by rank: the share of cell type pairs, pairs without any at the end."""
    rank = (significant.count(axis=1) / max(significant.shape[1], 1)).round(3).rename("rank")
    rank = rank.where(rank != 0, 1 + rank.max())
    return pd.concat([about, rank, significant], axis=1).sort_values("rank", kind="stable")


def _deconvoluted(edges: OrganEdges, about: pd.DataFrame, organ: str, *, fraction: bool) -> pd.DataFrame:
    """Every gene of every interaction with its mean, or fraction of cells, in each cell type."""
    gene_names = read.strings(edges.stored["genes"])
    profile, cell_types = _profile(edges, organ, fraction=fraction)
    rows = edges.grid.pairs[edges.grid.kept]
    units, parts = edges.stored["units"], []
    n_pairs = len(edges.stored["pairs"]["ligand_complex"])
    positions = np.arange(n_pairs)[edges.grid.kept]
    for side in ("ligand", "receptor"):
        unit = np.asarray(edges.stored["pairs"][f"{side}_unit"])[positions]
        start = np.asarray(units["start"])
        size = start[unit + 1] - start[unit]
        owner = np.repeat(np.arange(unit.size), size)
        place = np.arange(owner.size) - np.repeat(np.cumsum(size) - size, size)
        gene = np.asarray(units["gene"])[start[unit[owner]] + place]
        owner, gene = owner[gene >= 0], gene[gene >= 0]
        names = [gene_names[g] for g in gene]
        complex_name = rows[f"{side}_complex"].astype(str).to_numpy()[owner]
        is_complex = np.char.find(complex_name.astype(str), "_") >= 0
        part = pd.DataFrame(
            {
                "gene_name": names,
                "uniprot": np.full(owner.size, np.nan),
                "is_complex": is_complex,
                "protein_name": names,
                "complex_name": np.where(is_complex, complex_name, None),
                "id_cp_interaction": about["id_cp_interaction"].to_numpy()[owner],
                "gene": names,
            }
        )
        parts.append(pd.concat([part, pd.DataFrame(profile[:, gene].T, columns=cell_types)], axis=1))
    return pd.concat(parts, ignore_index=True)


def _profile(edges: OrganEdges, organ: str, *, fraction: bool) -> tuple[np.ndarray, list[str]]:
    """Mean or fraction of each cell type of an organ, (n_types, n_genes), each patient counting once."""
    stored = edges.stored
    samples, aggregate = stored["samples"], stored["aggregate"]
    mine = np.asarray(samples["organ_code"]) == read.strings(stored["organs"]).index(organ)
    patient = np.asarray(samples["patient"], dtype=object)
    values = group_means(stored)[int(fraction)]
    enough = np.asarray(aggregate["n"]) >= int(stored["params"]["min_cells"])
    sample_of, type_of = np.asarray(aggregate["sample"]), np.asarray(aggregate["cell_type"])
    cell_types = read.strings(stored["cell_types"]["name"])
    out = np.full((len(cell_types), values.shape[1]), np.nan)
    for code in range(len(cell_types)):
        found = np.flatnonzero((type_of == code) & enough & mine[sample_of])
        if found.size:
            _, place, repeats = np.unique(
                patient[sample_of[found]].astype(str), return_inverse=True, return_counts=True
            )
            weight = 1.0 / (repeats.size * repeats[place])
            out[code] = weight @ values[found]
    used = {*edges.grid.cells["source"], *edges.grid.cells["target"]}
    kept = [code for code, name in enumerate(cell_types) if name in used]
    return out[kept], [cell_types[code] for code in kept]

"""Communication of one organ as squidpy's ligrec returns it."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import communication_codes as codes
from niche._slots import keys
from niche.get._organ_edges import organ_edges


def to_squidpy(adata: ad.AnnData, *, organ: str, key: str = keys.COMMUNICATION) -> dict[str, pd.DataFrame]:
    """Write the communication of one organ as the result of ``squidpy.gr.ligrec``.

    ``squidpy.pl.ligrec`` takes it in place of an AnnData.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.communication` was run.
    organ
        The organ; squidpy knows none.
    key
        The ``key_added`` of the run.

    Returns
    -------
    dict of str to DataFrame
        ``means``, ``pvalues``: rows (``source``, ``target``) of ligands and receptors, columns
        (``cluster_1``, ``cluster_2``) of senders and receivers. ``metadata``: per row ``pathway``,
        ``n_tested``, ``n_not_expressed``, ``n_not_testable``. A p-value is NaN where the pair is not
        expressed, as in squidpy, or not testable; the mean is NaN only where it is not testable. Pairs
        whose genes are not measured, testable nowhere, have no row. ``attrs`` of each table counts:
        ``n_tested, n_not_expressed, n_not_testable, not_testable_reasons, n_pairs_left_out``.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes or values have changed since.
    InputValueError
        The organ is not in the result, or the run gave no p-values.
    InputTypeError
        ``organ`` is not one name.

    Notes
    -----
    P-values are b / m where every edge was permuted (``null="permutation"`` or the convention of another
    tool), else those of niche. Rows keep the names of complexes; squidpy puts one subunit in their
    place. squidpy is described in Palla et al. 2022, doi:10.1038/s41592-021-01358-2.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type")
    >>> result = niche.get.to_squidpy(adata, organ="bone")
    >>> sorted(result)
    ['means', 'metadata', 'pvalues']
    >>> result["means"].index.names
    FrozenList(['source', 'target'])
    """
    edges = organ_edges(adata, organ, key)
    edges.has("p")
    grid = edges.grid
    rows = grid.pairs[grid.kept]
    index = pd.MultiIndex.from_arrays(
        [rows["ligand_complex"], rows["receptor_complex"]], names=["source", "target"]
    )
    columns = pd.MultiIndex.from_frame(grid.cells, names=["cluster_1", "cluster_2"])
    values = {"means": grid.means, "pvalues": grid.filled("p", not_expressed=np.nan)}
    result = {
        name: pd.DataFrame(found[grid.kept], index=index, columns=columns).sort_index(axis=1)
        for name, found in values.items()
    }
    metadata = pd.DataFrame({"pathway": rows["pathway"].to_numpy()}, index=index)
    for status in codes.STATUSES:
        metadata[f"n_{status}"] = (grid.status[grid.kept] == status).sum(axis=1)
    result["metadata"] = metadata
    for table in result.values():
        table.attrs = {**edges.counts, "n_pairs_left_out": int((~grid.kept).sum())}
    return result

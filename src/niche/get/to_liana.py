"""Communication of one organ in LIANA's columns."""

from __future__ import annotations

import anndata as ad
import pandas as pd

from niche._slots import keys
from niche.get._organ_edges import organ_edges

_COLUMNS = (
    "source", "target", "ligand_complex", "receptor_complex", "lr_means", "cellphone_pvals", "expr_prod",
    "scaled_weight", "lr_logfc", "spec_weight", "lrscore", "lr_gmeans", "lr_probs", "specificity_rank",
    "magnitude_rank", "ligand", "receptor", "ligand_means", "receptor_means", "ligand_props",
    "receptor_props",
)  # fmt: skip


def to_liana(adata: ad.AnnData, *, organ: str, key: str = keys.COMMUNICATION) -> pd.DataFrame:
    """Write the communication of one organ as the table that LIANA returns.

    Its plotting functions take it as ``liana_res``: ``liana.pl.dotplot``, ``liana.pl.tileplot`` and the
    others.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.communication` was run.
    organ
        The organ; LIANA knows none.
    key
        The ``key_added`` of the run.

    Returns
    -------
    DataFrame
        One row per tested edge, the best ``magnitude_rank`` first: ``source, target, ligand_complex,
        receptor_complex``, the scores and ranks that the run computed, ``cellphone_pvals``, ``ligand,
        receptor`` (limiting subunits), ``ligand_means, receptor_means, ligand_props, receptor_props``.
        Edges that are not expressed or not testable have no row, as in LIANA; ``attrs`` counts them:
        ``n_tested, n_not_expressed, n_not_testable, not_testable_reasons``, with ``organ`` and
        ``resource``.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes or values have changed since.
    InputValueError
        The organ is not in the result.
    InputTypeError
        ``organ`` is not one name.

    Notes
    -----
    ``cellphone_pvals`` is b / m, as LIANA writes it, where every edge was permuted (``null="permutation"``
    or the convention of another tool), so it can be 0; else the p-value of niche, which cannot. The
    proportions of a complex are the lowest of its subunits, by which it was called expressed; LIANA shows
    those of the limiting subunit. LIANA is described in Dimitrov et al. 2024,
    doi:10.1038/s41556-024-01469-w.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type")
    >>> table = niche.get.to_liana(adata, organ="bone")
    >>> list(table.columns[:4])
    ['source', 'target', 'ligand_complex', 'receptor_complex']
    >>> table.attrs["n_tested"] == len(table)
    True
    """
    edges = organ_edges(adata, organ, key)
    table = edges.tested.rename(columns={"p": "cellphone_pvals"})
    table = table[[name for name in _COLUMNS if name in table]]
    if "magnitude_rank" in table:
        table = table.sort_values("magnitude_rank", kind="stable")
    table = table.reset_index(drop=True)
    table.attrs = edges.counts
    return table

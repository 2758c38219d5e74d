"""One naming for all genes: current symbols, duplicates summed, the share matched reported."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._log import logger
from niche._slots import fingerprint, keys, lazy, matrix, validate, write
from niche.errors import InputTypeError, InputValueError
from niche.pp.gene_sums import sum_genes
from niche.resources import gene_identity

MINIMUM_SHARE = 0.2
"""Below this share of recognised genes the organism or the naming is wrong."""


def harmonize_genes(
    adata: ad.AnnData, *, organism: str | None = None, copy: bool = False
) -> ad.AnnData | None:
    r"""Rename genes to current symbols and sum those that turn out to be the same gene.

    A gene is recognised by its Ensembl id (version removed) where ``var_names`` or a column of
    ``var`` holds one, else by its name as a current symbol, else as a previous symbol. Aliases are
    never used, and a previous symbol that another gene bears today means today's gene. Unknown genes
    keep their names.

    Parameters
    ----------
    adata
        Annotated data. Gene names may be duplicated; they must not be missing. X and all layers may
        be numpy or scipy sparse; where genes are summed, a dask matrix becomes csr in memory.
    organism
        ``"human"`` or ``"mouse"``. ``None`` takes the one for which more genes are known.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    AnnData or None
        The changed copy with ``copy=True``, else None. Stores ``var["ensembl_id"]`` and ``var["symbol"]``
        (both empty for unknown genes), the new ``var_names``, and in ``uns["harmonize_genes"]``:
        ``params``, ``n_genes_before``, ``n_genes``, ``share_matched``, ``ids_from`` (where Ensembl ids were
        found), ``table`` (how, n_genes) and ``merged`` (symbol, names).

    Raises
    ------
    InputTypeError
        ``adata`` is not an AnnData.
    InputValueError
        Gene names are missing, fewer than 20 % are known (the message says which organism fits
        better), the data are backed, or a matrix with genes to sum has negative or infinite values.

    Notes
    -----
    Matrices of whole numbers are summed. Log values (X after :func:`niche.pp.normalize`) cannot be
    added: they are summed as :math:`\log(1 + \sum_i (e^{x_i} - 1))`, which is exact for log1p of
    normalised counts. Of ``var``, ``varm`` and ``varp`` the first of the merged genes is kept;
    recompute what was computed from genes, such as loadings. ``adata.raw`` is left alone.

    Examples
    --------
    >>> import anndata as ad, numpy as np, pandas as pd
    >>> import niche
    >>> names = ["CTGF", "CCN2", "ENSG00000121966.8"]
    >>> adata = ad.AnnData(np.array([[1, 2, 3]], dtype="float32"), var=pd.DataFrame(index=names))
    >>> niche.pp.harmonize_genes(adata)
    >>> list(adata.var_names), adata.X.tolist()
    (['CCN2', 'CXCR4'], [[3.0, 3.0]])
    """
    _door(adata, organism)
    validate.flag(copy, "copy")
    best, shares = gene_identity.best_organism(adata.var)
    chosen = best if organism is None else organism
    _enough_known(shares, chosen)
    identity = gene_identity.identify(adata.var, chosen)
    codes, symbols = pd.factorize(identity["symbol"])
    first = np.unique(codes, return_index=True)[1]
    summed = _summed(adata, codes) if len(first) < adata.n_vars else {}
    record = _record(identity, codes, symbols) | {"ids_from": gene_identity.ids_of_genes(adata.var)[1]}

    adata = adata.copy() if copy else adata
    _store(adata, identity, first, symbols, summed)
    write.result(
        adata,
        keys.GENES,
        params={"organism": chosen},
        payload=record,
        fingerprint=fingerprint.compute(adata, obs=[], layers=[]),
    )
    logger.info(
        "harmonize_genes: %.1f %% of %d genes known (%s); %d names merged into %d genes",
        100 * record["share_matched"],
        len(identity),
        chosen,
        len(identity),
        len(symbols),
    )
    return adata if copy else None


def _door(adata: Any, organism: str | None) -> None:
    if not isinstance(adata, ad.AnnData):
        raise InputTypeError(
            f"adata must be an AnnData. Got {type(adata).__module__}.{type(adata).__name__}. "
            "Read a file with anndata.read_h5ad(path)."
        )
    if adata.isbacked:
        raise InputValueError(
            "adata is backed by a file, whose genes cannot be renamed in place. "
            "Load it first: adata = adata.to_memory()."
        )
    lazy.hold_annotation(adata)
    if adata.n_obs == 0 or adata.n_vars == 0:
        raise InputValueError(
            f"adata is empty: {adata.n_obs} cells x {adata.n_vars} genes. Check the filters applied before."
        )
    validate.missing_gene_names(adata)
    if organism is not None:
        validate.choice(organism, "organism", keys.ORGANISMS)


def _enough_known(shares: dict[str, float], organism: str) -> None:
    if shares[organism] >= MINIMUM_SHARE:
        return
    known = ", ".join(f"{name} {100 * share:.1f} %" for name, share in shares.items())
    best = max(shares, key=lambda name: shares[name])
    if best != organism and shares[best] >= MINIMUM_SHARE:
        fix = f"organism={best!r} fits better."
    else:
        fix = (
            "No organism fits. Names must be gene symbols or Ensembl gene ids, in adata.var_names or a "
            "column of adata.var; remove prefixes such as 'GRCh38_' before."
        )
    raise InputValueError(
        f"only {100 * shares[organism]:.1f} % of the gene names in adata.var_names are known genes of "
        f"organism={organism!r}; at least {100 * MINIMUM_SHARE:.0f} % are needed (known: {known}). {fix}"
    )


def _summed(adata: ad.AnnData, codes: np.ndarray) -> dict[str | None, Any]:
    """X (under None) and every layer with the columns of one gene summed; nothing is stored yet."""
    names: list[str | None] = [*matrix.available_layers(adata)]
    if adata.X is not None:
        names.insert(0, None)
    return {
        name: sum_genes(matrix.stored_values(adata, name), codes, matrix.layer_name(name)) for name in names
    }


def _store(
    adata: ad.AnnData,
    identity: pd.DataFrame,
    first: np.ndarray,
    symbols: np.ndarray,
    summed: dict[str | None, Any],
) -> None:
    if len(first) < adata.n_vars:
        adata._inplace_subset_var(first)
        for name, values in summed.items():
            if name is None:
                adata.X = values
            else:
                adata.layers[name] = values
    else:
        write.own(adata)
    adata.var_names = pd.Index(np.asarray(symbols, dtype=object)).astype(str)
    if adata.var.index.name in (keys.SYMBOL, keys.ENSEMBL_ID):
        adata.var.index.name = None
    kept = identity.iloc[first]
    known = (kept["how"] != "unknown").to_numpy()
    write.var(
        adata,
        {
            keys.ENSEMBL_ID: kept["ensembl_id"].to_numpy(),
            keys.SYMBOL: np.where(known, kept["symbol"].to_numpy(), ""),
        },
    )


def _record(identity: pd.DataFrame, codes: np.ndarray, symbols: np.ndarray) -> dict[str, Any]:
    counts = identity["how"].value_counts().reindex(gene_identity.HOW, fill_value=0)
    twice = np.flatnonzero(np.bincount(codes) > 1)
    members = identity["name"].groupby(codes).agg("; ".join)
    return {
        "n_genes_before": len(identity),
        "n_genes": len(symbols),
        "share_matched": gene_identity.known_share(identity),
        "table": pd.DataFrame({"how": counts.index.to_numpy(object), "n_genes": counts.to_numpy()}),
        "merged": pd.DataFrame(
            {
                "symbol": np.asarray(symbols, dtype=object)[twice],
                "names": members.to_numpy(dtype=object)[twice],
            }
        ),
    }

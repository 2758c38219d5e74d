"""Cells with what niche found about them, as cellxgene can open and colour them."""

from __future__ import annotations

import re
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from niche._log import logger
from niche._slots import keys, read, validate
from niche.errors import InputValueError
from niche.get.programs import RUN_FIRST as PROGRAMS_FIRST

RESERVED = (
    "assay", "cell_type", "development_stage", "disease", "organism", "self_reported_ethnicity", "sex",
    "tissue", "observation_joinid", "ethnicity",
)  # fmt: skip
"""Columns of ``obs`` that CELLxGENE writes itself."""
RESERVED_VAR = ("feature_name", "feature_reference", "feature_biotype", "feature_length", "feature_type")
"""Columns of ``var`` that CELLxGENE writes itself."""
EMBEDDINGS = ("X_umap", keys.UMAP)
"""What is shown first, where it is there."""
_PER_PROGRAM = f"X_{keys.PROGRAMS}"
_SUFFIX = re.compile(r"[a-zA-Z][a-zA-Z0-9_.-]*")


def to_cellxgene(adata: ad.AnnData) -> ad.AnnData:
    """Return a copy that cellxgene opens, with what was found about each cell as columns to colour by.

    For looking at (``cellxgene launch``), and as the start of a submission to CELLxGENE Discover, for which
    the ontology terms, and Ensembl ids as names of genes, are yours to add.

    Parameters
    ----------
    adata
        Data after any steps of niche; at least one embedding with two columns, such as the UMAP of
        :func:`niche.tl.cluster`.

    Returns
    -------
    AnnData
        New. ``X`` as it is; ``raw``: the counts, where ``layers["counts"]`` holds them; sparse matrices are
        csr. ``obs``: columns as they are; those that CELLxGENE keeps for itself (``tissue, cell_type`` and
        others) become ``author_<name>``; usage of programs (``usage_<program>``, NaN in cells that none were
        found in) and tables of ``obsm``, such as signatures (``<slot>_<column>``), become columns. ``var``
        likewise. ``obsm``: embeddings with two columns or more and finite or missing coordinates. ``uns``:
        ``default_embedding``. Results of niche in ``uns`` and what is per window of the genome are left out,
        as they cannot be shown; keep the file that you work on.

    Raises
    ------
    StaleResultError
        Labels or values have changed since programs were found.
    InputValueError
        There is no embedding to show.
    InputTypeError
        Not an AnnData.

    Notes
    -----
    The rules are those of the CELLxGENE schema 5 to 7: no reserved or deprecated names, one type of value per
    column, embeddings that are arrays of numbers and named ``X_...``. ``obsm["spatial"]`` is left out, as the
    schema allows it for single sections only. cellxgene: Megill et al. 2021, doi:10.1101/2021.04.05.438318.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> adata.obsm["X_umap"] = adata.X[:, :2].toarray()
    >>> shown = niche.get.to_cellxgene(adata)
    >>> "author_cell_type" in shown.obs, "cell_type" in shown.obs
    (True, False)
    """
    validate.anndata(adata)
    embeddings = {name: values for name, values in adata.obsm.items() if _is_embedding(name, values)}
    embeddings.pop(_PER_PROGRAM, None)
    if not embeddings:
        raise InputValueError(
            "there is no embedding to show: none of adata.obsm "
            f"({validate.shown(list(adata.obsm)) or 'empty'}) is an array of numbers with two columns named "
            "X_... Run niche.tl.cluster first."
        )
    obs = pd.concat([_allowed(adata.obs, RESERVED), *_scores(adata)], axis=1)
    var, raw = _allowed(adata.var, RESERVED_VAR), None
    if keys.COUNTS in adata.layers:
        raw = {"X": _csr(adata.layers[keys.COUNTS]).astype(np.float32), "var": var[[]]}
    shown = ad.AnnData(
        _csr(adata.X), obs=obs.loc[:, ~obs.columns.duplicated()], var=var, obsm=embeddings, raw=raw
    )
    first = [name for name in EMBEDDINGS if name in embeddings] or sorted(embeddings)
    shown.uns["default_embedding"] = first[0]
    tables = [name for name, values in adata.obsm.items() if isinstance(values, pd.DataFrame)]
    left = [name for name in adata.obsm if name not in (*embeddings, *tables, _PER_PROGRAM)]
    logger.info("to_cellxgene: left out of obsm: %s", validate.shown(left) or "nothing")
    return shown


def _is_embedding(name: str, values: Any) -> bool:
    """Whether an entry of ``obsm`` can be shown."""
    if not name.startswith("X_") or not _SUFFIX.fullmatch(name[2:]) or name.lower() == "x_spatial":
        return False
    if not isinstance(values, np.ndarray) or values.ndim != 2 or values.shape[1] < 2:
        return False
    return values.dtype.kind in "iuf" and not np.isinf(values).any() and not np.isnan(values).all()


def _scores(adata: ad.AnnData) -> list[pd.DataFrame]:
    """Usage of programs and tables of ``obsm`` as columns of ``obs``."""
    found = []
    if keys.PROGRAMS in read.ours(adata) and _PER_PROGRAM in adata.obsm:
        names = read.strings(read.result(adata, keys.PROGRAMS, run_first=PROGRAMS_FIRST)["names"])
        usage, columns = np.asarray(adata.obsm[_PER_PROGRAM]), [f"usage_{name}" for name in names]
        found.append(pd.DataFrame(usage, index=adata.obs_names, columns=columns))
    for name, table in adata.obsm.items():
        if isinstance(table, pd.DataFrame):
            numbers = table.select_dtypes("number")
            found.append(numbers.set_axis([f"{name}_{c}".replace("/", "|") for c in numbers], axis=1))
    return found


def _allowed(frame: pd.DataFrame, reserved: tuple[str, ...]) -> pd.DataFrame:
    """Columns under names that are not reserved, each of one type."""
    taken = [name for name in frame.columns if name in reserved or name.startswith("__")]
    frame = frame.rename(columns={name: f"author_{name.lstrip('_')}" for name in taken})
    objects = [name for name in frame.columns if frame[name].dtype.kind == "O"]
    mixed = [name for name in objects if not _is_category(frame[name])]
    return frame.assign(**{name: pd.Categorical(frame[name].astype(str)) for name in mixed})


def _is_category(column: pd.Series) -> bool:
    """Whether these are categories of strings or numbers; of anything else they become strings."""
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return False
    kinds = {type(value) for value in column.cat.categories}
    return len(kinds) <= 1 and bool not in kinds


def _csr(matrix: Any) -> Any:
    """A sparse matrix by rows, with no zero stored; anything else as it is."""
    if not sparse.issparse(matrix):
        return matrix
    rows = matrix.tocsr(copy=True)
    rows.eliminate_zeros()
    return rows

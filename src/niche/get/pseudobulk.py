"""Sums over the cells of every sample and cell type, as a small AnnData."""

from __future__ import annotations

from collections.abc import Sequence

import anndata as ad
import numpy as np
import pandas as pd

from niche._kernels import aggregate
from niche._kernels.aggregate import Layout
from niche._log import logger
from niche._settings import settings
from niche._slots import keys, matrix, passes, validate, write
from niche._slots.matrix import Matrix
from niche._slots.validate import Factor
from niche._version import __version__
from niche.errors import InputTypeError, InputValueError, MissingKeyError

EXPRESSING = "n_expressing"
ADDED = ("n_cells", "n_counts", "enough_cells")
SLOT = "pseudobulk"
_SETTINGS = ("sample_key", "patient_key", "organ_key", "tissue_key", "groupby")


def pseudobulk(
    adata: ad.AnnData,
    by: str | Sequence[str] | None = None,
    *,
    layer: str | None = None,
    min_cells: int = 10,
    drop_small: bool = False,
    n_jobs: int | None = None,
) -> ad.AnnData:
    r"""Sum the raw counts of every sample and cell type into one AnnData of groups x genes.

    Patients are the replicates of an organ, not cells: what is compared between organs are these sums.
    Any tool for bulk RNA-seq takes them.

    Parameters
    ----------
    adata
        Cells x genes; X numpy, csr, csc, dask or backed.
    by
        Columns of ``obs`` whose combinations make the groups. ``None`` takes the sample and the cell
        type: ``[niche.settings.sample_key, niche.settings.groupby]``. Add ``"compartment"`` to keep the
        tumor and the host cells of one label apart.
    layer
        What is summed. ``None`` takes ``layers["counts"]``, else X.
    min_cells
        Cells a group needs for its sums to be of use, at least 1.
    drop_small
        Leave out the groups with fewer cells; by default they are kept and marked in ``enough_cells``.
    n_jobs
        Threads; ``None`` takes ``niche.settings.n_jobs``. The result has the same bits for any number.

    Returns
    -------
    AnnData
        New; one row per combination of ``by`` that has cells, in the order of their categories, named
        ``"<sample>|<cell type>"``. ``X`` (n_groups, n_genes) float64: sums of counts.
        ``layers["n_expressing"]`` int64: cells with a value above zero. ``obs``: the columns of ``by``,
        then patient, organ, tissue and every other column of ``adata.obs`` that is constant within all
        groups, then ``n_cells``, ``n_counts`` (the sum of the row) and ``enough_cells``. ``var`` is that
        of ``adata``. ``uns["pseudobulk"]``: ``kind`` (``counts`` or ``expm1``), ``by``, ``layer``,
        ``min_cells``, ``small`` (groups with fewer cells), ``dropped`` (whether they were left out),
        ``not_constant`` (columns that were left out), ``niche_version``.

    Raises
    ------
    MissingKeyError
        A column or the layer does not exist.
    InputValueError
        A cell without a label in a column of ``by``; values that are neither counts nor log1p values;
        no group has ``min_cells`` cells and small ones are to be dropped; an option out of range.
    InputTypeError
        Not an AnnData, or ``by`` is not made of names.

    Notes
    -----
    Row g of group c is :math:`\sum_{i \in c} y_{ig}` over raw counts. Where only log1p-normalised values
    :math:`x` are there, it is :math:`\sum_{i \in c} (e^{x_{ig}} - 1)` and ``uns["pseudobulk"]["kind"]``
    reads ``expm1``: sums of normalised values, every cell weighing alike, which are no counts. A model
    of counts (negative binomial) must not be given them, and ``n_counts`` is then in their unit.
    Sums over samples as the unit of a test: Squair et al. 2021, doi:10.1038/s41467-021-25960-2.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> bulk = niche.get.pseudobulk(adata)
    >>> bulk.obs.loc["P01_bone|T cell", ["patient", "organ", "cell_type"]].tolist()
    ['P01', 'bone', 'T cell']
    >>> bool(bulk.obs["n_cells"].sum() == adata.n_obs and bulk.X.sum() == adata.X.sum())
    True
    """
    validate.anndata(adata)
    validate.number(min_cells, "min_cells", low=1, high=1e9, integer=True)
    validate.flag(drop_small, "drop_small")
    threads = settings.threads(n_jobs)
    factors = _factors(adata, by)
    values = _values(adata, layer)
    group, n_cells, labels = _groups(factors)
    enough = n_cells >= min_cells
    if drop_small:
        if not enough.any():
            raise InputValueError(
                f"no group has min_cells={min_cells} cells: the largest of {n_cells.size} has "
                f"{int(n_cells.max())}. Lower min_cells=, or group by fewer columns with by=."
            )
        place = np.where(enough, np.cumsum(enough) - 1, -1)
        small = labels[~enough]
        group, n_cells, labels = place[group].astype(np.int32), n_cells[enough], labels[enough]
        enough = enough[enough]
    else:
        small = labels[~enough]
    sums, expressing = _sums(values, group, n_cells.size, threads)
    if values.kind == "lognorm":
        logger.info(
            "pseudobulk: no counts found, %s holds log values: sums are of expm1 values.", values.name
        )
    obs, not_constant = _columns(adata, factors, group, labels)
    obs["n_cells"], obs["n_counts"], obs["enough_cells"] = n_cells, sums.sum(axis=1), enough
    bulk = ad.AnnData(sums, obs=obs, var=adata.var.copy(), layers={EXPRESSING: expressing})
    bulk.uns[SLOT] = write.plain(
        {
            "kind": "counts" if values.kind == "counts" else "expm1",
            "by": [factor.key for factor in factors],
            "layer": values.name,
            "min_cells": int(min_cells),
            "small": list(small),
            "dropped": bool(drop_small),
            "not_constant": not_constant,
            "niche_version": __version__,
        }
    )
    return bulk


def _factors(adata: ad.AnnData, by: str | Sequence[str] | None) -> list[Factor]:
    if by is None:
        return [validate.factor(adata, None, "sample_key"), validate.factor(adata, None, "groupby")]
    names = [by] if isinstance(by, str) else list(by)
    if not names or not all(isinstance(name, str) for name in names):
        raise InputTypeError(f"by must be one or more names of obs columns. Got {by!r}.")
    if len(set(names)) < len(names):
        raise InputValueError(f"by names a column twice. Got {by!r}.")
    missing = [name for name in names if name not in adata.obs.columns]
    if missing:
        raise MissingKeyError(
            f"by: {validate.shown(missing)} not found in adata.obs. "
            f"Available: {validate.shown(adata.obs.columns)}."
        )
    return [validate.factor(adata, name, "by") for name in names]


def _values(adata: ad.AnnData, layer: str | None) -> Matrix:
    """The matrix that is summed, and whether it holds counts."""
    source = keys.COUNTS if layer is None and matrix.has_counts(adata) else layer
    return matrix.resolve(adata, source, matrix.detect_kind(adata, source))


def _groups(factors: list[Factor]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Group of each cell (n_obs,) int32, cells and name of each group, in the order of the categories."""
    key = np.zeros(len(factors[0].codes), dtype=np.int64)
    for factor in factors:
        key = key * len(factor.names) + factor.codes
    _, first, group = np.unique(key, return_index=True, return_inverse=True)
    parts = [np.array(factor.names, dtype=object)[factor.codes[first]] for factor in factors]
    labels = np.array(["|".join(names) for names in zip(*parts, strict=True)], dtype=object)
    return group.astype(np.int32), np.bincount(group), labels


def _sums(values: Matrix, group: np.ndarray, n_groups: int, threads: int) -> tuple[np.ndarray, np.ndarray]:
    """Sums and numbers of non-zeros (n_groups, n_genes); log values are summed as expm1."""
    n_genes, none = values.shape[1], np.zeros(0, dtype=np.int64)
    everything = np.zeros(group.size, dtype=np.int32)
    layout = Layout(
        group, everything, n_groups, 1, np.arange(n_genes, dtype=np.int32), n_genes, none, none
    )  # fmt: skip
    works = [aggregate.values_work(layout)]
    if values.kind == "lognorm":
        works.append(aggregate.linear_work(layout, exponentiate=True))
    whole = aggregate.finish(layout, *passes.trees(values, works, threads))
    return (whole.linear if values.kind == "lognorm" else whole.sums), whole.nonzero


def _columns(
    adata: ad.AnnData, factors: list[Factor], group: np.ndarray, labels: np.ndarray
) -> tuple[pd.DataFrame, list[str]]:
    """The obs columns constant within every group, those of the groups first; and the names of the others."""
    kept = np.flatnonzero(group >= 0)
    n_groups = labels.size
    _, first = np.unique(group[kept], return_index=True)
    row = kept[first]
    first_columns = [factor.key for factor in factors]
    first_columns += [getattr(settings, name) for name in _SETTINGS]
    order = dict.fromkeys([*first_columns, *adata.obs.columns])
    found, not_constant = {}, []
    for name in order:
        if name not in adata.obs.columns or name in ADDED:
            continue
        column = adata.obs[name]
        if _is_constant(column, group, kept, n_groups):
            values = column.iloc[row]
            if isinstance(values.dtype, pd.CategoricalDtype):
                values = values.cat.remove_unused_categories()
            found[name] = values.set_axis(labels)
        else:
            not_constant.append(str(name))
    return pd.DataFrame(found, index=pd.Index(labels, dtype=object)), not_constant


def _is_constant(column: pd.Series, group: np.ndarray, kept: np.ndarray, n_groups: int) -> bool:
    try:
        codes = pd.factorize(column)[0][kept]
    except TypeError:
        return False
    low, high = np.full(n_groups, np.iinfo(np.int64).max), np.full(n_groups, -2)
    np.minimum.at(low, group[kept], codes)
    np.maximum.at(high, group[kept], codes)
    return bool((low == high).all())

"""How much of every sample is ambient, from genes that only other cell types express."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
from scipy import sparse

from niche._kernels import ambient as kernel
from niche._log import logger
from niche._settings import settings
from niche._slots import fingerprint, keys, validate, write
from niche._slots.validate import Samples
from niche.pp._ambient_sums import Bulk, bulk_of, cells_of, counts_of

OWN, OF_SAMPLE, NONE = "cell type", "sample", "none"


def ambient(
    adata: ad.AnnData,
    groupby: str | None = None,
    *,
    empty: ad.AnnData | str | None = None,
    min_cells: int = 10,
    min_genes: int = 5,
    max_share: float = 0.5,
    sample_key: str | None = None,
    patient_key: str | None = None,
    organ_key: str | None = None,
    tissue_key: str | None = None,
    layer: str | None = None,
    key_added: str = keys.AMBIENT,
    n_jobs: int | None = None,
    copy: bool = False,
) -> ad.AnnData | None:
    r"""Estimate how much of every sample is ambient RNA, and what that explains; nothing is subtracted.

    Molecules of lysed cells are in every droplet, so the stroma of an organ seems to be expressed by the
    tumor cells in it. The fraction is read from genes that a cell type does not express but others of the
    same sample do; they are found from the data, no marker list is used. The counts stay as they are:
    :func:`niche.get.ambient` gives, for every gene, cell type, sample and organ, the share that ambient
    molecules explain, and flags it.

    Parameters
    ----------
    adata
        Annotated data with raw counts: numpy, csr, csc, dask or backed.
    groupby
        Column of cell types, or of compartments; default ``niche.settings.groupby``.
    empty
        Empty droplets, whose sum is the ambient profile of their sample: an AnnData with raw counts, the
        sample column and these genes, or a boolean column of ``obs`` that marks them in ``adata`` (such
        rows need no cell type). A sample without any, or ``None``: all cells of the sample pooled.
    min_cells
        Smallest number of cells of a cell type in a sample that speaks for itself.
    min_genes
        Smallest number of exclusive genes from which a fraction is believed.
    max_share
        Share from which :func:`niche.get.ambient` flags, in (0, 1].
    sample_key, patient_key, organ_key, tissue_key
        Columns of ``obs``; defaults in ``niche.settings``.
    layer
        Layer of raw counts. ``None`` takes ``layers["counts"]`` where it exists, else X.
    key_added
        Where the result goes.
    n_jobs
        Threads; the result has the same bits for any number.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    AnnData or None
        The changed copy with ``copy=True``, else None. Stores ``uns[key_added]``, read by
        :func:`niche.get.ambient`: ``samples`` and ``groups`` (sample x cell type) with ``fraction``, the
        standard error of its logarithm, exclusive genes, status and reason; ``counts`` (summed counts of
        every group, as the parts of a csr matrix); ``exclusive`` (the genes the fractions come from);
        ``profile`` where empty droplets were given; ``params``, ``fingerprint``.

    Raises
    ------
    InputTypeError
        ``adata`` or ``empty`` is not what it must be.
    InputValueError
        There are no raw counts, labels are missing, or an option is out of range.
    MissingKeyError
        A column or the layer does not exist.

    Notes
    -----
    With summed counts :math:`Y_{cg}` of cell type c, their total :math:`N_c` and the profile
    :math:`q_g`, a gene that c does not express has :math:`E[Y_{cg}] = a_c N_c q_g`; any other has more.
    Genes count as exclusive to others when another cell type of the sample holds, two Poisson standard
    deviations below its value, ten times more of them; of each cell type the 50 with most
    :math:`N_c q_g`. The ratios :math:`Y / N q` then have a floor at the fraction a, searched by maximum
    likelihood in a mixture: on the floor (gamma-Poisson, scatter 0.3), above it (log-uniform: expressed
    after all) and, rarely, below it. The floor of all cell types of a sample comes first; each cell
    type's own is sought around it (standard deviation 0.5 on the natural log scale). Standard errors are
    of sandwich form over the genes. A cell type without ``min_cells`` cells or ``min_genes`` genes takes
    the sample's fraction (``source``), with an error that includes the spread between cell types; a
    sample with one cell type, or without exclusive genes, is ``not_testable``. Where no gene is silent (a
    cell type expresses a little of everything) the fraction is an upper bound. Doublets are no ambient
    RNA: remove them first, a handful explains more than the floor in a small cell type.

    Subtracting instead of flagging loses true differences (``docs/validation/ambient.md``). The idea of
    the estimate is SoupX's (Young & Behjati 2020, doi:10.1093/gigascience/giaa151); how much to expect:
    Janssen et al. 2023, doi:10.1186/s13059-023-02978-x.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.ambient(adata)
    >>> table = niche.get.ambient(adata)
    >>> bool(table["fraction"].between(0.01, 0.4).all())
    True
    """
    validate.anndata(adata)
    validate.number(min_cells, "min_cells", low=2, integer=True)
    validate.number(min_genes, "min_genes", low=2, integer=True)
    validate.number(max_share, "max_share", low=0, high=1, open_low=True)
    validate.flag(copy, "copy")
    write.slot_name(key_added)
    threads = settings.threads(n_jobs)
    cells = cells_of(adata, groupby, empty, sample_key, patient_key, organ_key, tissue_key)
    counts, source = counts_of(adata, layer)
    bulk = bulk_of(adata, counts, cells, empty, threads)
    samples, groups, exclusive = _estimate(bulk, len(cells.samples.cells.names), min_cells, min_genes)

    columns = {
        "sample_key": cells.samples.cells.key,
        "patient_key": patient_key or settings.patient_key,
        "organ_key": organ_key or settings.organ_key,
        "tissue_key": tissue_key or settings.tissue_key,
    }
    watched = [*columns.values(), cells.types.key, *([empty] if isinstance(empty, str) else [])]
    target = adata.copy() if copy else adata
    write.result(
        target,
        key_added,
        params={
            "groupby": cells.types.key,
            "empty": "AnnData" if isinstance(empty, ad.AnnData) else empty,
            "min_cells": int(min_cells),
            "min_genes": int(min_genes),
            "max_share": float(max_share),
            "layer": layer,
            **columns,
        },
        payload={
            "samples": _design(cells.samples) | samples,
            "cell_types": list(cells.types.names),
            "groups": groups,
            "exclusive": exclusive,
            "counts": _parts(bulk.counts),
            **({} if bulk.empty is None else {"profile": _parts(bulk.empty)}),
        },
        fingerprint=fingerprint.compute(adata, obs=watched, layers=[source]),
    )
    n_told = int((samples["status"] == "assessed").sum())
    logger.info("ambient: fraction of %d of %d samples; counts are unchanged", n_told, len(samples["status"]))
    return target if copy else None


def _estimate(
    bulk: Bulk, n_samples: int, min_cells: int, min_genes: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Fractions of samples and groups, and the pairs of groups and genes they come from."""
    samples = _blank(n_samples, "profile", "status", "reason", n_cells=0, n_genes=0)
    groups = _blank(len(bulk.sample), "source", "status", "reason", n_genes=0)
    library = bulk.counts.sum(axis=1)
    used = []
    for code in range(n_samples):
        rows = np.flatnonzero(bulk.sample == code)
        enough = (bulk.n_cells[rows] >= min_cells) & (library[rows] > 0)
        soup = bulk.counts[rows].sum(axis=0) if bulk.empty is None else bulk.empty[code]
        droplets = bulk.empty is not None and bool(soup.any())
        soup = soup if soup.any() else bulk.counts[rows].sum(axis=0)
        found = kernel.sample_fraction(bulk.counts[rows], library[rows], soup / max(soup.sum(), 1.0), enough)
        whole, pairs = found.whole, found.pairs
        samples["profile"][code] = "empty droplets" if droplets else "pooled cells"
        samples["n_cells"][code] = bulk.n_cells[rows].sum()
        n_genes = np.unique(pairs.gene[whole.used]).size
        reason = _why_not(len(rows), enough, whole, n_genes, min_cells, min_genes)
        _tell(samples, code, whole, n_genes, reason)
        for row, own in zip(rows.tolist(), found.types, strict=True):
            believed = not reason and own is not None and kernel.agree(own) and own.used.sum() >= min_genes
            floor = own if believed and own is not None else whole
            _tell(groups, row, floor, int(own.used.sum()) if own is not None else 0, reason)
            groups["source"][row] = NONE if reason else OWN if believed else OF_SAMPLE
            if not reason and not believed:
                groups["log_se"][row] = np.hypot(whole.log_se, kernel.TYPE_SD)
        if not reason:
            used.append((rows[pairs.cell_type[whole.used]], pairs.gene[whole.used]))
    groups |= {
        "sample": bulk.sample,
        "cell_type": bulk.cell_type,
        "n_cells": bulk.n_cells,
        "library": library,
    }
    none = np.zeros(0, dtype=np.int64)
    group, gene = (np.concatenate([none, *(pair[i] for pair in used)]) for i in (0, 1))
    return samples, groups, {"group": group.astype(np.int32), "gene": gene.astype(np.int32)}


def _why_not(
    n_types: int, enough: np.ndarray, whole: kernel.Floor, n_genes: int, min_cells: int, min_genes: int
) -> str:
    """Why a sample has no fraction; empty where it has one."""
    if n_types < 2:
        return "one cell type only: no gene can be exclusive to another"
    if enough.sum() < 2:
        return f"fewer than two cell types with {min_cells} cells"
    if whole.at_edge:
        return "the cell types share all genes: no fraction below 0.5 fits"
    if n_genes < min_genes:
        return f"fewer than {min_genes} genes are exclusive to other cell types"
    if not kernel.agree(whole):
        return "the exclusive genes do not agree on a fraction"
    return ""


def _blank(n: int, *texts: str, **integers: int) -> dict[str, np.ndarray]:
    columns: dict[str, np.ndarray] = {name: np.full(n, np.nan) for name in ("fraction", "log_se")}
    columns |= {name: np.full(n, value, dtype=np.int64) for name, value in integers.items()}
    return columns | {name: np.full(n, "", dtype=object) for name in texts}


def _tell(columns: dict[str, np.ndarray], place: int, floor: kernel.Floor, n_genes: int, reason: str) -> None:
    columns["n_genes"][place] = n_genes
    columns["status"][place], columns["reason"][place] = "not_testable" if reason else "assessed", reason
    if not reason:
        columns["fraction"][place], columns["log_se"][place] = floor.fraction, floor.log_se


def _design(samples: Samples) -> dict[str, Any]:
    return {
        "name": list(samples.cells.names),
        "patient": list(samples.patient),
        "organ": list(samples.organ),
        "tissue": list(samples.tissue),
    }


def _parts(counts: np.ndarray) -> dict[str, np.ndarray]:
    """A matrix of counts as the parts of a csr matrix, in the smallest type that holds them."""
    csr = sparse.csr_matrix(counts)
    exact = np.float32 if csr.nnz == 0 or csr.data.max() < 2**24 else np.float64
    return {
        "data": csr.data.astype(exact),
        "indices": csr.indices.astype(np.int32),
        "indptr": csr.indptr.astype(np.int64),
    }

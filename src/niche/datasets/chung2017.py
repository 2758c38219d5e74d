"""Breast cancers and their lymph-node metastases of Chung et al. 2017."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from niche.datasets.fetch import only_local_copy
from niche.datasets.registry import CHUNG2017

if TYPE_CHECKING:
    from anndata import AnnData

_TISSUE = {True: "metastasis", False: "primary"}


def chung2017() -> AnnData:
    """Load 549 cells of breast cancers and lymph-node metastases (Chung et al. 2017).

    The file lies at no public address in this form, so nothing is downloaded: put
    ``chung2017_breast_primary_LNmet.h5ad`` into the folder of ``NICHE_DATA_DIR`` or
    ``niche.settings.data_dir``.

    Returns
    -------
    AnnData
        ``X``: raw read counts of Smart-seq2, csr float32; these are no molecules. ``obs``: ``sample``,
        ``patient``, ``organ`` (breast, lymph_node), ``tissue`` (primary, metastasis), ``subtype``,
        ``cell_type_marker`` and ``malignant_putative`` (both by rule, neither of the authors nor the
        truth), ``has_TCR``, ``low_quality``. ``var``: ``chromosome``, ``start``, ``end``.
        ``uns["source"]``: citation, licence, origin, checksum, and which labels were inferred.

    Raises
    ------
    NicheError
        There is no local copy; the message says where the data come from.
    InputValueError
        The local copy does not have the registered checksum.

    Notes
    -----
    Chung W, Eum HH, Lee HO, et al. Nat Commun 2017;8:15081 (doi:10.1038/ncomms15081), deposited as
    GSE75688. Patients of some runs were inferred. Two patients only gave a primary tumor and a metastasis.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.chung2017()  # doctest: +SKIP
    >>> adata.obs["tissue"].value_counts().to_dict()  # doctest: +SKIP
    {'primary': 441, 'metastasis': 108}
    """
    import anndata

    path = only_local_copy(CHUNG2017)
    stored = anndata.read_h5ad(path)
    adata = anndata.AnnData(
        X=csr_matrix(stored.X, dtype=np.float32), obs=_cells(stored.obs), var=_genes(stored.var)
    )
    adata.uns["source"] = {
        "name": CHUNG2017.name,
        "title": CHUNG2017.title,
        "citation": CHUNG2017.citation,
        "doi": CHUNG2017.doi,
        "licence": CHUNG2017.licence,
        "url": CHUNG2017.url,
        "origin": CHUNG2017.origin,
        "labels": str(stored.uns["provenance"]["patient_site_labels"]),
        "file": path.name,
        "sha256": CHUNG2017.sha256,
    }
    return adata


def _cells(obs: pd.DataFrame) -> pd.DataFrame:
    """Sample, patient, organ and tissue in niche's words; labels by rule keep their names."""
    table = pd.DataFrame(index=obs.index.astype(str).to_numpy(object))
    for name, column in (("sample", "sample"), ("patient", "patient"), ("organ", "site")):
        table[name] = obs[column].astype(str).to_numpy(object)
    table["tissue"] = obs["is_metastasis"].astype(bool).map(_TISSUE).to_numpy(object)
    for name in ("subtype", "cell_type_marker"):
        table[name] = obs[name].astype(str).to_numpy(object)
    table = table.astype("category")
    for name in ("malignant_putative", "has_TCR", "low_quality"):
        table[name] = obs[name].to_numpy(bool)
    return table


def _genes(var: pd.DataFrame) -> pd.DataFrame:
    """Positions as they are; a gene without one has none."""
    chromosome = var["chromosome"].astype(object)
    return pd.DataFrame(
        {
            "chromosome": pd.Categorical(chromosome.where(var["start"].notna()).to_numpy()),
            "start": var["start"].to_numpy(float),
            "end": var["end"].to_numpy(float),
        },
        index=var.index.astype(str).to_numpy(object),
    )

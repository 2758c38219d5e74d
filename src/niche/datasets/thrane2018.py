"""A lymph-node metastasis of melanoma on an array of spots, Thrane et al. 2018."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from niche.datasets.fetch import only_local_copy
from niche.datasets.registry import THRANE2018

if TYPE_CHECKING:
    from anndata import AnnData

TUMOR = "Melanoma or unclassified"
_TYPES = ("B", "CAF", "Endo", "Macro", TUMOR, "NK", "T")


def thrane2018() -> AnnData:
    """Load one section of a melanoma lymph-node metastasis, 293 spots (Thrane et al. 2018).

    Nothing is downloaded: put ``thrane_melanoma_LNmet_spatial293.h5ad`` into the folder of
    ``NICHE_DATA_DIR`` or ``niche.settings.data_dir``.

    Returns
    -------
    AnnData
        ``X``: raw counts, csr float32. ``obs``: ``sample``, ``patient``, ``organ``, ``tissue``.
        ``obsm["spatial"]``: column and row of the array, a square one (4 neighbours).
        ``obsm["proportions"]``: DataFrame of the shares of 7 cell types, decomposed by the authors of
        SpatialDM; ``"Melanoma or unclassified"`` also holds what they could not place.
        ``uns["source"]``: citation, licence, origin, checksum.

    Raises
    ------
    NicheError
        There is no local copy; the message says where the data come from.
    InputValueError
        The local copy does not have the registered checksum.

    Notes
    -----
    Thrane K, Eriksson H, Maaskola J, et al. Cancer Res 2018;78:5970-5979
    (doi:10.1158/0008-5472.CAN-18-0747). One section: nothing about patients follows from it.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.thrane2018()  # doctest: +SKIP
    >>> adata.shape  # doctest: +SKIP
    (293, 16148)
    """
    import anndata

    path = only_local_copy(THRANE2018)
    stored = anndata.read_h5ad(path)
    names = "spot_" + stored.obs_names.astype(str)
    labels = {"sample": "melanoma_LN", "patient": "melanoma_1", "organ": "lymph_node", "tissue": "metastasis"}
    obs = pd.DataFrame(labels, index=names).astype("category")
    adata = anndata.AnnData(
        csr_matrix(stored.X, dtype=np.float32), obs=obs, var=pd.DataFrame(index=stored.var_names.astype(str))
    )
    adata.obsm["spatial"] = np.asarray(stored.obsm["spatial"], dtype=float)
    shares = stored.obs[list(_TYPES)].to_numpy(float)
    shares[shares.sum(axis=1) < 0.5] = np.nan  # a spot that was not decomposed is not one without tumor
    adata.obsm["proportions"] = pd.DataFrame(shares, index=names, columns=list(_TYPES))
    adata.uns["source"] = {
        "name": THRANE2018.name,
        "title": THRANE2018.title,
        "citation": THRANE2018.citation,
        "doi": THRANE2018.doi,
        "licence": THRANE2018.licence,
        "url": THRANE2018.url,
        "origin": THRANE2018.origin,
        "file": path.name,
        "sha256": THRANE2018.sha256,
    }
    return adata

"""Clusters of each compartment, and how stable they are."""

from __future__ import annotations

from typing import Literal

import anndata as ad
import pandas as pd

from niche._slots import keys, read, validate
from niche.get.design import with_object_labels


def cluster(
    adata: ad.AnnData, *, key: str = keys.CLUSTER, what: Literal["groups", "stability"] = "groups"
) -> pd.DataFrame:
    """Return the table of clustered groups, or the stability of every resolution.

    Parameters
    ----------
    adata
        Annotated data on which :func:`niche.tl.cluster` was run.
    key
        The ``key_added`` it was run with.
    what
        ``"groups"``: one row per compartment. ``"stability"``: one row per compartment and resolution; no
        row where stability was not assessed.

    Returns
    -------
    DataFrame
        For groups ``compartment, n_cells, n_clusters, resolution, n_genes, n_pcs, n_batches, modularity``
        (at resolution 1)``, silhouette`` (mean over at most 5,000 cells)``, status`` (``clustered`` or
        ``not_assessed``)``, reason``. For stability ``compartment, resolution, n_clusters, ari_seeds,
        ari_subsamples, ari_mean`` (of the two)``, ari_low`` (lowest of all comparisons)``, silhouette,
        suggested, reason``.

    Raises
    ------
    MissingKeyError
        :func:`niche.tl.cluster` was not run.
    StaleResultError
        The samples, compartments, genes or values have changed since.
    InputValueError
        ``what`` is none of the tables.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.cluster(adata, compartment="endothelial", embedding=False)
    >>> found = niche.get.cluster(adata, what="stability")
    >>> int(found["suggested"].sum())
    1
    """
    validate.choice(what, "what", ("groups", "stability"))
    stored = read.result(adata, key, run_first="niche.tl.cluster")
    table = pd.DataFrame(stored["table" if what == "groups" else "stability"]).reset_index(drop=True)
    return with_object_labels(table)

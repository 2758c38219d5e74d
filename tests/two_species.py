"""A simulated xenograft as it would look in one genome: the same droplets, nobody knowing whose a molecule is."""

from __future__ import annotations

import anndata as ad
import pandas as pd
from scipy import sparse

from niche import pp


def in_one_genome(xenograft: ad.AnnData) -> ad.AnnData:
    """Counts of both species added up under human symbols, with the truth."""
    n = xenograft.n_vars // 2
    genes = xenograft.var["truth_gene"].astype(str).to_numpy()
    assert (genes[:n] == genes[n:]).all()
    counts = sparse.csr_matrix(xenograft.X[:, :n] + xenograft.X[:, n:])
    made = ad.AnnData(counts, obs=xenograft.obs.copy(), var=pd.DataFrame(index=genes[:n]))
    made.uns["truth"] = xenograft.uns["truth"]
    return made


def in_one_space(xenograft: ad.AnnData) -> ad.AnnData:
    """Split and collapsed, with the truth."""
    pp.split_species(xenograft)
    made = pp.collapse_orthologs(xenograft)
    made.uns["truth"] = xenograft.uns["truth"]
    return made

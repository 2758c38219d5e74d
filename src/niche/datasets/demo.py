"""The bundled demo: one fixed small draw of :func:`niche.datasets.simulate_metastases`."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from niche.datasets.simulate import simulate_metastases

if TYPE_CHECKING:
    from anndata import AnnData

FILE = "demo.h5ad"
SEED = 20
# Brain has two patients only: too few for a call. Six of the eight patients gave two metastases.
_METASTASES = {
    "P01": ("bone", "lung"),
    "P02": ("bone", "liver"),
    "P03": ("lung", "liver"),
    "P04": ("bone", "brain"),
    "P05": ("lung",),
    "P06": ("liver", "brain"),
    "P07": ("bone",),
    "P08": ("lung", "liver"),
}
_PRIMARIES = ("P01", "P02")
# natural killer and B cells stay below ten cells in most samples
_SHARES = {"Malignant": 0.85, "Endothelial cell": 1.35, "Monocyte": 1.4, "NK cell": 0.8, "B cell": 0.7}


def demo() -> AnnData:
    """Load the demo: metastases of eight patients in bone, lung, brain and liver, simulated.

    Two patients also gave their primary breast tumor. Brain metastases come from two patients only
    and natural killer and B cells are rare, so some questions cannot be answered; an analysis should
    say so.

    Returns
    -------
    AnnData
        About 2,600 cells and 1,900 genes; raw counts as csr float32 in ``X`` and in
        ``layers["counts"]``; ``obs``, ``var`` and ``uns["truth"]`` as described at
        :func:`simulate_metastases`. Every call returns an object of its own.

    Raises
    ------
    FileNotFoundError
        The installation lacks the bundled file.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> sorted(adata.obs["organ"].unique())
    ['bone', 'brain', 'breast', 'liver', 'lung']
    """
    import anndata

    with as_file(files("niche.datasets") / FILE) as path:
        adata = anndata.read_h5ad(path)
    adata.X = csr_matrix(adata.X, dtype=np.float32)
    adata.layers["counts"] = adata.X.copy()
    return adata


def draw_demo() -> AnnData:
    """Draw the demo again from its seed, to compare it with the bundled file."""
    rows = [(patient, organ, "metastasis") for patient, organs in _METASTASES.items() for organ in organs]
    rows += [(patient, "breast", "primary") for patient in _PRIMARIES]
    adata = simulate_metastases(
        SEED,
        design=pd.DataFrame(rows, columns=["patient", "organ", "tissue"]),
        cells=165,
        depth=2500.0,
        n_genes=1900,
        composition=dict.fromkeys(("bone", "lung", "brain", "liver"), _SHARES),
        composition_sd=0.15,
    )
    return adata


def write_demo(path: Path) -> None:
    """Write the bundled file: the counts once, as a dense table of small integers, which packs best."""
    import anndata
    import h5py

    adata = draw_demo()
    packed = {"compression": "gzip", "compression_opts": 9, "shuffle": True}
    counts, usage = adata.X, adata.obsm.pop("truth_usage")
    large = {name: adata.uns["truth"].pop(name) for name in ("edges", "genes", "program_genes")}
    del adata.layers["counts"]
    adata.X = None
    with h5py.File(path, "w", libver="latest") as file:
        anndata.io.write_elem(file, "/", adata)
        file.pop("X", None)
        anndata.io.write_elem(file, "X", counts.toarray().astype(np.uint16), dataset_kwargs=packed)
        anndata.io.write_elem(file["obsm"], "truth_usage", usage, dataset_kwargs=packed)
        for name, table in large.items():
            anndata.io.write_elem(file["uns/truth"], name, table, dataset_kwargs=packed)

"""Metastatic lung cancer of Maynard et al. 2020, with biopsy sites."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from niche.datasets.fetch import get_file, sha256_of
from niche.datasets.registry import MAYNARD2020
from niche.errors import MissingKeyError

if TYPE_CHECKING:
    from anndata import AnnData

SITES = "maynard2020_sites.csv"
_SITES_SOURCE = (
    "Biopsy sites: LuCA atlas, repository icbi-lab/luca at a3c018451850fbb50b674bb606ea7348182420cb, "
    "tables/additional_patient_metadata/cell_metadata_maynard.csv.gz (BSD-3-Clause), joined on the sample"
)
_LEAST_CELLS = 3
_OBS = ("sample", "patient", "cell_type", "age", "sex")
_VAR = ("ensg", "chromosome", "start", "end")


def maynard2020(*, allow_mirror: bool = False) -> AnnData:
    """Load 3,000 cells of metastatic lung cancer with their biopsy sites (Maynard et al. 2020).

    A local copy is used when the folder of ``NICHE_DATA_DIR`` or ``niche.settings.data_dir`` holds
    ``maynard2020_nsclc_mets_3k.h5ad`` or the original ``maynard2020_3k.h5ad``; otherwise the original
    is downloaded once from its address. Either way the result is the same.

    Parameters
    ----------
    allow_mirror
        When the address cannot be reached, take the file from the source archive of the published
        package infercnvpy 0.4.2 (50 MB), which your own pip obtains. The archive's hash is checked
        before anything of it runs, and nothing is installed.

    Returns
    -------
    AnnData
        ``X``: log1p counts per million, csr float32; there are no raw counts. Genes seen in at least
        3 cells. ``obs``: ``sample``, ``patient``, ``organ`` (biopsy site), ``tissue`` (metastasis,
        primary, normal), ``cell_type`` (of the authors of infercnvpy), ``age``, ``sex``,
        ``biopsy_type``, ``histology``, ``driver_gene``, ``pathology_review``, ``treatment`` (of the
        biopsy: ``naive``, ``residual`` disease under targeted therapy, ``progressive``). ``var``:
        ``ensembl_id``, ``chromosome``, ``start``, ``end``. ``obsm``: ``X_scVI``, ``X_umap``.
        ``uns["source"]``: citation, licence, address, checksum.

    Raises
    ------
    NicheError
        No copy could be obtained; the message lists the three ways.
    InputValueError
        A file does not have the registered checksum.
    MissingKeyError
        A local copy lacks a column.

    Notes
    -----
    Maynard A, McCoach CE, Rotow JK, et al. Cell 2020;182:1232-1251
    (doi:10.1016/j.cell.2020.07.017). The subset was published with infercnvpy (BSD-3-Clause); sites,
    tissue and treatment (its column ``analysis``) come from the LuCA atlas (BSD-3-Clause). Normal adjacent
    tissue (``_NAT``) belongs to the patient it was taken from. Few patients supply most cells of some
    sites, so most organ contrasts cannot be tested.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.maynard2020()  # doctest: +SKIP
    >>> adata.obs["organ"].cat.categories.tolist()  # doctest: +SKIP
    ['adrenal', 'brain', 'liver', 'lung', 'lymph_node', 'pleura']
    """
    import anndata

    path, obtained = get_file(MAYNARD2020, allow_mirror=allow_mirror)
    stored = anndata.read_h5ad(path)
    _check_columns(stored, path.name)
    matrix = csr_matrix(stored.X, dtype=np.float32)
    matrix.eliminate_zeros()
    kept = np.bincount(matrix.indices, minlength=matrix.shape[1]) >= _LEAST_CELLS
    adata = anndata.AnnData(X=matrix[:, kept], obs=_with_sites(stored.obs), var=_genes(stored.var[kept]))
    for key in ("X_scVI", "X_umap"):
        if key in stored.obsm:
            adata.obsm[key] = np.asarray(stored.obsm[key])
    adata.uns["source"] = {
        "name": MAYNARD2020.name,
        "title": MAYNARD2020.title,
        "citation": MAYNARD2020.citation,
        "doi": MAYNARD2020.doi,
        "licence": MAYNARD2020.licence,
        "url": MAYNARD2020.url,
        "sites": _SITES_SOURCE,
        "obtained": obtained,
        "file": path.name,
        "sha256": sha256_of(path),
    }
    return adata


def site_table() -> pd.DataFrame:
    """Return the biopsy site and tissue of every sample, indexed by sample."""
    with (files("niche.datasets") / SITES).open("r", encoding="utf-8") as file:
        return pd.read_csv(file, dtype=object, keep_default_na=False).set_index("sample")


def _check_columns(stored: AnnData, name: str) -> None:
    for table, columns, where in ((stored.obs, _OBS, "obs"), (stored.var, _VAR, "var")):
        missing = [column for column in columns if column not in table]
        if missing:
            found = ", ".join(map(str, table.columns))
            raise MissingKeyError(f"{name} has no {where} column {missing[0]!r}. Columns: {found}.")


def _with_sites(obs: pd.DataFrame) -> pd.DataFrame:
    sites = site_table()
    sample = obs["sample"].astype(str).to_numpy(object)
    unknown = sorted(set(sample) - set(sites.index))
    if unknown:
        raise MissingKeyError(f"No biopsy site is known for sample {unknown[0]!r}.")
    joined = sites.loc[sample]
    table = pd.DataFrame({"sample": sample}, index=obs.index.astype(str).to_numpy(object))
    for column in ("patient", "organ", "tissue"):
        table[column] = joined[column].to_numpy(object)
    table["cell_type"] = obs["cell_type"].astype(str).to_numpy(object)
    table["age"] = obs["age"].to_numpy()
    table["sex"] = obs["sex"].astype(str).to_numpy(object)
    for column in ("biopsy_type", "histology", "driver_gene", "pathology_review", "treatment"):
        table[column] = joined[column].to_numpy(object)
    text = [column for column in table if column != "age"]
    return table.astype(dict.fromkeys(text, "category"))


def _genes(var: pd.DataFrame) -> pd.DataFrame:
    """Ensembl ids without their version; positions as they are."""
    ensembl = var["ensg"].astype(str).str.partition(".")[0]
    return pd.DataFrame(
        {
            "ensembl_id": ensembl.to_numpy(object),
            "chromosome": pd.Categorical(var["chromosome"].astype(str)),
            "start": var["start"].to_numpy(np.int64),
            "end": var["end"].to_numpy(np.int64),
        },
        index=var.index.astype(str).to_numpy(object),
    )

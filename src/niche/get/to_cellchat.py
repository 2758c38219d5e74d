"""Communication of one organ in the columns of CellChat's subsetCommunication."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd

from niche import resources
from niche._slots import keys
from niche.get._organ_edges import OrganEdges, organ_edges

NOT_ASSESSED = "not assessed"


def to_cellchat(adata: ad.AnnData, *, organ: str, key: str = keys.COMMUNICATION) -> pd.DataFrame:
    """Write the communication of one organ in the columns of CellChat's ``subsetCommunication``.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.communication` was run.
    organ
        The organ; CellChat knows none.
    key
        The ``key_added`` of the run.

    Returns
    -------
    DataFrame
        One row per tested edge: ``source, target, ligand, receptor`` (complexes joined by ``_``),
        ``prob`` (the score ``lr_probs``), ``pval, interaction_name, interaction_name_2, pathway_name,
        annotation, evidence``. Edges that are not expressed or not testable have no row, as in
        CellChat; ``attrs`` counts them: ``n_tested, n_not_expressed, n_not_testable,
        not_testable_reasons``.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes or values have changed since.
    InputValueError
        The organ is not in the result, or the run gave no p-values or no ``lr_probs``.
    InputTypeError
        ``organ`` is not one name.

    Notes
    -----
    The columns are CellChat's, the numbers niche's: ``prob`` is LR / (0.5 + LR) of means over one largest
    value for all organs, without triMean and co-factors, and ``pval`` is b / m only where every edge was
    permuted. All tested edges are kept; filter on ``pval`` as ``subsetCommunication(thresh=)`` does.
    ``annotation`` (secreted, contact, matrix) is no knowledge of niche's resources and reads
    ``not assessed``; ``evidence`` lists the databases behind a pair of a bundled resource. CellChat is
    described in Jin et al. 2021, doi:10.1038/s41467-021-21246-9.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type")
    >>> table = niche.get.to_cellchat(adata, organ="bone")
    >>> list(table.columns[:6])
    ['source', 'target', 'ligand', 'receptor', 'prob', 'pval']
    """
    edges = organ_edges(adata, organ, key)
    edges.has("p", "lr_probs")
    tested = edges.tested
    ligand, receptor = tested["ligand_complex"].astype(str), tested["receptor_complex"].astype(str)
    table = pd.DataFrame(
        {
            "source": tested["source"],
            "target": tested["target"],
            "ligand": ligand,
            "receptor": receptor,
            "prob": tested["lr_probs"],
            "pval": tested["p"],
            "interaction_name": (ligand + "_" + receptor).str.upper(),
            "interaction_name_2": _spelt(ligand) + " - " + _spelt(receptor),
            "pathway_name": tested["pathway"],
            "annotation": NOT_ASSESSED,
            "evidence": _evidence(edges, tested),
        }
    ).reset_index(drop=True)
    table.attrs = edges.counts
    return table


def _spelt(names: pd.Series) -> pd.Series:
    """``TGFBR1_TGFBR2`` as ``(TGFBR1+TGFBR2)``."""
    joined = names.str.replace("_", "+")
    return joined.where(~names.str.contains("_"), "(" + joined + ")")


def _evidence(edges: OrganEdges, tested: pd.DataFrame) -> np.ndarray:
    """Databases behind each pair where the resource is the bundled one that the run used."""
    params = edges.stored["params"]
    used = str(params["resource"])
    name = used.split(" ")[0]
    unknown = np.full(len(tested), NOT_ASSESSED, dtype=object)
    bundled = resources.available().query("kind == 'ligand_receptor'")["name"]
    if name not in set(bundled):
        return unknown
    table = resources.ligand_receptor(name, params["organism"])
    if str(table.attrs["sha256"]) not in used:
        return unknown
    known = table.set_index(["ligand", "receptor"])["evidence"]
    wanted = pd.MultiIndex.from_frame(tested[["ligand_complex", "receptor_complex"]])
    return known.reindex(wanted).fillna(NOT_ASSESSED).to_numpy(dtype=object)

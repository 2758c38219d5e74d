"""Why cells are named as they are."""

from __future__ import annotations

from typing import Literal

import anndata as ad
import pandas as pd

from niche._slots import keys, read, validate
from niche.get.design import with_object_labels


def annotate(
    adata: ad.AnnData,
    *,
    key: str = keys.ANNOTATE,
    what: Literal["clusters", "cell_types", "markers"] = "clusters",
) -> pd.DataFrame:
    """Return what :func:`niche.tl.annotate` found, per cluster, cell type or set of markers.

    Parameters
    ----------
    adata
        Annotated data on which :func:`niche.tl.annotate` was run.
    key
        The ``key_added`` it was run with.
    what
        ``"clusters"``: one row per cluster, organ and compartment (where cells were named one by one: per
        organ, compartment, name and reason). ``"cell_types"``: one row per name. ``"markers"``: one row per
        cell type of the marker table and whether its markers are measured.

    Returns
    -------
    DataFrame
        For clusters ``cluster, organ, compartment, cell_type, cell_ontology_id, lineage, n_cells, score,
        margin, runner_up, subtype, subtype_score, subtype_share, reason``: ``margin`` is the lead over
        ``runner_up``; ``subtype`` the best narrower type, given or not, ``subtype_share`` the cells that show
        it by themselves (NaN where its score does not ask for it); ``reason`` says why there is no name or
        lineage. For cell types ``cell_type, cell_ontology_id, lineage, n_cells, share, score, reason``, with
        the mean score over cells and the most frequent reason. For markers ``organ, compartment,
        cell_type, parent, cell_ontology_id, n_markers, n_measured, lineage, status``.

    Raises
    ------
    MissingKeyError
        :func:`niche.tl.annotate` was not run.
    StaleResultError
        The clusters, organs, compartments, genes or values have changed since.
    InputValueError
        ``what`` is none of the tables.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.annotate(adata, level="cell", cell_type_key="by_markers")
    >>> found = niche.get.annotate(adata, what="cell_types")
    >>> int(found["n_cells"].sum()) == adata.n_obs
    True
    """
    validate.choice(what, "what", ("clusters", "cell_types", "markers"))
    stored = read.result(adata, key, run_first="niche.tl.annotate")
    table = pd.DataFrame(stored["markers" if what == "markers" else "table"]).reset_index(drop=True)
    table = with_object_labels(table)
    return _cell_types(table) if what == "cell_types" else table


def _cell_types(table: pd.DataFrame) -> pd.DataFrame:
    weighted = table.assign(total=table["score"] * table["n_cells"]).sort_values("n_cells", ascending=False)
    groups = weighted.groupby(["cell_type", "cell_ontology_id", "lineage"], sort=True)
    found = groups.agg(
        n_cells=("n_cells", "sum"), total=("total", lambda x: x.sum(min_count=1)), reason=("reason", "first")
    )
    found = found.reset_index().sort_values("n_cells", ascending=False, kind="stable", ignore_index=True)
    found["share"] = found["n_cells"] / found["n_cells"].sum()
    found["score"] = (found["total"] / found["n_cells"]).astype(float)
    return found[["cell_type", "cell_ontology_id", "lineage", "n_cells", "share", "score", "reason"]]

"""Tidy table of which cell types touch, and the flag it gives to edges between them."""

from __future__ import annotations

from typing import Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, read, validate
from niche.errors import InputTypeError, MissingKeyError

RUN_FIRST = "niche.tl.touching"
FLAGS = ("touching", "never touching", "not_assessed")
_NEEDED = ("organ", "source", "target", "contacts")


def touching(
    adata: ad.AnnData, *, level: Literal["organ", "section"] = "organ", key: str = keys.TOUCHING
) -> pd.DataFrame:
    """Return the contacts of cell types that :func:`niche.tl.touching` counted.

    Parameters
    ----------
    adata
        Data on which the tool was run.
    level
        ``"organ"``: sections of an organ together. ``"section"``: every section.
    key
        The ``key_added`` of the run.

    Returns
    -------
    DataFrame
        ``"organ"``: ``organ, source, target, contacts`` (edges of the graph, summed over sections),
        ``zscore`` (mean of sections within the patient, then of patients), ``n_sections, n_patients`` (that
        hold both types), ``touching`` (at least one contact). ``"section"``: ``sample, patient, organ,
        source, target, contacts, zscore, n_source, n_target``. Pairs that no section holds together are
        left out, and so are sections without a graph.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Coordinates or labels have changed since.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.simulate_spatial(0, patients=1, organs=["liver"], side=10)
    >>> niche.tl.touching(adata, n_perms=50)
    >>> niche.get.touching(adata).columns[:4].tolist()
    ['organ', 'source', 'target', 'contacts']
    """
    validate.choice(level, "level", ("organ", "section"))
    stored = read.result(adata, key, run_first=RUN_FIRST)
    n, types = np.asarray(stored["n_cells"]), read.strings(stored["cell_types"])
    joined = (np.asarray(stored["sections"]["n_edges"]) > 0)[:, None]
    s, a, b = np.nonzero(((n > 0) & joined)[:, :, None] & (n > 0)[:, None, :])
    out = {}
    for column, name in (("sample", "name"), ("patient", "patient"), ("organ", "organ")):
        out[column] = pd.Categorical(np.array(read.strings(stored["sections"][name]), dtype=object)[s])
    out |= {"source": pd.Categorical.from_codes(a, types), "target": pd.Categorical.from_codes(b, types)}
    frame = pd.DataFrame(out)
    frame["contacts"] = np.asarray(stored["contacts"])[s, a, b]
    frame["zscore"] = np.asarray(stored["zscore"], dtype=float)[s, a, b]
    if level == "section":
        frame["n_source"], frame["n_target"] = n[s, a], n[s, b]
        return frame
    labels = ["organ", "source", "target"]
    grouped = frame.groupby([*labels, "patient"], observed=True, sort=True)
    per_patient = grouped.agg(
        contacts=("contacts", "sum"), zscore=("zscore", "mean"), n_sections=("contacts", "size")
    )
    organs = per_patient.reset_index().groupby(labels, observed=True, sort=True)
    found = organs.agg(
        contacts=("contacts", "sum"), zscore=("zscore", "mean"), n_sections=("n_sections", "sum"),
        n_patients=("patient", "size"),
    ).reset_index()  # fmt: skip
    return found.assign(touching=found["contacts"] > 0)


def flagged(edges: pd.DataFrame, contacts: pd.DataFrame) -> pd.DataFrame:
    """Edges with the columns ``contacts`` and ``touching``: no edge is dropped.

    ``not_assessed`` where the table ``contacts`` does not hold both cell types in the organ of the edge.
    """
    if not isinstance(contacts, pd.DataFrame):
        raise InputTypeError(
            f"touching must be the table of niche.get.touching. Got {type(contacts).__name__}."
        )
    missing = [name for name in _NEEDED if name not in contacts.columns]
    if missing:
        raise MissingKeyError(
            f"touching lacks the columns {validate.shown(missing)}. Give the table of niche.get.touching."
        )
    labels = list(_NEEDED[:3])
    table = contacts[list(_NEEDED)].astype(dict.fromkeys(labels, str)).groupby(labels)["contacts"].sum()
    wanted = pd.MultiIndex.from_frame(edges[labels].astype(str))
    found = table.reindex(wanted).to_numpy(dtype=float)
    flag = np.select([found > 0, found == 0], [0, 1], 2)
    return edges.assign(contacts=found, touching=pd.Categorical.from_codes(flag, list(FLAGS)))

"""Edges of cell types that one organ alone has: described, and not compared between organs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import communication_codes as codes
from niche._slots import keys, read, validate
from niche.errors import InputValueError
from niche.get.communication import RUN_FIRST, Names, communication

COLUMNS = (
    "organ", "source", "target", "exclusive", "ligand_complex", "receptor_complex", "pathway", "ligand_means",
    "receptor_means", "ligand_props", "receptor_props", "pval", "qval", "n_samples", "n_patients", "status",
    "reason", "between_organs", "between_organs_reason",
)  # fmt: skip
STATEMENT = (
    "described, not tested between organs: where a cell type exists in one organ only, a difference of its "
    "edges to other organs is one of who is there. pval and qval are those within samples."
)
HINT = "niche.tl.communication(adata, level='lineage') compares such types as their lineage"


def organ_exclusive(
    adata: ad.AnnData,
    *,
    organ: Names = None,
    source: Names = None,
    target: Names = None,
    status: Names = None,
    qval: float | None = None,
    stray_cells: int = 0,
    key: str = keys.COMMUNICATION,
) -> pd.DataFrame:
    """Return the edges whose sender or receiver exists in one organ only, such as hepatocytes.

    :func:`niche.tl.compare_communication` cannot compare them: there is nothing on the other side. They are
    listed here with what is known of them within their organ.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.communication` was run.
    organ, source, target
        Keep these organs, senders, receivers.
    status
        Keep ``"tested"``, ``"not_expressed"`` or ``"not_testable"`` edges; all by default.
    qval
        Keep edges that were tested within samples with a q-value up to this.
    stray_cells
        Cells in other organs up to which a cell type still counts as exclusive (wrong labels, doublets).
    key
        The ``key_added`` of the run.

    Returns
    -------
    DataFrame
        One row per edge in the organ that has the cell type: ``organ`` (primary and normal tissue of the
        same organ stand apart), ``source, target, exclusive`` (which of both is: ``source``, ``target``,
        ``source and target``), ``ligand_complex, receptor_complex, pathway, ligand_means, receptor_means,
        ligand_props, receptor_props, pval, qval, n_samples, n_patients, status, reason`` as in
        :func:`niche.get.communication`; ``between_organs`` is ``not_testable`` for all, and
        ``between_organs_reason`` says why. ``attrs["statement"]`` says what the table is, ``attrs["hint"]``
        how such types can be compared.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes or values have changed since.
    InputValueError
        The run knows one organ only, or a name to keep does not exist.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type", null="analytic")
    >>> table = niche.get.organ_exclusive(adata, organ="liver", source="Hepatocyte")
    >>> table["between_organs_reason"].unique().tolist()
    ['Hepatocyte exists in liver only: there is no other organ to compare with']
    """
    validate.number(stray_cells, "stray_cells", low=0, integer=True)
    stored = read.result(adata, key, run_first=RUN_FIRST)
    home = _homes(stored, int(stray_cells))
    table = communication(
        adata, organ=organ, source=source, target=target, status=status, qval=qval, key=key
    )
    place = dict(zip(read.strings(stored["organs"]), _plain_organs(stored), strict=True))
    where = table["organ"].astype(object).map(place)
    own = {side: table[side].astype(object).map(home) == where for side in ("source", "target")}
    kept = (own["source"] | own["target"]).to_numpy()
    table = table[kept].reset_index(drop=True)
    left, right = (own[side].to_numpy()[kept] for side in ("source", "target"))
    exclusive = np.select([left & right, left], [2, 0], 1)
    table["exclusive"] = pd.Categorical.from_codes(exclusive, ["source", "target", "source and target"])
    table["between_organs"] = pd.Categorical.from_codes(
        np.zeros(len(table), dtype=np.int8), [codes.NOT_TESTABLE]
    )
    table["between_organs_reason"] = pd.Categorical(_reasons(table, left, right, where.to_numpy()[kept]))
    for name in ("pval", "qval"):
        if name not in table:
            table[name] = np.nan
    table = table[list(COLUMNS)]
    table.attrs |= {"statement": STATEMENT, "hint": HINT}
    return table


def _homes(stored: Mapping[str, Any], stray_cells: int) -> dict[str, str]:
    """The organ of every cell type that one organ alone has."""
    aggregate, samples = stored["aggregate"], stored["samples"]
    names, types = np.array(read.strings(samples["organ"]), dtype=object), stored["cell_types"]["name"]
    sample = np.asarray(aggregate["sample"])
    used = np.asarray(samples["organ_code"])[sample] >= 0
    cells = pd.DataFrame(
        {
            "cell_type": np.array(read.strings(types), dtype=object)[np.asarray(aggregate["cell_type"])],
            "organ": names[sample],
            "n": np.asarray(aggregate["n"]),
        }
    )[used]
    table = cells.pivot_table(index="cell_type", columns="organ", values="n", aggfunc="sum", fill_value=0)
    if table.shape[1] < 2:
        raise InputValueError(
            f"the run knows one organ only ({validate.shown(table.columns)}): no cell type can be exclusive "
            "to it."
        )
    most = table.max(axis=1)
    alone = table[(table.sum(axis=1) - most <= stray_cells) & (most > 0)]
    return {str(name): str(organ) for name, organ in alone.idxmax(axis=1).items()}


def _plain_organs(stored: Mapping[str, Any]) -> list[str]:
    """Organ of every label of organ and tissue."""
    code = np.asarray(stored["samples"]["organ_code"])
    organ = read.strings(stored["samples"]["organ"])
    return [organ[int(np.flatnonzero(code == g)[0])] for g in range(len(read.strings(stored["organs"])))]


def _reasons(table: pd.DataFrame, left: np.ndarray, right: np.ndarray, organ: np.ndarray) -> list[str]:
    """Who exists in this organ only."""
    ends = zip(table["source"].astype(str), table["target"].astype(str), left, right, organ, strict=True)
    out = []
    for source, target, is_source, is_target, where in ends:
        who = list(dict.fromkeys([source] * bool(is_source) + [target] * bool(is_target)))
        verb = "exist" if len(who) > 1 else "exists"
        out.append(f"{' and '.join(who)} {verb} in {where} only: there is no other organ to compare with")
    return out

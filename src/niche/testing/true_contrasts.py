"""What really differs between the organs of a simulated study."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd

from niche.testing._contrast_names import contrasts
from niche.testing._truth import EDGE, organs_of, truth_of

FLOOR = 0.01
"""Smallest difference (log2) that counts as real; the generator's own."""
COLUMNS = (
    "contrast",
    "organ",
    *EDGE,
    "kind",
    "planted",
    "log2fc",
    "log2fc_ligand",
    "log2fc_receptor",
    "expressed",
    "driver",
    "driver_compartment",
)


def true_contrasts(adata: ad.AnnData) -> pd.DataFrame:
    r"""Work out every edge that truly differs between the organs of a simulated study.

    Parameters
    ----------
    adata
        A draw of :func:`niche.datasets.simulate_metastases`. Only ``uns["truth"]`` is read.

    Returns
    -------
    DataFrame
        One row per contrast and edge:

        - ``contrast``: ``omnibus``, ``<organ>_vs_rest``, ``<a>_vs_<b>`` (in the order of the alphabet)
          and, where the study has a primary tumor, ``<organ>_vs_primary``; ``organ`` is the one named
          first, empty for the omnibus.
        - ``source, target, ligand_complex, receptor_complex``: the edge.
        - ``kind``: which side really moves, ``both`` (in one direction), ``opposed`` (both, against
          each other), ``ligand``, ``receptor``; or ``leaked``: a planted axis on which no side moves, and
          droplets show a difference that no cell expresses.
        - ``planted``: the axis was asked for in that organ (in either organ of a pair, in any of the
          omnibus). The others follow from the planted ones: another organ against the rest, or a
          partner of a gene that moves.
        - ``log2fc_ligand, log2fc_receptor``: the real difference of each side, complexes as the minimum
          over subunits within each organ; ``log2fc`` their mean. NaN for the omnibus, which has no
          direction.
        - ``expressed``: both sides are expected in 10 % of the cells in an organ of the contrast in
          which the truth lists the edge.
        - ``driver``: the side that moves (``undetermined`` for ``leaked`` and ``opposed``);
          ``driver_compartment``: whose cells these are, ``tumor``, ``host``, ``both``, or empty where
          nothing moves.

    Raises
    ------
    MissingKeyError
        There is no truth: the data were not drawn by :func:`niche.datasets.simulate_metastases`.
    InputTypeError
        ``adata`` is no AnnData.

    Notes
    -----
    With :math:`\delta_o` the effect of an organ against an organ without any (0 where
    ``uns["truth"]["edges"]`` has no row), the difference of a side is

    .. math::

        \delta_a - \frac{1}{O - 1} \sum_{o \neq a} \delta_o, \qquad \delta_a - \delta_b, \qquad \delta_a

    against the rest (every other organ with the same weight), between two organs, and against the
    primary tumor. Differences below 0.01 are none. A loss or gain in one organ therefore is a true
    difference of the opposite sign, and of size :math:`1 / (O - 1)`, of every other organ against the
    rest.

    **What counts as truly null**: an edge that is not listed for a contrast, if both its cell types are
    such that every organ has them, its pair is on the list ``consensus`` or planted, and all subunits
    are genes of the draw. Nothing is known of other edges: cell types that one organ has cannot be
    compared, and pairs of other lists may share a gene that moves. Contrasts with normal tissue are
    not listed, it has no tumor cells. A null edge can still *seem* to move where ambient molecules of
    organ-specific cells differ between organs (``uns["truth"]["genes"]``, cause ``ambient``).

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.simulate_metastases(
    ...     1, organs=["bone", "lung"], patients_per_organ=2, cells=40, n_genes=1500
    ... )
    >>> truth = niche.testing.true_contrasts(adata)
    >>> axes = truth[truth["planted"] & (truth["contrast"] == "bone_vs_rest")]
    >>> axes.set_index("ligand_complex")[["receptor_complex", "kind", "log2fc"]].round(1)
                   receptor_complex      kind  log2fc
    ligand_complex
    IL11               IL11RA_IL6ST      both     2.0
    JAG1                     NOTCH2      both     2.0
    CXCL12                    CXCR4    ligand     1.0
    IGF1                      IGF1R  receptor     1.0
    SPP1                       CD44    leaked     0.0
    """
    truth = truth_of(adata)
    organs = organs_of(truth)
    edges = truth["edges"]
    edges = edges[edges["organ"].isin(organs)]
    unique = edges[list(EDGE)].drop_duplicates().reset_index(drop=True)
    place = unique.assign(row=unique.index)
    row = edges[list(EDGE)].merge(place, on=list(EDGE), how="left")["row"].to_numpy(dtype=np.int64)
    code = {organ: index for index, organ in enumerate(organs)}
    column = edges["organ"].astype(object).map(code).to_numpy(dtype=np.int64)

    def spread(values: pd.Series, dtype: type) -> np.ndarray:
        out: np.ndarray = np.zeros((len(unique), len(organs)), dtype=dtype)
        out[row, column] = values
        return out

    ligand, receptor = spread(edges["log2fc_ligand"], float), spread(edges["log2fc_receptor"], float)
    planted, expressed = spread(edges["planted"], bool), spread(edges["expressed"], bool)
    leaked = spread(edges["kind"] == "leaked", bool)
    types = truth["cell_types"]
    tumor = set(types.loc[types["compartment"] == "tumor", "cell_type"])
    primary = bool((truth["samples"]["tissue"] == "primary").any())
    named, weights = contrasts(organs, primary=primary)
    frames = []
    for contrast, weight in zip(named.itertuples(index=False), weights, strict=True):
        omnibus = contrast.kind == "omnibus"
        involved = np.full(len(organs), True) if omnibus else weight != 0
        own = np.array(organs) == contrast.organ if contrast.kind == "vs_rest" else involved
        left = np.ptp(ligand, axis=1) if omnibus else ligand @ weight
        right = np.ptp(receptor, axis=1) if omnibus else receptor @ weight
        seen = np.any(leaked[:, involved], axis=1)
        frame = _kinds(unique, left, right, np.asarray(seen), tumor)
        frame["planted"] = planted[:, own].any(axis=1)
        frame["expressed"] = expressed[:, involved].any(axis=1)
        if omnibus:
            frame[["log2fc", "log2fc_ligand", "log2fc_receptor"]] = np.nan
        frame.insert(0, "contrast", contrast.contrast)
        frame.insert(1, "organ", contrast.organ)
        frames.append(frame[frame["kind"] != "none"])
    if not frames:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(frames, ignore_index=True)[list(COLUMNS)]


def _kinds(
    edges: pd.DataFrame, left: np.ndarray, right: np.ndarray, leaked: np.ndarray, tumor: set[str]
) -> pd.DataFrame:
    """Return the edges with what the two differences mean: kind, effects, driver and its compartment."""
    moves_left, moves_right = np.abs(left) > FLOOR, np.abs(right) > FLOOR
    both = moves_left & moves_right
    kind = np.select(
        [both & (left * right > 0), both, moves_left, moves_right, leaked],
        ["both", "opposed", "ligand", "receptor", "leaked"],
        "none",
    )
    source_tumor, target_tumor = edges["source"].isin(tumor), edges["target"].isin(tumor)
    in_tumor = (source_tumor & moves_left) | (target_tumor & moves_right)
    in_host = (~source_tumor & moves_left) | (~target_tumor & moves_right)
    compartment = np.select([in_tumor & in_host, in_tumor, in_host], ["both", "tumor", "host"], "")
    real_left, real_right = np.where(moves_left, left, 0.0), np.where(moves_right, right, 0.0)
    return edges.assign(
        kind=kind.astype(object),
        log2fc=(real_left + real_right) / 2,
        log2fc_ligand=real_left,
        log2fc_receptor=real_right,
        driver=np.where(np.isin(kind, ["both", "ligand", "receptor"]), kind, "undetermined").astype(object),
        driver_compartment=compartment.astype(object),
    )

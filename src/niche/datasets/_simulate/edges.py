"""The truth about ligand-receptor edges, worked out from the expected expression per organ."""

from __future__ import annotations

import numpy as np
import pandas as pd

from niche.datasets._simulate.axes import SUBUNIT
from niche.datasets._simulate.cell_types import MALIGNANT
from niche.datasets._simulate.expectation import REAL_FLOOR, Expectation
from niche.datasets._simulate.options import Options

EXPRESSED_SHARE = 0.1
COLUMNS = (
    "organ",
    "source",
    "target",
    "ligand_complex",
    "receptor_complex",
    "kind",
    "planted",
    "log2fc_ligand",
    "log2fc_receptor",
    "log2fc_ligand_observed",
    "log2fc_receptor_observed",
    "log2cpm_ligand",
    "log2cpm_receptor",
    "expressed",
    "driver",
    "driver_compartment",
)


def true_edges(
    expected: Expectation, genes: pd.Index, pairs: pd.DataFrame, axes: pd.DataFrame, options: Options
) -> pd.DataFrame:
    """Return every edge between shared cell types that is true in an organ, planted or incidental.

    An edge is true when a side, taken as the minimum over the subunits, really moves against the
    baseline; ``kind`` says which. Planted leaked axes are listed beside them with both real effects
    0: the droplets show a difference that no cell expresses. Edges of organ-specific cells are not
    listed, they exist in one organ only. ``expressed``: both sides would be seen in at least 10 %
    of the cells of that organ.
    """
    pairs = _all_pairs(pairs, axes, genes)
    ligand = _side(expected, genes, pairs["ligand"])
    receptor = _side(expected, genes, pairs["receptor"])
    planted = {tuple(row): kind for *row, kind in axes[[*COLUMNS[:5], "kind"]].itertuples(index=False)}
    known = {name: i for i, name in enumerate(expected.cell_types)}
    position = {pair: i for i, pair in enumerate(zip(pairs["ligand"], pairs["receptor"], strict=True))}
    frames = []
    for index, organ in enumerate(expected.organs[1:], start=1):
        left = np.abs(ligand["real"][index] - ligand["real"][0]) > REAL_FLOOR
        right = np.abs(receptor["real"][index] - receptor["real"][0]) > REAL_FLOOR
        true = left[:, None, :] | right[None, :, :]
        for (where, source, target, first, second), kind in planted.items():
            if where == organ and kind == "leaked":
                true[known[source], known[target], position[first, second]] = True
        found = np.nonzero(true)
        frames.append(_frame(expected, pairs, ligand, receptor, index, found, options))
    table = pd.concat(frames, ignore_index=True)
    table["planted"] = [row in planted for row in table[list(COLUMNS[:5])].itertuples(index=False, name=None)]
    return table[list(COLUMNS)]


def _frame(
    expected: Expectation,
    pairs: pd.DataFrame,
    ligand: dict[str, np.ndarray],
    receptor: dict[str, np.ndarray],
    index: int,
    found: tuple[np.ndarray, ...],
    options: Options,
) -> pd.DataFrame:
    source, target, pair = found
    names = np.asarray(expected.cell_types, dtype=object)
    table = pd.DataFrame({"organ": expected.organs[index], "source": names[source], "target": names[target]})
    table["ligand_complex"] = pairs["ligand"].to_numpy(object)[pair]
    table["receptor_complex"] = pairs["receptor"].to_numpy(object)[pair]
    seen = np.ones(len(table), dtype=bool)
    for name, side, cell_type in (("ligand", ligand, source), ("receptor", receptor, target)):
        real = side["real"][index, cell_type, pair]
        change = real - side["real"][0, cell_type, pair]
        table[f"log2fc_{name}"] = np.where(np.abs(change) > REAL_FLOOR, change, 0.0)
        observed = side["observed"]
        table[f"log2fc_{name}_observed"] = observed[index, cell_type, pair] - observed[0, cell_type, pair]
        table[f"log2cpm_{name}"] = real
        seen &= _detected(real, options, expected.organs[index]) >= EXPRESSED_SHARE
    table["expressed"] = seen
    moves_left = table["log2fc_ligand"].to_numpy() != 0
    moves_right = table["log2fc_receptor"].to_numpy() != 0
    table["kind"] = np.select(
        [moves_left & moves_right, moves_left, moves_right], ["both", "ligand", "receptor"], "leaked"
    ).astype(object)
    table["driver"] = np.where(table["kind"] == "leaked", "undetermined", table["kind"]).astype(object)
    tumor = ((table["source"] == MALIGNANT) & moves_left) | ((table["target"] == MALIGNANT) & moves_right)
    host = ((table["source"] != MALIGNANT) & moves_left) | ((table["target"] != MALIGNANT) & moves_right)
    part = np.select([tumor & host, tumor, host], ["both", "tumor", "host"], "")
    table["driver_compartment"] = part.astype(object)
    return table


def _all_pairs(pairs: pd.DataFrame, axes: pd.DataFrame, genes: pd.Index) -> pd.DataFrame:
    """Return the listed and planted pairs whose subunits are all measured."""
    planted = axes[["ligand_complex", "receptor_complex"]].set_axis(["ligand", "receptor"], axis=1)
    both = pd.concat([pairs[["ligand", "receptor"]], planted], ignore_index=True).drop_duplicates()
    measured = set(genes)
    keep = [
        measured.issuperset([*first.split(SUBUNIT), *second.split(SUBUNIT)])
        for first, second in zip(both["ligand"], both["receptor"], strict=True)
    ]
    return both[keep].reset_index(drop=True)


def _side(expected: Expectation, genes: pd.Index, complexes: pd.Series) -> dict[str, np.ndarray]:
    """Return the minimum over subunits of every complex, organs x cell types x pairs."""
    place = {gene: i for i, gene in enumerate(genes)}
    members = [[place[gene] for gene in name.split(SUBUNIT)] for name in complexes]
    width = max((len(m) for m in members), default=1)
    index = np.array([m + m[-1:] * (width - len(m)) for m in members], dtype=int).reshape(len(members), width)
    return {
        "real": expected.real[:, :, index].min(axis=-1),
        "observed": expected.observed[:, :, index].min(axis=-1),
    }


def _detected(log2_cpm: np.ndarray, options: Options, organ: str) -> np.ndarray:
    """Return the expected share of cells with a count, negative binomial at the organ's depth."""
    mean = np.exp2(log2_cpm) * options.depth * options.per_organ("depth_factor", organ) / 1e6
    phi = max(options.dispersion, 1e-6)
    return 1 - (1 + phi * mean) ** (-1 / phi)

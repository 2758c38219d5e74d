"""One section: what is expressed, the test of every pair, and the test across the border."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from niche._kernels.bivariate_moran import Sides, Tested, pair_tests, scaled, whole_section
from niche._kernels.mixed_spots import without_mixing
from niche._kernels.spatial_permutation import exceedances
from niche._kernels.unit_matrix import unit_matrix
from niche._slots import spatial_codes as codes
from niche._stats.fdr import benjamini_hochberg
from niche.tl._pairs_of_genes import GenePairs
from niche.tl._spatial_sides import HOST, TUMOR

_BLOCK, _LEAST_BLOCK, _VALUES = 1024, 64, 2**24
_OTHER = {"receptor": "ligand", "ligand": "receptor"}


@dataclass(frozen=True)
class Options:
    """Options of the tests that all sections share."""

    expr_prop: float
    min_spots: int
    min_interface: int
    permuted: str
    n_perms: int
    seed: int


@dataclass(frozen=True)
class Section:
    """Spots of one section.

    Attributes
    ----------
    number
        Place among all sections.
    units
        (n_spots, n_units) csc: ligands and receptors.
    weight
        (n_spots, n_spots) csr.
    side, stratum
        (n_spots,) side of each spot, and its cell type (0 where there are none).
    fraction
        (n_spots,) share of tumor, or empty.
    """

    number: int
    units: sparse.csc_matrix
    weight: sparse.csr_matrix
    side: np.ndarray
    stratum: np.ndarray
    fraction: np.ndarray

    def dense(self, columns: np.ndarray) -> np.ndarray:
        """Columns as float64."""
        return self.units[:, columns].toarray().astype(np.float64)

    def unmixed(self, columns: np.ndarray) -> np.ndarray:
        """Columns without what mixing of tumor and host explains, where shares of tumor were given."""
        values = self.dense(columns)
        return without_mixing(values, self.fraction) if self.fraction.size else values


def section_of(
    number: int, values: sparse.csr_matrix, genes: GenePairs, weight: sparse.csr_matrix,
    side: np.ndarray, stratum: np.ndarray, fraction: np.ndarray,
) -> Section:  # fmt: skip
    """A section from the values (n_spots, n_genes) of the kept genes."""
    return Section(number, unit_matrix(values.tocsc(), genes.units), weight, side, stratum, fraction)


def expressed(units: sparse.csc_matrix) -> tuple[np.ndarray, np.ndarray]:
    """Mean, and share of spots above 0, of every unit."""
    n = max(units.shape[0], 1)
    return np.asarray(units.sum(axis=0, dtype=np.float64)).ravel() / n, np.diff(units.indptr) / n


def reasons_of(genes: GenePairs, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Reason of every pair: units ``low`` as ligands, ``high`` as receptors (n_units,) are not expressed."""
    out = codes.communication_codes.sided(codes.EXPRESSION, low[genes.ligand], high[genes.receptor])
    units = genes.units
    missing = np.add.reduceat((units.gene < 0).astype(int), units.start[:-1])
    for base, is_so in ((codes.SUBUNIT, missing > 0), (codes.MEASURED, missing == units.size)):
        code = codes.communication_codes.sided(base, is_so[genes.ligand], is_so[genes.receptor])
        out[code > 0] = code[code > 0]
    return out


def global_tests(
    section: Section, genes: GenePairs, options: Options
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Reason (n_pairs,) of every pair; pairs tested, and their values by name."""
    _, props = expressed(section.units)
    silent = props < max(options.expr_prop, 1e-12)
    reasons = reasons_of(genes, silent, silent)
    if section.weight.shape[0] < options.min_spots:
        reasons[:] = codes.FEW_SPOTS
    elif section.weight.nnz == 0:
        reasons[:] = codes.NO_NEIGHBOURS
    found = {name: np.zeros(0) for name in ("statistic", "null_sd", "z", "pval", "qval")}
    pairs = _by_ligand(np.flatnonzero(reasons == 0), genes)
    parts = []
    for block in _blocks(pairs, section.side.size):
        ligands, left = np.unique(genes.ligand[block], return_inverse=True)
        receptors, right = np.unique(genes.receptor[block], return_inverse=True)
        sides = whole_section(section.weight, section.dense(ligands), section.dense(receptors))
        tested = pair_tests(sides, left, right, options.permuted)
        p = tested.p.copy()
        if options.n_perms:
            p = _permuted(sides, left, right, tested, options.permuted, options, (section.number, 0))
        flat = [np.isnan(one).any(axis=0) for one in (sides.ligand, sides.receptor)]
        reasons[block] = codes.communication_codes.sided(codes.FLAT, flat[0][left], flat[1][right])
        parts.append((tested.statistic, np.sqrt(tested.null.variance), tested.z, p))
    if not parts:
        return reasons, pairs, found
    order = np.argsort(pairs, kind="stable")
    columns = [np.concatenate([part[i] for part in parts])[order] for i in range(4)]
    pairs = pairs[order]
    kept = reasons[pairs] == 0
    found = dict(zip(("statistic", "null_sd", "z", "pval"), (c[kept] for c in columns), strict=True))
    found["qval"] = benjamini_hochberg(found["pval"])
    return reasons, pairs[kept], found


def _permuted(
    sides: Sides, left: np.ndarray, right: np.ndarray, tested: Tested, permuted: str, options: Options,
    stream: tuple[int, ...],
) -> np.ndarray:  # fmt: skip
    """(b + 1) / (m + 1) from real permutations of the side ``permuted``."""
    fixed, moved, stratum = sides.smoothed(permuted)
    own, other = (left, right) if permuted == "receptor" else (right, left)
    b = exceedances(
        fixed, moved, own, other, stratum, tested.statistic, options.n_perms, (options.seed, *stream)
    )
    return np.where(np.isnan(tested.p), np.nan, (b + 1) / (options.n_perms + 1))


@dataclass(frozen=True)
class Border:
    """Where tumor meets host in a section.

    Attributes
    ----------
    weight
        (n_spots, n_spots) the edges that join the two sides.
    at
        (n_spots,) whether a spot has one.
    n_edges
        Their number, either way counted once.
    n_tumor, n_host
        Spots of each side at the border.
    """

    weight: sparse.csr_matrix
    at: np.ndarray
    n_edges: int
    n_tumor: int
    n_host: int


def border_of(section: Section) -> Border:
    """Edges of the graph between a tumor spot and a host spot."""
    side, w = section.side, section.weight.tocoo()
    joins = ((side[w.row] == TUMOR) & (side[w.col] == HOST)) | (
        (side[w.row] == HOST) & (side[w.col] == TUMOR)
    )
    crossing = sparse.csr_matrix((w.data[joins], (w.row[joins], w.col[joins])), shape=w.shape)
    at = np.zeros(side.size, dtype=bool)
    at[crossing.indices] = True
    at[np.diff(crossing.indptr) > 0] = True
    both = crossing + crossing.T
    return Border(
        crossing, at, int(both.nnz // 2), int((at & (side == TUMOR)).sum()), int((at & (side == HOST)).sum())
    )


def interface_tests(
    section: Section, border: Border, genes: GenePairs, options: Options, *, given: bool
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Reason (n_directions, n_pairs) of every pair and way, and the values of the tested ones."""
    n_pairs = genes.ligand.size
    reasons = np.zeros((2, n_pairs), dtype=np.uint8)
    whole = _why_no_interface(section, border, options, given=given)
    names = ("statistic", "null_sd", "z_receptor", "z_ligand", "pval_receptor", "pval_ligand", "pval")
    parts: dict[str, list[np.ndarray]] = {name: [] for name in ("direction", "pair", *names)}
    for d, (sender, receiver) in enumerate(((TUMOR, HOST), (HOST, TUMOR))):
        if whole:
            reasons[d] = reasons_of(genes, *np.zeros((2, genes.units.size.size), dtype=bool))
            reasons[d][reasons[d] == 0] = whole
            continue
        senders, receivers = (np.flatnonzero(section.side == one) for one in (sender, receiver))
        silent = [
            expressed(section.units[rows])[1] < max(options.expr_prop, 1e-12) for rows in (senders, receivers)
        ]
        reasons[d] = reasons_of(genes, *silent)
        pairs = _by_ligand(np.flatnonzero(reasons[d] == 0), genes)
        for block in _blocks(pairs, section.side.size):
            found, flat = _across(section, border, senders, receivers, block, genes, options, d)
            reasons[d][block[flat > 0]] = flat[flat > 0]
            kept = flat == 0
            parts["direction"].append(np.full(int(kept.sum()), d, dtype=np.int64))
            parts["pair"].append(block[kept])
            for name in names:
                parts[name].append(found[name][kept])
    out = {name: np.concatenate(some) if some else np.zeros(0) for name, some in parts.items()}
    order = np.lexsort((out["pair"], out["direction"]))
    out = {name: values[order] for name, values in out.items()}
    out["qval"] = benjamini_hochberg(out["pval"])
    return reasons, out


def _why_no_interface(section: Section, border: Border, options: Options, *, given: bool) -> int:
    if not given:
        return codes.NO_SIDES
    if section.weight.shape[0] < options.min_spots:
        return codes.FEW_SPOTS
    if section.weight.nnz == 0:
        return codes.NO_NEIGHBOURS
    if not (section.side == TUMOR).any() or not (section.side == HOST).any():
        return codes.ONE_SIDE
    if min(border.n_tumor, border.n_host) < options.min_interface:
        return codes.FEW_AT_INTERFACE
    return 0


def _across(
    section: Section, border: Border, senders: np.ndarray, receivers: np.ndarray, block: np.ndarray,
    genes: GenePairs, options: Options, direction: int,
) -> tuple[dict[str, np.ndarray], np.ndarray]:  # fmt: skip
    """Both orders of permutation of a block of pairs one way, and the reason where a side is flat."""
    ligands, left = np.unique(genes.ligand[block], return_inverse=True)
    receptors, right = np.unique(genes.receptor[block], return_inverse=True)
    stratum = [np.unique(section.stratum[rows], return_inverse=True)[1] for rows in (senders, receivers)]
    values = [section.unmixed(ligands)[senders], section.unmixed(receptors)[receivers]]
    weight = scaled(border.weight[receivers][:, senders])
    sides = Sides(weight, *values, *stratum)
    found: dict[str, np.ndarray] = {}
    effect, spread = np.zeros((2, block.size))
    for k, permuted in enumerate(_OTHER):
        tested = pair_tests(sides, left, right, permuted)
        p = tested.p
        if options.n_perms:
            p = _permuted(
                sides, left, right, tested, permuted, options, (section.number, 1 + 2 * direction + k)
            )
        found[f"z_{permuted}"], found[f"pval_{permuted}"] = tested.z, p
        effect += 0.5 * tested.z / np.sqrt(max(tested.freedom, 1))
        spread += 0.5 / np.sqrt(max(tested.freedom, 1))
    found["statistic"], found["null_sd"] = effect, spread
    found["pval"] = np.maximum(found["pval_receptor"], found["pval_ligand"])
    flat = codes.communication_codes.sided(
        codes.FLAT_SIDE, np.isnan(found["z_ligand"]), np.isnan(found["z_receptor"])
    )
    return found, flat


def _by_ligand(pairs: np.ndarray, genes: GenePairs) -> np.ndarray:
    return pairs[np.lexsort((genes.receptor[pairs], genes.ligand[pairs]))]


def _blocks(pairs: np.ndarray, n_spots: int) -> list[np.ndarray]:
    """Pairs taken together: fewer in large sections, whose values would not fit into memory."""
    size = int(np.clip(_VALUES // n_spots, _LEAST_BLOCK, _BLOCK))
    return [pairs[first : first + size] for first in range(0, pairs.size, size)]

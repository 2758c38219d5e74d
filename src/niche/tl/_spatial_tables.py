"""All sections together: tests, tests across the border, and what is stored of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from niche._slots import spatial_codes as codes
from niche._slots.organ_names import organ_name
from niche._slots.validate import Samples
from niche.tl._pairs_of_genes import GenePairs
from niche.tl._spatial_section import Options, Section, border_of, expressed, global_tests, interface_tests
from niche.tl._spatial_sides import HOST, TUMOR


def spatial_payload(
    sections: list[Section], samples: Samples, genes: GenePairs, options: Options, *, given: bool
) -> tuple[dict[str, Any], np.ndarray]:
    """What is stored of the tests, and the place of every spot (n_obs,) relative to the border."""
    n_sections, n_pairs = len(sections), genes.ligand.size
    reasons = np.zeros((n_sections, n_pairs), dtype=np.uint8)
    across = np.zeros((n_sections, len(codes.DIRECTIONS), n_pairs), dtype=np.uint8)
    tests: list[dict[str, np.ndarray]] = []
    borders: list[dict[str, np.ndarray]] = []
    spots = np.full(samples.cells.codes.size, codes.SIDES[-1], dtype=object)
    numbers = {
        name: np.zeros(n_sections, dtype=np.int64)
        for name in (
            "n_spots", "n_edges", "n_isolated", "n_crossing", "n_tumor_at_interface", "n_host_at_interface",
        )
    }  # fmt: skip
    for s, section in enumerate(sections):
        border = border_of(section)
        counted = (
            section.weight.shape[0], (section.weight + section.weight.T).nnz // 2,
            int((np.diff(section.weight.indptr) == 0).sum()), border.n_edges, border.n_tumor, border.n_host,
        )  # fmt: skip
        for name, n in zip(numbers, counted, strict=True):
            numbers[name][s] = n
        spots[samples.cells.codes == s] = _places(section.side, border.at)
        reasons[s], pairs, found = global_tests(section, genes, options)
        mean, props = expressed(section.units)
        tests.append(
            {"section": np.full(pairs.size, s, dtype=np.int32), "pair": pairs.astype(np.int32), **found}
            | {"ligand_means": mean[genes.ligand[pairs]], "receptor_means": mean[genes.receptor[pairs]]}
            | {"ligand_props": props[genes.ligand[pairs]], "receptor_props": props[genes.receptor[pairs]]}
        )
        across[s], one = interface_tests(section, border, genes, options, given=given)
        n = one["pair"].size
        borders.append(
            {"section": np.full(n, s, dtype=np.int32), "pair": one.pop("pair").astype(np.int32)}
            | {"direction": one.pop("direction").astype(np.uint8), **one}
        )
    measured = genes.measured_names()
    payload = {
        "sections": {
            "name": list(samples.cells.names), "patient": list(samples.patient),
            "tissue": list(samples.tissue),
            "organ": [organ_name(o, t) for o, t in zip(samples.organ, samples.tissue, strict=True)],
            "place": list(samples.organ), **numbers,
        },
        "pairs": {
            "ligand_complex": genes.table["ligand"].to_numpy(dtype=object),
            "receptor_complex": genes.table["receptor"].to_numpy(dtype=object),
            "pathway": genes.table["pathway"].fillna("").to_numpy(dtype=object),
            "ligand_genes": measured[genes.ligand], "receptor_genes": measured[genes.receptor],
        },
        "reasons": reasons, "interface_reasons": across,
        "tests": _together(tests), "interface": _together(borders),
        "families": {
            "section": (reasons == 0).sum(axis=1), "interface": (across == 0).sum(axis=(1, 2)),
        },
    }  # fmt: skip
    return payload, spots


def _places(side: np.ndarray, at: np.ndarray) -> np.ndarray:
    names = np.array(codes.SIDES, dtype=object)
    return names[np.select([side == TUMOR, side == HOST], [at.astype(int), 2 + at.astype(int)], 4)]


def _together(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

"""What a primary tumor expresses, and what the niches of organs hold."""

from __future__ import annotations

from dataclasses import dataclass

import anndata as ad
import numpy as np

from niche._kernels.cell_pairs import CellPairs, cell_pairs
from niche._settings import settings
from niche._slots import keys, matrix, validate
from niche._slots.validate import Samples
from niche.errors import InputValueError
from niche.tl._cell_types import CellTypes, cell_types
from niche.tl._communication_pass import PassData, one_pass
from niche.tl._pairs_of_genes import GenePairs

PRIMARY, NORMAL = "primary", "normal"
MALIGNANT = "malignant"


@dataclass(frozen=True)
class Tumors:
    """Primary tumors, patient by patient.

    Attributes
    ----------
    patient
        Names.
    n_cells
        (n_patients,) malignant cells of primary samples.
    fraction
        (n_patients, n_units) of malignant cells that express a unit, samples averaged; a complex has that of
        its rarest subunit. NaN where a patient has too few cells, or a subunit is not measured.
    mean
        (n_units,) mean over all malignant cells.
    """

    patient: list[str]
    n_cells: np.ndarray
    fraction: np.ndarray
    mean: np.ndarray


@dataclass(frozen=True)
class Niches:
    """Host cells of organs.

    Attributes
    ----------
    organ, cell_type
        Names.
    tissue
        What the samples of each organ are: ``metastasis``, ``normal``, or both.
    n_patients, n_types
        (n_organs,) patients, and host cell types, with enough cells.
    level
        (n_organs, n_types, n_units) mean expression, patients averaged; NaN where there are too few cells.
    mean
        (n_types, n_units) mean over all cells of each type, whatever their organ.
    """

    organ: list[str]
    cell_type: list[str]
    tissue: list[str]
    n_patients: np.ndarray
    n_types: np.ndarray
    level: np.ndarray
    mean: np.ndarray


def tumors_of(
    adata: ad.AnnData, samples: Samples, labels: np.ndarray, genes: GenePairs, layer: str | None,
    min_cells: int, threads: int,
) -> Tumors:  # fmt: skip
    """Sum the malignant cells of primary samples; refuse data without any."""
    primary = samples.tissue == PRIMARY
    if not primary.any():
        found = validate.shown(sorted(set(samples.tissue)))
        raise InputValueError(
            f"no primary sample: compatibility is that of a primary tumor. Found tissues: {found}. Label it "
            "'primary' in the tissue column (tissue_key=), or compare metastases with "
            "niche.tl.compare_communication."
        )
    mine = primary[samples.cells.codes] & (labels == "tumor")
    if not mine.any():
        raise InputValueError(
            "no malignant cell in the primary samples: none of their cells is in compartment 'tumor'. Found: "
            f"{validate.shown(sorted(set(labels[primary[samples.cells.codes]])))}. Run "
            "niche.tl.call_compartments, or name your column with compartment_key=."
        )
    types = CellTypes(np.where(mine, 0, -1).astype(np.int32), [MALIGNANT], ["tumor"], 0)
    names = sorted(set(samples.patient[primary]))
    code = np.where(primary, np.searchsorted(names, samples.patient.astype(str)), -1)
    data = _sums(adata, samples, types, genes, layer, threads)
    pairs = _types_in(data, code, len(names), 1, min_cells)
    fraction = data.aggregate.nonzero / data.aggregate.n[:, None]
    mean = pairs.average(genes.units.lowest(fraction), "source")
    expressed = np.where(pairs.n_patients[:, None] > 0, mean, np.nan)
    n_cells = np.bincount(code[samples.cells.codes[mine]], minlength=len(names))
    return Tumors([str(name) for name in names], n_cells, expressed, _over_all(data, genes, 1)[0])


def niches_of(
    adata: ad.AnnData, samples: Samples, types: CellTypes, tissues: list[str], genes: GenePairs,
    layer: str | None, min_cells: int, threads: int,
) -> Niches:  # fmt: skip
    """Sum the host cells of organs by cell type; refuse data without any."""
    used = np.isin(samples.tissue, tissues)
    host = np.array([name in keys.HOST for name in types.compartment])
    codes = np.where(used[samples.cells.codes] & (types.codes >= 0), types.codes, -1)
    codes = np.where(host[codes] & (codes >= 0), codes, -1)
    if not (codes >= 0).any():
        raise InputValueError(
            f"no host cell in samples of tissue {validate.shown(tissues)}: there is no niche to look at. "
            f"Found tissues: {validate.shown(sorted(set(samples.tissue)))}; compartments: "
            f"{validate.shown(sorted(set(types.compartment)))}. Give cells of organs as reference=, or "
            "choose with tissues=."
        )
    kept, codes = np.unique(codes, return_inverse=True)
    shift = int(kept[0] < 0)
    names = [types.names[i] for i in kept[shift:]]
    own = CellTypes((codes - shift).astype(np.int32), names, [types.compartment[i] for i in kept[shift:]], 0)
    organs = sorted(set(samples.organ[used]))
    organ = np.where(used, np.searchsorted(organs, samples.organ.astype(str)), -1)
    data = _sums(adata, samples, own, genes, layer, threads)
    pairs = _types_in(data, organ, len(organs), len(names), min_cells)
    there = pairs.n_patients > 0
    level = genes.units.lowest(data.aggregate.sums / data.aggregate.n[:, None])
    level = np.where(there[:, None], pairs.average(level, "source"), np.nan)
    shape = (len(organs), len(names))
    return Niches(
        [str(name) for name in organs], names,
        [" and ".join(sorted(set(samples.tissue[organ == o]))) for o in range(len(organs))],
        _patients(pairs, data, len(organs)), there.reshape(shape).sum(axis=1), level.reshape(*shape, -1),
        _over_all(data, genes, len(names)),
    )  # fmt: skip


def reference_types(
    reference: ad.AnnData, samples: Samples, groupby: str | None, compartment_key: str | None
) -> CellTypes:
    """Cell types of a reference; all cells are host where it has no compartments and is normal tissue."""
    key = settings.compartment_key if compartment_key is None else compartment_key
    normal = samples.tissue_given and set(samples.tissue) == {NORMAL}
    if key in reference.obs.columns or not normal:
        return cell_types(reference, groupby, compartment_key, level="cell_type", need_compartment=True)
    labels = validate.factor(reference, groupby, "groupby")
    return CellTypes(labels.codes, list(labels.names), [keys.HOST[0]] * len(labels.names), 0)


def _sums(
    adata: ad.AnnData, samples: Samples, types: CellTypes, genes: GenePairs, layer: str | None, threads: int
) -> PassData:
    values = matrix.resolve(adata, layer, "lognorm")
    return one_pass(values, None, samples, types, genes, [], threads, products=False)


def _types_in(data: PassData, group: np.ndarray, n_groups: int, n_types: int, min_cells: int) -> CellPairs:
    """Samples with enough cells of every type in every group (n_samples,), group by group."""
    number, own = np.repeat(np.arange(n_groups), n_types), np.tile(np.arange(n_types), n_groups)
    return cell_pairs(
        number, own, own, organ_of_sample=group, patient_of_sample=data.patient_of_sample,
        group_of=data.group_of, n=data.aggregate.n, min_cells=min_cells,
    )  # fmt: skip


def _patients(pairs: CellPairs, data: PassData, n_organs: int) -> np.ndarray:
    """Distinct patients (n_organs,) with enough cells of any type."""
    organ = np.repeat(pairs.organ, pairs.n_samples)
    patient = data.patient_of_sample[pairs.sample]
    return np.array([np.unique(patient[organ == o]).size for o in range(n_organs)], dtype=np.int64)


def _over_all(data: PassData, genes: GenePairs, n_types: int) -> np.ndarray:
    """Mean (n_types, n_units) over all cells of a type."""
    total, n = np.zeros((n_types, data.aggregate.sums.shape[1])), np.zeros(n_types)
    np.add.at(total, data.type_of_group, data.aggregate.sums)
    np.add.at(n, data.type_of_group, data.aggregate.n)
    return genes.units.lowest(total / n[:, None])

"""The design table: which patient gave a sample of which organ and tissue."""

from __future__ import annotations

import numpy as np
import pandas as pd

from niche.datasets._simulate.options import Options
from niche.errors import InputValueError, MissingKeyError

TISSUES = ("metastasis", "primary", "normal")
COLUMNS = ("sample", "patient", "organ", "tissue", "subtype", "assay", "study")


def design_table(rng: np.random.Generator, options: Options) -> pd.DataFrame:
    """Return one row per sample: sample, patient, organ, tissue, subtype, assay, study."""
    given = isinstance(options.design, pd.DataFrame)
    table = _from_frame(options.design) if given else _from_options(options)
    table = table.reset_index(drop=True)
    if "sample" not in table:
        table["sample"] = _sample_names(table)
    if table["sample"].duplicated().any():
        raise InputValueError("The design names a sample twice.")
    patients = list(dict.fromkeys(table["patient"]))
    for column, levels in (
        ("subtype", options.subtypes),
        ("assay", options.assays),
        ("study", options.studies),
    ):
        drawn = _balanced(rng, list(levels), len(patients))
        if column not in table:
            table[column] = table["patient"].map(dict(zip(patients, drawn, strict=True)))
    return _aliased(table, options)[list(COLUMNS)]


def _from_frame(frame: pd.DataFrame) -> pd.DataFrame:
    missing = [column for column in ("patient", "organ") if column not in frame]
    if missing:
        raise MissingKeyError(
            f"The design has no column {missing[0]!r}. Columns: {', '.join(map(str, frame.columns))}. "
            "It needs patient and organ; sample, tissue, subtype, assay and study are optional."
        )
    if not len(frame):
        raise InputValueError("The design has no rows.")
    table = pd.DataFrame({c: frame[c].astype(str).to_numpy(object) for c in COLUMNS if c in frame})
    if "tissue" not in table:
        table["tissue"] = "metastasis"
    unknown = sorted(set(table["tissue"]) - set(TISSUES))
    if unknown:
        raise InputValueError(f"tissue must be one of {', '.join(TISSUES)}. Got {unknown[0]!r}.")
    return table


def _from_options(options: Options) -> pd.DataFrame:
    organs = list(options.organs)
    wanted = {organ: int(options.per_organ("patients_per_organ", organ, 4)) for organ in organs}
    groups = _groups(str(options.design), organs, wanted)
    rows = []
    for number, group in enumerate(groups, start=1):
        for organ in group:
            copies = int(options.per_organ("samples_per_patient", organ, 1))
            rows += [(f"P{number:02d}", organ, "metastasis")] * copies
    for number in range(1, min(options.primaries, len(groups)) + 1):
        rows.append((f"P{number:02d}", options.primary_organ, "primary"))
    for organ in organs:
        owners = [f"P{n:02d}" for n, group in enumerate(groups, start=1) if organ in group]
        rows += [(owner, organ, "normal") for owner in owners[: int(options.per_organ("normals", organ, 0))]]
    return pd.DataFrame(rows, columns=["patient", "organ", "tissue"])


def _groups(design: str, organs: list[str], wanted: dict[str, int]) -> list[list[str]]:
    """Return the organs of each patient.

    Round i serves every organ that still needs a patient. ``paired``: one patient has them all.
    ``unpaired``: one patient each. ``partial``: one patient has two organs (a different pair in
    each round), the others are single.
    """
    groups: list[list[str]] = []
    for turn in range(max(wanted.values())):
        open_organs = [organ for organ in organs if wanted[organ] > turn]
        shift = turn % len(open_organs)
        open_organs = open_organs[shift:] + open_organs[:shift]
        if design == "paired":
            groups.append([organ for organ in organs if wanted[organ] > turn])
        elif design == "partial" and len(open_organs) > 1:
            groups += [open_organs[:2], *([organ] for organ in open_organs[2:])]
        else:
            groups += [[organ] for organ in open_organs]
    return groups


def _sample_names(table: pd.DataFrame) -> np.ndarray:
    suffix = table["tissue"].map({"metastasis": "", "primary": "_primary", "normal": "_normal"})
    names = table["patient"] + "_" + table["organ"] + suffix
    turn = names.groupby(names).cumcount() + 1
    return np.where(turn > 1, names + "_" + turn.astype(str), names).astype(object)


def _balanced(rng: np.random.Generator, levels: list[str], n: int) -> list[str]:
    return [levels[i % len(levels)] for i in rng.permutation(n)]


def _aliased(table: pd.DataFrame, options: Options) -> pd.DataFrame:
    """Give every metastasis of the named organ a level of the covariate that no other sample has."""
    for column, organ in (options.alias or {}).items():
        inside = (table["organ"] == organ) & (table["tissue"] != "primary")
        if column == "subtype":
            shared = set(table.loc[inside, "patient"]) & set(table.loc[~inside, "patient"])
            if shared:
                raise InputValueError(
                    f"A subtype belongs to a patient, and {sorted(shared)[0]} has samples inside and outside "
                    f"{organ}: alias it only with design='unpaired' and primaries=0."
                )
        table[column] = np.where(inside, f"{column}_{organ}", table[column]).astype(object)
    return table

"""The ways to analyse the data that are tried: the run itself, and others that differ in named options."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from niche import resources
from niche._slots import keys, read
from niche._slots.write import NONE
from niche.errors import InputValueError
from niche.get._compared_run import compared_run
from niche.recipes.multiverse_config import MultiverseConfig

RUN_FIRST = "niche.tl.compare_communication"
FACTORS = ("resource", "level", "expr_prop", "min_cells", "patients", "left_out")
"""What may differ; communication is run anew when any of them but patients changes."""
BASE = "base"
_LISTED = ("senders", "receivers", "tissues")
_COLUMNS = ("sample_key", "patient_key", "organ_key", "tissue_key", "compartment_key")

Options = dict[str, Any]


@dataclass(frozen=True)
class Base:
    """The run whose verdicts are looked at.

    Attributes
    ----------
    key, first_key
        Slots of the comparison and of the communication run behind it.
    options
        Its value of each of :data:`FACTORS`; nobody (``""``) is left out.
    given
        All other arguments of :func:`niche.tl.communication`.
    covariates
        Those of the comparison.
    resources
        Table of pairs by name; that of the run, and those it is compared with.
    patients, types
        Patients that take part, and cell types.
    parts
        The results it was read from.
    digest
        Changes with the data and the run.
    """

    key: str
    first_key: str
    options: Options
    given: Options
    covariates: list[str]
    resources: dict[str, pd.DataFrame]
    patients: list[str]
    types: list[str]
    parts: dict[str, str]
    digest: str

    @property
    def pairs(self) -> pd.DataFrame:
        """Ligand-receptor pairs of the run."""
        return self.resources[self.options["resource"]]


def base_of(adata: ad.AnnData, config: MultiverseConfig) -> Base:
    """Read the run, and the lists of pairs that are named; refuse what cannot be varied."""
    stored = read.result(adata, config.key, run_first=RUN_FIRST)
    first = compared_run(adata, stored, RUN_FIRST)
    samples, params = first["samples"], first["params"]
    used = np.asarray(samples["organ_code"]) >= 0
    names = np.array(read.strings(samples["patient"]), dtype=object)
    patients = sorted(set(names[used]))
    if len(patients) < 2:
        raise InputValueError(
            f"every sample is of patient {patients[0]!r}. Patients are the replicates: a verdict of one "
            "patient can be neither tested nor left out."
        )
    organism = str(params["organism"])
    tables = {name: resources.ligand_receptor(name, organism) for name in config.vary.resource}
    own = str(params["resource"])
    alike = [name for name, table in tables.items() if str(table.attrs["sha256"]) in own]
    name = alike[0] if alike else own.split(" (")[0].removesuffix(" not stated")
    pairs = pd.DataFrame(
        {column: read.strings(first["pairs"][column]) for column in ("ligand_complex", "receptor_complex")}
        | {"pathway": read.strings(first["pairs"]["pathway"])}
    ).rename(columns={"ligand_complex": "ligand", "receptor_complex": "receptor"})
    joined = {"comparison": config.key}
    if keys.AMBIENT in adata.uns:
        joined["ambient"] = keys.AMBIENT
    watched = [read.identity(adata, key) for key in joined.values()]
    if keys.LINEAGE in adata.obs.columns:
        watched.append("|".join(adata.obs[keys.LINEAGE].astype(str)))
    return Base(
        key=config.key,
        first_key=str(stored["params"]["key"]),
        options={
            "resource": name,
            "level": str(params["level"]),
            "expr_prop": float(params["expr_prop"]),
            "min_cells": int(params["min_cells"]),
            "patients": str(stored["params"]["patients"]),
            "left_out": "",
        },
        given=_given(adata, first),
        covariates=read.strings(stored["params"]["covariates"]),
        resources={n: t for n, t in tables.items() if n not in alike} | {name: pairs},
        patients=patients,
        types=read.strings(first["cell_types"]["name"]),
        parts=joined,
        digest=hashlib.sha256("\n".join(watched).encode()).hexdigest(),
    )  # fmt: skip


def _given(adata: ad.AnnData, first: Mapping[str, Any]) -> Options:
    """Arguments of the run that are never varied."""
    params = first["params"]
    out: Options = {"groupby": str(params["groupby"]), "organism": str(params["organism"])}
    for name in _LISTED:
        value = params[name]
        out[name] = None if isinstance(value, str) and value == NONE else read.strings(value)
    for name in _COLUMNS:
        out[name] = str(params[name]) if str(params[name]) in adata.obs.columns else None
    out["layer"] = None if str(params["layer"]) == NONE else str(params["layer"])
    if "no_cross_reaction" in first:
        out["no_cross_reaction"] = pd.DataFrame(first["no_cross_reaction"]).astype(str)
    return out


def universes_of(base: Base, config: MultiverseConfig) -> pd.DataFrame:
    """One row per universe: its name, which factor differs from the run, and the options; the run first."""
    vary = config.vary
    wanted: dict[str, list[Any]] = {
        "resource": [name for name in base.resources if name != base.options["resource"]],
        "left_out": base.patients if vary.leave_out_patients else [],
    }
    for factor in ("level", "expr_prop", "min_cells", "patients"):
        values = dict.fromkeys(getattr(vary, factor))
        wanted[factor] = [value for value in values if value != base.options[factor]]
    choices = {factor: [base.options[factor], *wanted[factor]] for factor in FACTORS}
    n = int(np.prod([len(values) for values in choices.values()], dtype=float))
    if config.design == "one_at_a_time":
        n = 1 + sum(len(values) for values in wanted.values())
    if n == 1:
        own = ", ".join(f"{name} = {value!r}" for name, value in base.options.items() if name != "left_out")
        raise InputValueError(
            f"nothing to vary: no value under vary differs from the run itself ({own}), and "
            "vary.leave_out_patients is false."
        )
    if n > config.most_universes:
        raise InputValueError(
            f"{n:,} universes, and most_universes is {config.most_universes:,}. Vary fewer values, take "
            "design = 'one_at_a_time', or raise most_universes."
        )
    if config.design == "grid":
        # patients last, so that runs that differ in nothing else share one pass over the matrix
        order = [*(name for name in FACTORS if name != "patients"), "patients"]
        rows = [dict(zip(order, values, strict=True)) for values in product(*(choices[f] for f in order))]
    else:
        rows = [base.options, *(base.options | {f: value} for f in FACTORS for value in wanted[f])]
    table = pd.DataFrame(rows, columns=list(FACTORS))
    differs = [[f for f in FACTORS if row[f] != base.options[f]] for row in rows]
    table.insert(0, "factor", [" + ".join(names) or BASE for names in differs])
    named = [", ".join(f"{f}={row[f]}" for f in names) for row, names in zip(rows, differs, strict=True)]
    table.insert(0, "universe", [text or BASE for text in named])
    table["digest"] = [_digest(base, row) for row in rows]
    return table


def _digest(base: Base, row: Options) -> str:
    """Changes with everything the result of a universe depends on."""
    table = base.resources[row["resource"]]
    listed = "\n".join(table["ligand"].astype(str) + " " + table["receptor"].astype(str))
    text = "\n".join([base.digest, *(f"{f}={row[f]!r}" for f in FACTORS if f != "resource"), listed])
    return hashlib.sha256(text.encode()).hexdigest()[:16]

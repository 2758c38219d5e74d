"""Ligands and the genes they act on, as a user gives them, and the statistic of decoupler on them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd

from niche._slots import validate
from niche.errors import InputTypeError, InputValueError, MissingPackageError

NEEDED = ("decoupler", 'python -m pip install "niche[activity]"')


@dataclass(frozen=True)
class Network:
    """Ligands with weighted target genes.

    Attributes
    ----------
    ligands
        Names, sorted.
    ligand, gene
        (n_links,) codes of ligands, and columns of the matrix; links to genes not measured are left out.
    weight
        (n_links,) never 0.
    n_targets
        (n_ligands,) targets given, measured or not.
    """

    ligands: list[str]
    ligand: np.ndarray
    gene: np.ndarray
    weight: np.ndarray
    n_targets: np.ndarray

    def measured(self, genes: np.ndarray) -> np.ndarray:
        """(n_ligands,) targets among ``genes``, columns of the matrix."""
        return np.bincount(self.ligand[np.isin(self.gene, genes)], minlength=len(self.ligands))

    def constant(self, genes: np.ndarray) -> np.ndarray:
        """(n_ligands,) whether all ``genes`` are targets of one and the same weight."""
        mine = np.isin(self.gene, genes)
        low, high = np.full((2, len(self.ligands)), np.inf) * np.array([[1.0], [-1.0]])
        np.minimum.at(low, self.ligand[mine], self.weight[mine])
        np.maximum.at(high, self.ligand[mine], self.weight[mine])
        return (self.measured(genes) == genes.size) & (low == high)


def check_installed() -> None:
    """Refuse to go on without decoupler."""
    name, install = NEEDED
    if find_spec(name) is None:
        raise MissingPackageError(
            f"niche.tl.ligand_activity needs the package {name}, which is not installed: {install}"
        )


def network_of(table: Any, var_names: pd.Index) -> Network:
    """Check a table of ``ligand`` (or ``source``), ``target`` and, if weighted, ``weight``."""
    if not isinstance(table, pd.DataFrame):
        raise InputTypeError(
            "network must be a DataFrame of ligand (or source), target and, if weighted, weight. "
            f"Got {type(table).__name__}."
        )
    source = "ligand" if "ligand" in table.columns else "source"
    lacking = [name for name in (source, "target") if name not in table.columns]
    if lacking:
        raise InputValueError(
            "network lacks the columns ligand (or source) and target. Found: "
            f"{validate.shown(table.columns)}."
        )
    if not len(table):
        raise InputValueError("network is empty.")
    links = pd.DataFrame({"ligand": table[source].to_numpy(), "target": table["target"].to_numpy()})
    if bool(links.isna().any(axis=None)):
        raise InputValueError("network has rows without a ligand or a target. Remove them.")
    links = links.astype(str)
    twice = links[links.duplicated()]
    if len(twice):
        raise InputValueError(
            f"network holds {len(twice)} links more than once, for example {twice['ligand'].iloc[0]!r} -> "
            f"{twice['target'].iloc[0]!r}. Keep one weight for each, for example by their mean."
        )
    links["weight"] = _weights(table)
    links = links[links["weight"] != 0]
    gene = var_names.get_indexer(links["target"])
    if not (gene >= 0).any():
        raise InputValueError(
            f"no target of network is in adata.var_names. Targets are {validate.shown(links['target'][:3])}, "
            f"adata.var_names {validate.shown(var_names[:3])}. Use the same names."
        )
    code, names = pd.factorize(links["ligand"], sort=True)
    kept = gene >= 0
    return Network(
        [str(name) for name in names], code[kept].astype(np.int64), gene[kept].astype(np.int64),
        links["weight"].to_numpy()[kept], np.bincount(code, minlength=len(names)),
    )  # fmt: skip


def _weights(table: pd.DataFrame) -> np.ndarray:
    if "weight" not in table.columns:
        return np.ones(len(table))
    if not pd.api.types.is_numeric_dtype(table["weight"].dtype):
        raise InputTypeError(f"network column weight must be numeric. Got {table['weight'].dtype}.")
    weight = table["weight"].to_numpy(dtype=float)
    if not np.isfinite(weight).all():
        raise InputValueError(
            f"network column weight holds {int((~np.isfinite(weight)).sum())} NaN or infinite."
        )
    return weight


def univariate_scores(
    values: np.ndarray, genes: np.ndarray, network: Network, ligands: np.ndarray, min_targets: int
) -> np.ndarray:
    """t-values (n_samples, len(ligands)) of profiles (n_samples, len(genes)) on the weights of ligands.

    decoupler's univariate linear model: for each profile and ligand the slope of the values of all genes on
    their weights, 0 for genes that are no target, over its standard error.
    """
    import decoupler

    chosen = np.isin(network.ligand, ligands) & np.isin(network.gene, genes)
    net = pd.DataFrame(
        {
            "source": network.ligand[chosen].astype(str),
            "target": network.gene[chosen].astype(str),
            "weight": network.weight[chosen],
        }
    )
    profiles = pd.DataFrame(values, index=np.arange(len(values)).astype(str), columns=genes.astype(str))
    with np.errstate(invalid="ignore", divide="ignore"):
        scores, _ = decoupler.mt.ulm(profiles, net, tmin=min_targets, empty=False)
    return np.nan_to_num(
        scores[ligands.astype(str)].to_numpy()
    )  # a profile without any deviation: no response

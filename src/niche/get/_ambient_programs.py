"""The ambient share of programs: weighted gene sets in every organ and cell type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import anndata as ad
import numpy as np
import pandas as pd

from niche._kernels import ambient_share as kernel
from niche._slots import validate
from niche.errors import InputTypeError, InputValueError, MissingKeyError
from niche.get._ambient_result import Against, Ambient

Programs: TypeAlias = Mapping[str, Mapping[str, float] | Sequence[str]] | pd.DataFrame

_LEAST_WEIGHT = 0.5


def program_shares(adata: ad.AnnData, found: Ambient, programs: Programs, against: Against) -> pd.DataFrame:
    """Shares of every (organ, cell type, program): means over genes by weight.

    The share of a difference is weighted by the genes' absolute log2 fold changes too. A program of
    whose weight less than half lies on measured genes is not testable.
    """
    names, weights, measured = _weights(adata, programs)
    genes = np.flatnonzero(weights.any(axis=0))
    table = found.shares(genes, against)
    weight = weights[:, genes].T
    n_rows, n_programs = found.rows.organ.size, len(names)
    effect_weight = np.abs(np.nan_to_num(table.log2fc))
    columns = {
        "log2fc": _mean(table.log2fc, weight),
        "share": _mean(table.share, weight),
        "control": _mean(table.control, weight),
        "effect_share": _mean(table.effect_share, weight, effect_weight),
        "effect_control": _mean(table.effect_control, weight, effect_weight),
    }
    limit = float(found.stored["params"]["max_share"])
    codes = {
        "flag": kernel.flags(columns["share"], columns["control"], limit),
        "effect_flag": kernel.flags(columns["effect_share"], columns["effect_control"], limit),
    }
    codes["effect_flag"][np.abs(columns["log2fc"]) < kernel.LEAST_DIFFERENCE] = kernel.NO_DIFFERENCE
    for name in ("flag", "effect_flag"):
        codes[name][:, measured < _LEAST_WEIGHT] = kernel.NOT_TESTABLE
    row, program = (part.ravel() for part in np.indices((n_rows, n_programs)))
    frame = pd.DataFrame(
        {
            "organ": np.array(found.organs, dtype=object)[found.rows.organ[row]],
            "cell_type": np.array(found.cell_types, dtype=object)[found.rows.cell_type[row]],
            "program": np.array(names, dtype=object)[program],
            "measured": measured[program],
            **{
                name: np.where(measured < _LEAST_WEIGHT, np.nan, values).ravel()
                for name, values in columns.items()
            },
            **{name: np.array(kernel.FLAGS, dtype=object)[values].ravel() for name, values in codes.items()},
        }
    )
    return frame


def _mean(values: np.ndarray, weight: np.ndarray, also: np.ndarray | None = None) -> np.ndarray:
    """Weighted mean over the genes that have a value: (n_rows, n_genes) to (n_rows, n_programs)."""
    known = np.isfinite(values) * (1.0 if also is None else also)
    total = known @ weight
    return np.where(
        total > 0, (known * np.nan_to_num(values)) @ weight / np.where(total > 0, total, 1.0), np.nan
    )


def _weights(adata: ad.AnnData, programs: Programs) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names, weights (n_programs, n_vars) of the measured genes, and the share of the weight they hold."""
    table = _table(programs)
    names = list(dict.fromkeys(table["program"]))
    column = adata.var_names.get_indexer(table["gene"])
    program = pd.Index(names).get_indexer(table["program"])
    value = table["weight"].to_numpy(dtype=np.float64)
    if not np.isfinite(value).all() or (value < 0).any():
        raise InputValueError(
            "weights of programs must be finite and not negative. Give up and down genes apart."
        )
    weights = np.zeros((len(names), adata.n_vars))
    there = column >= 0
    np.add.at(weights, (program[there], column[there]), value[there])
    whole = np.bincount(program, weights=value, minlength=len(names))
    if (whole == 0).any():
        raise InputValueError(f"program {names[int(np.argmin(whole))]!r} has no gene with a weight above 0.")
    return names, weights, weights.sum(axis=1) / whole


def _table(programs: Programs) -> pd.DataFrame:
    if isinstance(programs, pd.DataFrame):
        lacking = [name for name in ("program", "gene", "weight") if name not in programs.columns]
        if lacking:
            raise MissingKeyError(
                f"programs must have the columns program, gene, weight. Missing: {validate.shown(lacking)}."
            )
        table = programs[["program", "gene", "weight"]].astype({"program": str, "gene": str})
    elif isinstance(programs, Mapping):
        rows = []
        for name, genes in programs.items():
            if isinstance(genes, str):
                raise InputTypeError(
                    f"programs[{name!r}] must list genes, or map genes to weights. Got {genes!r}."
                )
            weighted = genes.items() if isinstance(genes, Mapping) else ((gene, 1.0) for gene in genes)
            rows += [(str(name), str(gene), weight) for gene, weight in weighted]
        table = pd.DataFrame(rows, columns=["program", "gene", "weight"])
    else:
        raise InputTypeError(f"programs must be a mapping or a DataFrame. Got {type(programs).__name__}.")
    if table.empty:
        raise InputValueError("programs holds no genes.")
    return table

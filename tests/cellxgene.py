"""What the CELLxGENE schema (5 to 7) refuses, as far as it does not ask for ontology terms."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

RESERVED = {
    "obs": {
        "assay", "cell_type", "development_stage", "disease", "organism", "self_reported_ethnicity", "sex",
        "tissue", "observation_joinid", "ethnicity", "ethnicity_ontology_term_id",
    },
    "var": {"feature_name", "feature_reference", "feature_biotype", "feature_length", "feature_type"},
    "uns": {
        "schema_version", "schema_reference", "citation", "X_normalization", "default_field", "layer_descriptions",
        "tags", "version", "contributors", "preprint_doi", "project_description", "project_links", "project_name",
        "publication_doi",
    },
}  # fmt: skip
NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_.-]*")
SPARSITY = 0.5


def refused(adata: ad.AnnData) -> set[tuple[str, str, str]]:
    """Every ``(part, name, why)`` that would be refused."""
    found = {
        (part, name, why) for part in ("obs", "var") for name, why in _columns(getattr(adata, part), part)
    }
    found |= {("uns", name, why) for name, why in _uns(adata.uns)}
    found |= {("obsm", name, why) for name, why in _embeddings(adata)}
    matrices = {"X": adata.X, **{name: adata.layers[name] for name in adata.layers if name is not None}}
    if adata.raw is not None:
        matrices["raw"] = adata.raw.X
        found |= {("raw", "X", why) for why in _counts(adata.raw.X)}
    for name, matrix in matrices.items():
        if not sparse.issparse(matrix):
            if 1 - np.count_nonzero(matrix) / matrix.size > SPARSITY:
                found.add(("matrix", name, "sparse values in a dense array"))
        elif matrix.format != "csr":
            found.add(("matrix", name, f"stored as {matrix.format}"))
    for part in ("varm", "obsp", "varp"):
        found |= {
            (part, name, "empty")
            for name, values in getattr(adata, part).items()
            if not np.prod(values.shape)
        }
    return found


def _columns(frame: pd.DataFrame, part: str) -> Iterator[tuple[str, str]]:
    for name in frame.columns[frame.columns.duplicated()]:
        yield name, "named twice"
    for name, column in frame.items():
        if name.startswith("__") or name in RESERVED[part]:
            yield name, "reserved"
        values = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else column.to_numpy()
        kinds = {type(value) for value in values}
        if len(kinds) > 1:
            yield name, "mixed types"
        if isinstance(column.dtype, pd.CategoricalDtype) and kinds & {bool, np.bool_}:
            yield name, "categories that are True and False"


def _uns(uns: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name, value in uns.items():
        if name.startswith("__") or name in RESERVED["uns"]:
            yield name, "reserved"
        if not isinstance(value, (bool, np.bool_, int, float, np.number)) and len(value) == 0:
            yield name, "empty"
        if name.endswith("_colors"):
            yield name, "colours of a column"


def _embeddings(adata: ad.AnnData) -> Iterator[tuple[str, str]]:
    if not any(name.startswith("X_") for name in adata.obsm):
        yield "", "no embedding"
    default = adata.uns.get("default_embedding")
    if default is not None and default not in adata.obsm:
        yield str(default), "no such embedding"
    for name, values in adata.obsm.items():
        shown = name.startswith("X_")
        if name == "spatial" or name.lower() == "x_spatial":
            yield name, "allowed for single sections only"
        elif not NAME.fullmatch(name[2:] if shown else name):
            yield name, "a name with other characters"
        if not isinstance(values, np.ndarray):
            yield name, "no array"
            continue
        if values.ndim != 2 or values.shape[1] < (2 if shown else 1):
            yield name, "too few columns"
        if values.dtype.kind not in "iuf":
            yield name, "no numbers"
        elif shown and (np.isinf(values).any() or np.isnan(values).all()):
            yield name, "infinite, or nothing but NaN"


def _counts(matrix: sparse.csr_matrix) -> Iterator[str]:
    if matrix.dtype != np.float32:
        yield f"counts stored as {matrix.dtype}"
    if (matrix.data < 0).any() or (matrix.data % 1 > 0).any():
        yield "values that are no counts"
    if (matrix.getnnz(axis=1) == 0).any():
        yield "a cell without counts"

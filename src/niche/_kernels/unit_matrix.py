"""Ligands and receptors as columns: the lowest subunit of a complex in every row."""

from __future__ import annotations

from scipy import sparse

from niche._kernels.units import Units


def unit_matrix(values: sparse.csc_matrix, units: Units) -> sparse.csc_matrix:
    """Units as columns (n_rows, n_units) of ``values`` (n_rows, n_genes); nothing where a subunit lacks."""
    n_rows, measured = values.shape[0], units.measured
    columns = []
    for u, known in enumerate(measured):
        genes = units.gene[units.start[u] : units.start[u + 1]]
        if not known:
            columns.append(sparse.csc_matrix((n_rows, 1), dtype=values.dtype))
        elif genes.size == 1:
            columns.append(values[:, genes])
        else:
            columns.append(sparse.csc_matrix(values[:, genes].toarray().min(axis=1)[:, None]))
    found = sparse.hstack(columns, format="csc")
    found.eliminate_zeros()
    return found

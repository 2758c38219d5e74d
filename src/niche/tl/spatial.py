"""Ligand-receptor pairs that lie next to each other in tissue sections."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from niche import resources
from niche._kernels.threads import limited_to
from niche._settings import settings
from niche._slots import fingerprint, keys, matrix, passes, validate, write
from niche._slots.validate import Factor
from niche.tl._communication_result import resource_name
from niche.tl._pairs_of_genes import GenePairs, gene_pairs
from niche.tl._spatial_graph import GRAPHS, built_graph, coordinates, stored_graph
from niche.tl._spatial_local import chosen_pairs, local_maps, pair_name
from niche.tl._spatial_section import Options, section_of
from niche.tl._spatial_sides import spot_sides
from niche.tl._spatial_tables import spatial_payload


def spatial_communication(
    adata: ad.AnnData,
    groupby: str | None = None,
    *,
    resource: str | Path | pd.DataFrame = "consensus",
    null: Literal["analytic", "permutation"] = "analytic",
    permuted: Literal["receptor", "ligand"] = "receptor",
    connectivity_key: str | None = None,
    graph: Literal["auto", "grid", "knn", "radius", "delaunay"] = "auto",
    n_neighs: int = 6,
    radius: float | None = None,
    interface_key: str | None = None,
    tumor: str | Sequence[str] | None = None,
    tumor_fraction: float = 0.5,
    local: Literal["significant"] | Sequence[tuple[str, str]] | None = "significant",
    n_local: int = 20,
    expr_prop: float = 0.05,
    min_spots: int = 30,
    min_interface: int = 10,
    n_perms: int = 1000,
    organism: Literal["human", "mouse"] = "human",
    spatial_key: str | None = None,
    sample_key: str | None = None,
    patient_key: str | None = None,
    organ_key: str | None = None,
    tissue_key: str | None = None,
    layer: str | None = None,
    key_added: str = keys.SPATIAL_COMMUNICATION,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
    copy: bool = False,
) -> ad.AnnData | None:
    r"""Test in every section which receptors lie where neighbouring spots hold the ligand.

    A section is a sample. Spots may be spots of an array or single cells.

    Parameters
    ----------
    adata
        Spots x genes with log1p-normalised values in ``X`` (or ``layer``), coordinates in
        ``obsm["spatial"]``, and columns of sample (section), patient and organ. The table of a SpatialData:
        :func:`niche.pp.from_spatialdata`.
    groupby
        Column of cell types, for cells; default ``niche.settings.groupby`` where it exists. Across the border
        values are then permuted among cells of one type.
    resource
        Name for :func:`niche.resources.ligand_receptor`, or a table (path or DataFrame) with
        ``ligand, receptor``; subunits of a complex joined by ``_``. A complex is its lowest subunit in every
        spot.
    null
        ``"analytic"``: exact moments of the permutations, no draws. ``"permutation"``: ``n_perms`` draws,
        p = (b + 1) / (m + 1).
    permuted
        Which side of the pair is permuted over the spots while the other stays: ``"receptor"`` or
        ``"ligand"``. The side that stays keeps its pattern in space, so the two differ.
    connectivity_key
        Weights in ``obsp``, such as those of squidpy or LIANA; row i are the neighbours of spot i. Without it
        a graph is built per section by squidpy.
    graph
        ``"grid"`` (an array of spots), ``"knn"``, ``"radius"``, ``"delaunay"``; ``"auto"`` takes the grid
        where ``uns["spatial"]`` exists, as Visium data have it, and the spots of a section lie on a regular
        array, else nearest neighbours.
    n_neighs
        Neighbours of ``"grid"`` (6 hexagonal, 4 square) and ``"knn"``.
    radius
        Of ``"radius"``, in units of the coordinates.
    interface_key
        What tells tumor from host: a column of compartments or other labels, a numeric column (the share of
        tumor in every spot), or a DataFrame of proportions in ``obsm``. Default: the compartments
        (``niche.settings.compartment_key``) where they exist.
    tumor
        Labels, or columns of the proportions, that are tumor; not needed for compartments.
    tumor_fraction
        Share of tumor from which a spot is a tumor spot.
    local
        Pairs whose local statistics are kept: ``"significant"`` (q <= 0.05 in a section or across its border,
        at most ``n_local``, smallest p first), a list of ``(ligand, receptor)``, or ``None``.
    n_local
        Most pairs to keep.
    expr_prop
        Smallest share of spots that express each side, in the section; across the border in its compartment.
    min_spots
        Spots a section needs.
    min_interface
        Spots at the border that each side needs.
    n_perms
        Permutations of ``null="permutation"``.
    organism
        Whose genes the resource is read for.
    spatial_key
        Coordinates in ``obsm``; default ``"spatial"``.
    sample_key, patient_key, organ_key, tissue_key
        Columns of ``obs``; defaults in ``niche.settings``.
    layer
        Layer of log1p-normalised values instead of ``X``.
    key_added
        Where the result goes.
    rng
        Seed or generator of the permutations.
    n_jobs
        Threads; the result has the same bits for any number.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    AnnData or None
        Stored in ``uns[key_added]``, read by :func:`niche.get.spatial_communication`: ``sections`` (spots,
        edges, border), ``reasons`` (n_sections x n_pairs) and ``tests`` (values of the tested pairs),
        ``interface_reasons`` (n_sections x 2 x n_pairs) and ``interface``, ``local`` (pairs kept),
        ``families``, ``params``, ``fingerprint``. In ``obsm[key_added]`` the local statistics
        (n_obs x n_local, float32) and in ``obsm[key_added + "_pval"]`` their p-values, where pairs were kept;
        in ``obs[key_added + "_interface"]`` the side of every spot and whether it lies at the border, where
        sides were given.

    Raises
    ------
    MissingKeyError
        Coordinates, graph, column or layer are not there.
    InputValueError
        Coordinates that are missing or repeated within a section, a graph that joins sections, sides that
        cannot be read, values that are not log1p-normalised, a ``key_added`` that holds something else
        (such as ``"spatial"``), an option that cannot be worked with.
    InputTypeError
        ``adata`` is no AnnData, or an argument has the wrong type.

    Notes
    -----
    **Section.** With ligand x and receptor y standardised over the n spots (mean 0, sum of squares 1) and
    weights w of sum :math:`S_0`, the statistic is the bivariate Moran's
    :math:`R = (n / S_0) \sum_{ij} w_{ij} y_i x_j`, SpatialDM's and LIANA's. With the receptor permuted over
    the spots it is a linear statistic of :math:`a = W x`: mean 0,
    :math:`\mathrm{Var} = \sum (a_i - \bar a)^2 / (n - 1) \cdot (n / S_0)^2`, third and fourth cumulant
    likewise in closed form, exact under all n! permutations; with the ligand permuted :math:`a = W^T y`.
    p is the upper tail of the saddlepoint law with these four cumulants, never 0. SpatialDM's variance is
    that of both sides permuted independently, which does not depend on the pattern of either gene. ``qval``
    is Benjamini-Hochberg over the tested pairs of the section.

    This null says that the places of the receptor do not depend on those of the ligand, and that all places
    are alike. Two genes that follow the same anatomy are rightly told from it and need not communicate; and
    two smooth patterns agree by accident more often than its p says. One section is no evidence about
    patients: :func:`niche.tl.compare_spatial`.

    **Border.** Only edges between a tumor and a host spot count, once from tumor to host (ligand in tumor,
    receptor in host) and once back. Receptors are permuted among all spots of their own side of the section
    (and of one cell type, with ``groupby``) while ligands stay, and the other way round; moments are exact
    and added over strata. ``pval`` is the larger of both, so both genes must lie where the border meets the
    other: expression of a whole compartment alone gives nothing. A gene that misses the border is tested as
    well, with z = 0 and p = 1 where the other is permuted; without it means over sections would lie above 0.
    ``statistic`` is the mean of :math:`z / \sqrt{n - 1}` of both orders, a correlation within compartments.
    Where shares of tumor are
    given, what mixing explains is taken off every gene first: mixed spots lie at the border, and a gene of
    the tumor is seen in host spots there without any contact. On the scale of counts a mixture is a straight
    line in the share; its log1p, fitted over all spots of the section, is subtracted.

    **Spot.** With x, y of variance 1, :math:`R_i = y_i \sum_j w_{ij} x_j + x_i \sum_j w_{ij} y_j` as in
    LIANA. Its law permutes the pairs :math:`(x_j, y_j)` of all other spots and keeps spot i (conditional
    permutation, Anselin 1995), with exact moments. p is 1 where no side is above its mean at the spot with
    the other above it around.

    References
    ----------
    SpatialDM: Li et al. 2023, doi:10.1038/s41467-023-39608-w. LIANA+: Dimitrov et al. 2024,
    doi:10.1038/s41556-024-01469-w. Bivariate Moran: Wartenberg 1985,
    doi:10.1111/j.1538-4632.1985.tb00849.x. Local statistics: Anselin 1995,
    doi:10.1111/j.1538-4632.1995.tb00338.x. Moments: Hoeffding 1951, doi:10.1214/aoms/1177729545. squidpy:
    Palla et al. 2022, doi:10.1038/s41592-021-01358-2.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.simulate_spatial(0, patients=1, organs=["liver"], side=12)
    >>> niche.pp.normalize(adata)
    >>> niche.tl.spatial_communication(adata, resource=adata.uns["truth"]["pairs"])
    >>> table = niche.get.spatial_communication(adata)
    >>> bool((table.loc[table["status"] == "tested", "pval"] > 0).all())
    True
    """
    validate.anndata(adata)
    validate.choice(null, "null", ("analytic", "permutation"))
    validate.choice(permuted, "permuted", ("receptor", "ligand"))
    validate.choice(graph, "graph", GRAPHS)
    validate.choice(organism, "organism", keys.ORGANISMS)
    validate.number(n_neighs, "n_neighs", low=1, high=1000, integer=True)
    if graph == "radius" or radius is not None:
        validate.number(radius, "radius", low=0, open_low=True)
    validate.number(tumor_fraction, "tumor_fraction", low=0, high=1)
    validate.number(expr_prop, "expr_prop", low=0, high=1)
    validate.number(n_local, "n_local", low=0, high=1000, integer=True)
    for value, name in ((min_spots, "min_spots"), (min_interface, "min_interface"), (n_perms, "n_perms")):
        validate.number(value, name, low=4 if name == "min_spots" else 1, integer=True)
    validate.flag(copy, "copy")
    write.free_slot(adata, key_added, obsm=(key_added, f"{key_added}_pval"))
    seed = int(validate.generator(rng).integers(2**31))
    threads = settings.threads(n_jobs)

    samples = validate.samples(adata, sample_key, patient_key, organ_key, tissue_key)
    types = None
    if groupby is not None or settings.groupby in adata.obs.columns:
        types = validate.factor(adata, groupby, "groupby")
    place, points = coordinates(adata, spatial_key, samples.cells)
    weight = None if connectivity_key is None else stored_graph(adata, connectivity_key, samples.cells)
    sides = spot_sides(adata, interface_key, tumor, float(tumor_fraction))
    table = resources.ligand_receptor(resource, organism)
    genes = gene_pairs(adata, table, organism)
    wanted = chosen_pairs(local, genes)
    values = _values(adata, layer, genes, threads)

    sections = []
    for s in range(len(samples.cells.names)):
        rows = np.flatnonzero(samples.cells.codes == s)
        own = (
            built_graph(points[rows], graph, n_neighs, radius, on_grid="spatial" in adata.uns)
            if weight is None
            else weight[rows][:, rows]
        )
        sections.append(
            section_of(
                s, values[rows], genes, own, sides.side[rows], _stratum(types, rows),
                sides.fraction[rows] if sides.fraction.size else sides.fraction,
            )
        )  # fmt: skip
    options = Options(
        float(expr_prop), int(min_spots), int(min_interface), permuted,
        int(n_perms) if null == "permutation" else 0, seed,
    )  # fmt: skip
    with limited_to(threads):
        payload, border = spatial_payload(sections, samples, genes, options, given=bool(sides.name))
        kept, statistic, p = local_maps(
            sections, samples.cells.codes, payload, genes, wanted, int(n_local), options.min_spots
        )
    payload["local"] = {"pair": kept}
    params: dict[str, Any] = {
        "groupby": None if types is None else types.key, "resource": resource_name(table), "null": null,
        "permuted": permuted, "connectivity_key": connectivity_key, "graph": graph, "n_neighs": int(n_neighs),
        "radius": radius, "interface_key": sides.name, "tumor": [tumor] if isinstance(tumor, str) else tumor,
        "tumor_fraction": float(tumor_fraction), "n_local": int(n_local), "expr_prop": float(expr_prop),
        "local": [pair_name(genes, k) for k in wanted] if wanted is not None else str(local),
        "min_spots": int(min_spots), "min_interface": int(min_interface), "n_perms": int(n_perms),
        "organism": organism, "spatial_key": place, "sample_key": samples.cells.key,
        "patient_key": patient_key or settings.patient_key, "organ_key": organ_key or settings.organ_key,
        "tissue_key": tissue_key or settings.tissue_key, "layer": layer, "rng": seed,
    }  # fmt: skip
    columns = [params[name] for name in ("sample_key", "patient_key", "organ_key")] + sides.obs
    columns += [types.key] if types is not None else []
    columns += [params["tissue_key"]] if params["tissue_key"] in adata.obs.columns else []
    digest = fingerprint.compute(
        adata, obs=dict.fromkeys(columns), layers=[layer], obsm=[place, *sides.obsm],
        obsp=[] if connectivity_key is None else [connectivity_key],
    )  # fmt: skip
    target = adata.copy() if copy else adata
    write.result(target, key_added, params=params, payload=payload, fingerprint=digest)
    _beside(target, key_added, statistic, p, border if sides.name else None)
    return target if copy else None


def _values(adata: ad.AnnData, layer: str | None, genes: GenePairs, threads: int) -> sparse.csr_matrix:
    """The kept genes of all spots."""
    columns = np.flatnonzero(genes.gene_of_column >= 0)
    everywhere = np.ones(adata.n_obs, dtype=bool)
    return passes.chosen(matrix.resolve(adata, layer, "lognorm"), everywhere, columns, threads)


def _stratum(types: Factor | None, rows: np.ndarray) -> np.ndarray:
    return np.zeros(rows.size, dtype=np.int64) if types is None else types.codes[rows].astype(np.int64)


def _beside(
    adata: ad.AnnData, key: str, statistic: np.ndarray, p: np.ndarray, border: np.ndarray | None
) -> None:
    """Store what belongs to spots; what an earlier run left under these names goes."""
    for name, values in ((key, statistic), (f"{key}_pval", p)):
        if values.shape[1]:
            adata.obsm[name] = values
        elif name in adata.obsm:
            del adata.obsm[name]
    column = f"{key}_interface"
    if border is not None:
        write.obs(adata, {column: border})
    elif column in adata.obs.columns:
        del adata.obs[column]

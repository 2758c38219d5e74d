"""Names for cells by marker genes, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from niche._kernels.marker_scores import deviations, expression_bins, mean_parts
from niche._kernels.row_tiles import Work
from niche._log import logger
from niche._settings import settings
from niche._slots import fingerprint, keys, matrix, passes, read, validate, write
from niche._slots.matrix import Matrix
from niche.errors import InputValueError
from niche.tl._annotate_decision import UNKNOWN, CellsOf, Rule, decide, unlabelled
from niche.tl._annotate_types import Types, host_types

MINIMUM_CELLS = 10
"""Parts of a cluster with fewer cells are judged on the profile of the whole cluster."""

MALIGNANT, MALIGNANT_ID = "Malignant cell", "CL:0001064"
NO_COMPARTMENT = "unresolved"

_NOT_CLUSTERED = "not_assessed"


def annotate(
    adata: ad.AnnData,
    *,
    cluster_key: str | None = None,
    level: Literal["cluster", "cell"] | None = None,
    organism: Literal["human", "mouse"] = "human",
    min_score: float = 1.0,
    min_margin: float = 0.5,
    organ_key: str | None = None,
    compartment_key: str | None = None,
    cell_type_key: str | None = None,
    lineage_key: str | None = None,
    overwrite: bool = False,
    layer: str | None = None,
    key_added: str = keys.ANNOTATE,
    copy: bool = False,
) -> ad.AnnData | None:
    """Name cells by the marker genes of their organ, with Cell Ontology ids, and abstain in doubt.

    Parameters
    ----------
    adata
        Annotated data with log values: numpy, csr, csc, dask or backed. Gene names are current symbols.
    cluster_key
        Column of ``obs`` with clusters. ``None`` takes the one :func:`niche.tl.cluster` stored.
    level
        ``"cluster"``: the cells of a cluster (within an organ and compartment) get one name from their
        mean profile. ``"cell"``: every cell by itself. ``None`` names clusters where there are some.
    organism
        Of the gene symbols.
    min_score, min_margin
        What a cell type must reach, and by how much it must be ahead of the next; more abstains more.
    organ_key
        Column of ``obs`` with organs. ``None`` takes ``settings.organ_key`` where it exists; without, only
        cell types found in all organs can be given.
    compartment_key
        Column of ``obs`` with compartments. ``None`` takes ``settings.compartment_key`` where it exists.
    cell_type_key
        Column of ``obs`` to write cell types to. ``None`` takes ``settings.groupby``. The scores go to the
        column ``"<cell_type_key>_score"``.
    lineage_key
        Column of ``obs`` to write lineages to. ``None`` is ``"lineage"``.
    overwrite
        Replace columns that this function did not write, such as the labels of the authors.
    layer
        Layer with log values; ``None`` is X.
    key_added
        Key of ``uns`` for the evidence.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    AnnData or None
        The changed copy with ``copy=True``, else None. Stores ``obs["cell_type"]`` (``"unknown"`` where it
        abstains), ``obs["cell_type_score"]``, ``obs["lineage"]`` (``"unknown"`` where not even that is
        clear), and in ``uns["annotate"]`` what :func:`niche.get.annotate` reads.

    Raises
    ------
    InputTypeError, InputValueError
        Not an AnnData, counts instead of log values, values that are not finite or negative, a column to
        write that holds other labels, labels that are missing, or an option out of range.
    MissingKeyError
        A column or the layer does not exist.

    Notes
    -----
    Within a profile, a marker is compared with all genes of similar average expression (25 bins by the
    mean over clusters, as in Tirosh 2016, DOI 10.1126/science.aad0501, but with every gene of the bin as
    control, so that nothing is drawn): d = (x - mean of the bin) / standard deviation of the bin, bounded to
    [-1, 5]. The score of a type is the mean of d over its markers, a marker of k broad types weighing 1/k;
    it lies in [-1, 5] and does not grow with the number of markers.

    Candidates are the types of ``niche.resources.markers`` for all organs and for the organ of the cells:
    hepatocytes only in the liver, astrocytes only in the brain. Broad types compete first, with their own
    markers or those of an organ-specific form. A narrower one (``parent`` in the marker table) is given when
    the markers it does not share with the broad one reach three times ``min_score`` and are ahead of its
    siblings by three times ``min_margin``, and half of the cells of a cluster reach ``min_score`` on them by
    themselves. Where the Cell Ontology has no term for the narrow type, the id is that of the broad one.

    No name is given when: fewer than 3 markers of every type are measured; no score reaches ``min_score``
    with a standard score of 3; the next type is less than ``min_margin`` behind (the lineage is kept where
    all close types share it); or the markers are those of another compartment than the cell's. A type that
    most clusters belong to stands out less from its own average, so it is named less often.

    Cells of the compartment tumor are named malignant without looking at markers. Epithelial cells of
    unknown compartment stay ``"Epithelial cell"`` of unknown lineage, for markers do not tell malignant from
    normal; nor do they for the epithelial types of an organ: call compartments first.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.cluster(adata, resolution=1, embedding=False)
    >>> niche.tl.annotate(adata, cell_type_key="by_markers")
    >>> niche.get.annotate(adata, what="cell_types").loc[0, "cell_type"]
    'Malignant cell'
    """
    validate.anndata(adata)
    rule = _checked(level, organism, min_score, min_margin)
    write.slot_name(key_added)
    validate.flag(overwrite, "overwrite")
    validate.flag(copy, "copy")
    columns = _columns(adata, key_added, cell_type_key, lineage_key, overwrite=bool(overwrite))
    groups, used = _groups(adata, cluster_key, level, organ_key, compartment_key)
    values = matrix.resolve(adata, layer, "lognorm")
    types = host_types(adata.var_names, organism, sorted(set(groups.organ)))

    by_cluster = groups.clusters is not None
    threads = settings.threads(None)
    cells = (_annotate_clusters if by_cluster else _annotate_cells)(values, types, groups, rule, threads)
    table = _table(cells, groups)

    adata = adata.copy() if copy else adata
    digest = fingerprint.compute(adata, obs=list(used.values()), layers=[layer])
    written = (cells["cell_type"], cells["score"].astype(np.float32), cells["lineage"])
    write.obs(adata, {name: part.to_numpy() for name, part in zip(columns, written, strict=True)})
    write.result(
        adata,
        key_added,
        params={
            **{"cluster_key": None, "organ_key": None, "compartment_key": None, **used},
            "level": "cluster" if by_cluster else "cell",
            "organism": organism,
            "min_score": rule.min_score,
            "min_margin": rule.min_margin,
            "columns": list(columns),
            "layer": layer,
        },
        payload={"table": table, "markers": types.table},
        fingerprint=digest,
    )
    n_unknown = int((cells["cell_type"] == UNKNOWN).sum())
    logger.info("annotate: %d of %d cells are named", len(cells) - n_unknown, len(cells))
    return adata if copy else None


@dataclass(frozen=True)
class _Groups:
    """Organ, compartment and cluster of every cell; no clusters where cells are named one by one."""

    organ: np.ndarray
    compartment: np.ndarray
    clusters: np.ndarray | None

    def parts(self) -> pd.DataFrame:
        """One row per organ and compartment, with the cells of each."""
        frame = pd.DataFrame({"organ": self.organ, "compartment": self.compartment})
        found = frame.groupby(["organ", "compartment"], sort=True).indices
        return pd.DataFrame(
            [(*name, rows) for name, rows in found.items()], columns=["organ", "compartment", "rows"]
        )

    def part_of_cell(self, parts: pd.DataFrame) -> np.ndarray:
        """Number of its part for every cell (n_obs,)."""
        number = np.empty(self.organ.size, dtype=np.int64)
        for i, rows in enumerate(parts["rows"]):
            number[rows] = i
        return number


def _checked(level: Any, organism: Any, min_score: float, min_margin: float) -> Rule:
    validate.choice(level, "level", ("cluster", "cell", None))
    validate.choice(organism, "organism", keys.ORGANISMS)
    validate.number(min_score, "min_score", low=0, high=5)
    validate.number(min_margin, "min_margin", low=0, high=5)
    return Rule(float(min_score), float(min_margin))


def _columns(
    adata: ad.AnnData, key: str, cell_type_key: str | None, lineage_key: str | None, *, overwrite: bool
) -> tuple[str, str, str]:
    """Columns to write; refuses those that hold what another wrote."""
    cell_type = settings.groupby if cell_type_key is None else cell_type_key
    lineage = keys.LINEAGE if lineage_key is None else lineage_key
    write.slot_name(cell_type, "cell_type_key")
    write.slot_name(lineage, "lineage_key")
    columns = (cell_type, f"{cell_type}_score", lineage)
    if len(set(columns)) < 3:
        raise InputValueError(f"cell_type_key and lineage_key must differ. Got {cell_type!r} for both.")
    own = read.strings(adata.uns[key]["params"]["columns"]) if key in read.ours(adata) else []
    others = [name for name in columns if name in adata.obs.columns and name not in own]
    if others and not overwrite:
        raise InputValueError(
            f"adata.obs already holds {validate.shown(others)}, which niche.tl.annotate did not write. Name "
            "other columns with cell_type_key= and lineage_key=, or replace them with overwrite=True."
        )
    return columns


def _groups(
    adata: ad.AnnData,
    cluster_key: str | None,
    level: str | None,
    organ_key: str | None,
    compartment_key: str | None,
) -> tuple[_Groups, dict[str, str]]:
    """What cells are grouped by, and the columns that say so."""
    used: dict[str, str] = {}
    clusters = None
    stored = keys.CLUSTER in read.ours(adata) and keys.CLUSTER_OBS in adata.obs.columns
    if level != "cell" and (cluster_key is not None or stored or level == "cluster"):
        name = keys.CLUSTER_OBS if cluster_key is None else cluster_key
        factor = validate.factor(adata, name, "cluster_key")
        clusters, used["cluster_key"] = factor.labels, factor.key
    organ = np.full(adata.n_obs, "", dtype=object)
    if organ_key is not None or settings.organ_key in adata.obs.columns:
        factor = validate.factor(adata, organ_key, "organ_key")
        names = ["_".join(name.strip().lower().replace("-", " ").split()) for name in factor.names]
        organ, used["organ_key"] = np.array(names, dtype=object)[factor.codes], factor.key
    compartment = np.full(adata.n_obs, NO_COMPARTMENT, dtype=object)
    column = settings.compartment_key if compartment_key is None else compartment_key
    if compartment_key is not None or column in adata.obs.columns:
        compartment = validate.compartments(adata, compartment_key, run_first="niche.tl.call_compartments")
        used["compartment_key"] = column
    return _Groups(organ, compartment, clusters), used


@dataclass(frozen=True)
class _CellsOf:
    """Deviations of the cells behind the profile of a cluster."""

    rows_of: Callable[[np.ndarray], sparse.csr_matrix]
    bins: np.ndarray
    genes: np.ndarray
    profile: np.ndarray

    def __call__(self, row: int) -> np.ndarray:
        return deviations(self.rows_of(self.profile == row), self.bins, self.genes)


def _means(values: Matrix, codes: list[np.ndarray], threads: int) -> list[np.ndarray]:
    """Mean of every gene in every group of cells, (n_groups, n_genes) for each of the groupings."""
    works = []
    for code in codes:
        sizes = np.bincount(code[code >= 0])
        works.append(Work(mean_parts, (1.0 / np.maximum(sizes, 1),), (code,)))
    return [tree.root() for tree in passes.trees(values, works, threads)]


def _annotate_clusters(
    values: Matrix, types: Types, groups: _Groups, rule: Rule, threads: int
) -> pd.DataFrame:
    """One row per cell; the cells of a cluster within an organ and compartment share theirs."""
    labels, codes = np.unique(np.asarray(groups.clusters, dtype=str), return_inverse=True)
    parts = groups.parts()
    inside = groups.part_of_cell(parts) * len(labels) + codes
    met, own = np.unique(inside, return_inverse=True)
    whole, profiles = _means(values, [codes, own], threads)
    cluster = met % len(labels)
    small = np.bincount(own) < MINIMUM_CELLS
    profiles[small] = whole[cluster[small]]
    named = labels != _NOT_CLUSTERED
    bins = expression_bins(whole[named].mean(axis=0) if named.any() else whole.mean(axis=0))
    rows_of = passes.picker(values, threads)
    frames = []
    for number, part in enumerate(parts.itertuples()):
        mine = np.flatnonzero(met // len(labels) == number)
        place = np.full(met.size, -1)
        place[mine] = np.arange(mine.size)
        cells_of = _CellsOf(rows_of, bins, types.genes, place[own])
        decided = _decide(profiles[mine], bins, types, part.organ, part.compartment, rule, cells_of)
        left = ~named[cluster[mine]]
        decided.loc[left, :] = _unassessed(int(left.sum())).to_numpy()
        frames.append(decided.iloc[place[own[part.rows]]].set_axis(part.rows))
    return pd.concat(frames).sort_index()


def _annotate_cells(
    values: Matrix, types: Types, groups: _Groups, rule: Rule, threads: int
) -> pd.DataFrame:
    """One row per cell, each by itself."""
    (means,) = _means(values, [np.zeros(values.shape[0], dtype=np.int64)], threads)
    parts = groups.parts()
    named = list(zip(parts["organ"], parts["compartment"], strict=True))
    work = Work(_tile, (expression_bins(means[0]), types, rule, named), (groups.part_of_cell(parts),))
    return pd.concat(passes.rows(values, work, threads), ignore_index=True)


def _tile(
    block: sparse.csr_matrix, first: int, last: int, bins: np.ndarray, types: Types, rule: Rule,
    named: list[tuple[str, str]], part: np.ndarray,
) -> pd.DataFrame:  # fmt: skip
    """Cells of rows ``first..last``, organ and compartment by organ and compartment."""
    frames = []
    for number in np.unique(part):
        rows = np.flatnonzero(part == number)
        organ, compartment = named[number]
        decided = _decide(block[first + rows], bins, types, organ, compartment, rule)
        frames.append(decided.set_axis(rows))
    return pd.concat(frames).sort_index()


def _decide(
    profiles: Any,
    bins: np.ndarray,
    types: Types,
    organ: str,
    compartment: str,
    rule: Rule,
    cells_of: CellsOf | None = None,
) -> pd.DataFrame:
    if compartment == "tumor":
        return _malignant(profiles.shape[0])
    found = deviations(profiles, bins, types.genes)
    return decide(found, types.of_organ(organ), compartment, rule, cells_of)


def _malignant(n: int) -> pd.DataFrame:
    return unlabelled(n).assign(
        cell_type=MALIGNANT, cell_ontology_id=MALIGNANT_ID, lineage="malignant", reason="compartment tumor"
    )


def _unassessed(n: int) -> pd.DataFrame:
    return unlabelled(n).assign(reason="not clustered")


def _table(cells: pd.DataFrame, groups: _Groups) -> pd.DataFrame:
    """One row per cluster, organ and compartment; of single cells, one per organ, compartment and name."""
    clusters = groups.clusters if groups.clusters is not None else np.full(len(cells), "", dtype=object)
    frame = cells.assign(cluster=clusters, organ=groups.organ, compartment=groups.compartment)
    by = ["cluster", "organ", "compartment", "cell_type", "cell_ontology_id", "lineage", "reason"]
    single = groups.clusters is None
    if single:
        frame = frame.assign(runner_up="", subtype="")
    rows = frame.groupby(by, sort=True).agg(
        n_cells=("score", "size"),
        score=("score", "mean"),
        margin=("margin", "mean"),
        runner_up=("runner_up", "first"),
        subtype=("subtype", "first"),
        subtype_score=("subtype_score", "mean"),
        subtype_share=("subtype_share", "mean"),
    )
    order = [
        "cluster",
        "organ",
        "compartment",
        "cell_type",
        "cell_ontology_id",
        "lineage",
        "n_cells",
        "score",
    ]
    narrower = ["subtype", "subtype_score", "subtype_share"]
    return rows.reset_index()[[*order, "margin", "runner_up", *narrower, "reason"]]

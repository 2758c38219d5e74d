"""Everything a report reads, read once; what is not there is kept as the reason why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import anndata as ad
import numpy as np
import pandas as pd

from niche import get
from niche._settings import settings
from niche._slots import communication_codes as codes
from niche._slots import keys, read, spatial_codes
from niche.errors import InputValueError, MissingKeyError, StaleResultError
from niche.get.axes import axes as published_axes
from niche.get.compare_communication import NOT_MEASURED
from niche.get.compare_programs import compared_labels

MAX_QVAL = 0.05

BY_LABELS = "author labels"
"""How a call of compartments from labels is stored."""

_WHOLE = 3_000_000
"""Edges up to which a result is read at once."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Found:
    """A stored result, or the reason why there is none.

    Attributes
    ----------
    value
        What was stored, or None.
    reason
        Why there is nothing.
    """

    value: Any
    reason: str = ""

    @property
    def there(self) -> bool:
        """Whether there is something."""
        return self.value is not None


def attempt(function: Callable[[], Result]) -> Found:
    """Read something that may be missing or outdated."""
    try:
        return Found(function())
    except MissingKeyError as error:
        return Found(None, _first_sentence(error))
    except StaleResultError as error:
        return Found(None, f"The stored result is outdated and not shown: {error}")
    except InputValueError as error:
        return Found(None, _first_sentence(error))


def _first_sentence(error: Exception) -> str:
    """Without the list of what else is stored, which says nothing to a reader of the report."""
    return f"{str(error).split('. Results of niche', 1)[0].rstrip('.')}."


@dataclass
class Findings:
    """What a report is about.

    Attributes
    ----------
    adata
        The data with its results.
    recipe, qc, genes, normalize, cnv, compartments, integrate, cluster, annotate, ambient, communication
        Stored results.
    design
        ``{"samples", "organs", "cell_types", "issues"}`` tables.
    tested
        Tested edges.
    statuses
        Edges by organ, status and reason: ``organ, status, reason, n``.
    cell_pairs
        One row per organ and pair of cell types: ``organ, source, target, n_samples, n_patients, n_tested,
        n_significant, n_not_expressed, n_not_testable, reason``.
    axes
        Published axes.
    compare, exclusive
        The comparison of organs as it is stored; tested edges of cell types that one organ alone has.
    compared
        Edges and contrasts with an estimate.
    uncompared
        Those without, counted: ``contrast, reason, n``.
    programs, compare_programs
        Programs of malignant cells, and their comparison between organs, as they are stored.
    signatures
        Scores of signatures and their comparison, as they are stored.
    account
        The seed-and-soil account, item by item.
    compatibility
        What the niches of organs offer to primary tumors.
    species, orthologs
        Species of the cells of a xenograft, and what was kept of them in one gene space, as they are stored.
    spatial
        Tests of pairs in sections of tissue, as they are stored.
    compare_spatial
        Where a comparison of sections over patients may be stored -> its table.
    touching
        Contacts of cell types in every organ.
    """

    adata: ad.AnnData
    recipe: Found = Found(None)
    qc: Found = Found(None)
    genes: Found = Found(None)
    normalize: Found = Found(None)
    cnv: Found = Found(None)
    compartments: Found = Found(None)
    integrate: Found = Found(None)
    cluster: Found = Found(None)
    annotate: Found = Found(None)
    ambient: Found = Found(None)
    communication: Found = Found(None)
    design: Found = Found(None)
    tested: pd.DataFrame = field(default_factory=pd.DataFrame)
    statuses: pd.DataFrame = field(default_factory=pd.DataFrame)
    cell_pairs: pd.DataFrame = field(default_factory=pd.DataFrame)
    axes: Found = Found(None)
    compare: Found = Found(None)
    exclusive: Found = Found(None)
    compared: pd.DataFrame = field(default_factory=pd.DataFrame)
    uncompared: pd.DataFrame = field(default_factory=pd.DataFrame)
    programs: Found = Found(None)
    compare_programs: Found = Found(None)
    signatures: Found = Found(None)
    account: Found = Found(None)
    compatibility: Found = Found(None)
    species: Found = Found(None)
    orthologs: Found = Found(None)
    spatial: Found = Found(None)
    compare_spatial: dict[str, Found] = field(default_factory=dict)
    touching: Found = Found(None)

    @classmethod
    def of(cls, adata: ad.AnnData) -> Findings:
        """Read everything that is stored."""

        def stored(key: str, run_first: str) -> Found:
            return attempt(lambda: read.result(adata, key, run_first=run_first))

        found = cls(
            adata,
            recipe=stored(keys.RECIPE, "niche.recipes.communication_by_organ"),
            qc=stored(keys.QC, "niche.pp.qc"),
            genes=stored(keys.GENES, "niche.pp.harmonize_genes"),
            normalize=stored(keys.NORMALIZE, "niche.pp.normalize"),
            cnv=stored(keys.CNV, "niche.tl.infer_cnv"),
            compartments=stored(keys.COMPARTMENTS, "niche.tl.call_compartments"),
            integrate=stored(keys.INTEGRATE, "niche.pp.integrate"),
            cluster=stored(keys.CLUSTER, "niche.tl.cluster"),
            annotate=stored(keys.ANNOTATE, "niche.tl.annotate"),
            ambient=stored(keys.AMBIENT, "niche.pp.ambient"),
            communication=stored(keys.COMMUNICATION, "niche.tl.communication"),
            design=attempt(lambda: _design(adata)),
            compare_programs=attempt(lambda: _compared_programs(adata)),
            signatures=stored(keys.SIGNATURES, "niche.tl.score_signatures"),
            account=attempt(lambda: get.tropism(adata)),
            compatibility=attempt(lambda: get.compatibility(adata)),
            species=stored(keys.SPECIES, "niche.pp.split_species"),
            orthologs=stored(keys.ORTHOLOGS, "niche.pp.collapse_orthologs"),
            spatial=stored(keys.SPATIAL_COMMUNICATION, "niche.tl.spatial_communication"),
            compare_spatial={key: _compared_sections(adata, key) for key in spatial_codes.COMPARED.values()},
            touching=attempt(lambda: get.touching(adata)),
        )
        found.programs = stored(found.programs_key, "niche.tl.programs")
        found.axes = attempt(lambda: published_axes(adata))
        if found.communication.there:
            found._read_edges()
            found.exclusive = attempt(lambda: get.organ_exclusive(adata, status=codes.TESTED))
            found._read_comparison()
        return found

    def _read_comparison(self) -> None:
        """Rows with an estimate; the others, often millions, counted by reason."""
        self.compare = attempt(
            lambda: read.result(
                self.adata, keys.COMPARE_COMMUNICATION, run_first="niche.tl.compare_communication"
            )
        )
        rows = attempt(lambda: get.compare_communication(self.adata, estimated=True))
        if not (self.compare.there and rows.there):
            self.compare = Found(None, self.compare.reason or rows.reason)
            return
        self.compared = rows.value
        self.uncompared = _without_estimate(self.compare.value)

    def _read_edges(self) -> None:
        """Tested edges whole, the others counted; large results one organ at a time, to keep memory small."""
        tested, statuses, pairs = [], [], []
        whole = self.communication.value["reasons"].size <= _WHOLE
        for organs in [self.organs] if whole else [[organ] for organ in self.organs]:
            edges = get.communication(self.adata, organ=organs)
            statuses.append(_count(edges, ["organ", "status", "reason"]))
            pairs.append(_cell_pairs(edges))
            tested.append(edges[edges["status"] == codes.TESTED])
        self.tested = pd.concat(tested, ignore_index=True)
        self.statuses = pd.concat(statuses, ignore_index=True)
        self.cell_pairs = pd.concat(pairs, ignore_index=True)

    @property
    def organs(self) -> list[str]:
        """Organs of the communication result."""
        return read.strings(self.communication.value["organs"]) if self.communication.there else []

    @property
    def params(self) -> Mapping[str, Any]:
        """Parameters of the communication, else of the design check."""
        if self.communication.there:
            return self.communication.value["params"]
        stored = attempt(lambda: read.result(self.adata, keys.DESIGN, run_first="niche.pp.check"))
        return stored.value["params"] if stored.there else {}

    @property
    def programs_key(self) -> str:
        """Where the programs are stored: those that were compared, where any were."""
        if not self.compare_programs.there:
            return keys.PROGRAMS
        return str(self.compare_programs.value["params"]["key"])

    def column(self, parameter: str, default: str) -> str | None:
        """The obs column behind a parameter, or None when there is no such column."""
        name = str(self.params.get(parameter, default))
        return name if name in self.adata.obs.columns else None

    def why_not(self, step: str, result: Found) -> str:
        """Why a result is missing: the reason the recipe noted, else what is to be run."""
        if self.recipe.there:
            steps = pd.DataFrame(self.recipe.value["steps"]).astype(str)
            mine = steps.loc[(steps["step"] == step) & (steps["status"] == "skipped"), "reason"]
            if len(mine):
                reason = str(mine.iloc[0]).rstrip(".")
                return f"{reason[:1].upper()}{reason[1:]}."
        return result.reason

    @property
    def labelled(self) -> bool:
        """Whether compartments come from labels, not from copy number and markers."""
        if not self.compartments.there:
            return True
        return str(self.compartments.value.get("method", BY_LABELS)) == BY_LABELS

    @property
    def copy_number(self) -> str:
        """Copy-number evidence of all samples: ``yes``, ``no`` or ``not_assessed``."""
        if not self.compartments.there:
            return "not_assessed"
        return str(self.compartments.value.get("copy_number", "not_assessed"))

    @property
    def labels(self) -> pd.Series:
        """Organ of each cell, with the tissue in brackets unless it is a metastasis."""
        organ = self.column("organ_key", settings.organ_key)
        if organ is None:
            return pd.Series("all cells", index=self.adata.obs_names)
        labels = self.adata.obs[organ].astype(str)
        tissue = self.column("tissue_key", settings.tissue_key)
        if tissue is None:
            return labels
        kind = self.adata.obs[tissue].astype(str)
        return labels.where(kind == "metastasis", labels + " (" + kind + ")")

    @property
    def significant(self) -> pd.DataFrame:
        """Tested edges up to the q-value of the report; none when there are no q-values."""
        if "qval" not in self.tested:
            return self.tested.iloc[:0]
        return self.tested[self.tested["qval"] <= MAX_QVAL]


def _design(adata: ad.AnnData) -> dict[str, pd.DataFrame]:
    return {what: get.design(adata, what=what) for what in ("samples", "organs", "cell_types", "issues")}


def _compared_programs(adata: ad.AnnData) -> Mapping[str, Any]:
    """The comparison as it is stored; refused where programs were found anew since."""
    stored = read.result(adata, keys.COMPARE_PROGRAMS, run_first="niche.tl.compare_programs")
    compared_labels(adata, keys.COMPARE_PROGRAMS)
    return stored


def _compared_sections(adata: ad.AnnData, key: str) -> Found:
    return attempt(lambda: get.compare_spatial(adata, key=key))


def _without_estimate(stored: Mapping[str, Any]) -> pd.DataFrame:
    """Edges without a number by contrast and reason; genes that were not measured are no edges here."""
    names, values = read.strings(stored["reason_names"]), stored["values"]
    n = len(names)
    never = np.bincount(np.asarray(stored["untested"]).ravel(), minlength=n)
    never[[0, *(code for code, name in enumerate(names) if name == NOT_MEASURED)]] = 0
    unknown = np.isnan(np.asarray(values["log2fc"])) & np.isnan(np.asarray(values["statistic"]))
    reason, rows = np.asarray(stored["reason"]), []
    for c, contrast in enumerate(read.strings(stored["contrasts"]["name"])):
        counts = never + np.bincount(reason[unknown[:, c], c], minlength=n)
        rows += [(contrast, names[code], int(counts[code])) for code in np.flatnonzero(counts)]
    return pd.DataFrame(rows, columns=["contrast", "reason", "n"])


def _count(edges: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    return edges.groupby(by, observed=True).size().rename("n").reset_index()


def _cell_pairs(edges: pd.DataFrame) -> pd.DataFrame:
    """One row per pair of cell types: how many of its edges were tested, and if none, why."""
    ends = edges.groupby(["organ", "source", "target"], observed=True)
    table = ends[["n_samples", "n_patients"]].first()
    for status in codes.STATUSES:
        table[f"n_{status}"] = (
            (edges["status"] == status).groupby([edges[c] for c in table.index.names], observed=True).sum()
        )
    significant = edges["qval"] <= MAX_QVAL if "qval" in edges else pd.Series(data=False, index=edges.index)
    table["n_significant"] = significant.groupby([edges[c] for c in table.index.names], observed=True).sum()
    structural = edges[edges["reason"].isin(codes.REASONS[codes.ABSENT : codes.APART + 1])]
    reason = structural.groupby(["organ", "source", "target"], observed=True)["reason"].first().astype(str)
    table["reason"] = reason.reindex(table.index).fillna("")
    return table.reset_index().astype(dict.fromkeys(("organ", "source", "target"), str))

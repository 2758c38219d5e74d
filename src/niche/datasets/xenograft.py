"""A generator of xenografts: human tumor cells in mouse organs, read with a combined reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from niche.datasets._simulate import two_species
from niche.datasets._simulate.assemble import simulate
from niche.datasets._simulate.options import Options, checked_rng
from niche.errors import InputTypeError, InputValueError

if TYPE_CHECKING:
    from anndata import AnnData

LARGEST_CROSS = 0.25
LARGEST_CELL_SD = 2.0


def simulate_xenograft(
    rng: int | np.random.Generator = 0,
    *,
    organs: Sequence[str] = ("bone", "lung"),
    animals_per_organ: int = 4,
    paired: bool = False,
    cross_ambient: float | Mapping[str, float] = 0.06,
    doublets: float = 0.04,
    ambient_cell_sd: float | Mapping[str, float] = 0.5,
    cells: int = 250,
    depth: float = 4000.0,
    n_genes: int = 3000,
    patient_sd: float = 0.3,
    axes: str | pd.DataFrame | None = "default",
    extra_axes: int = 0,
    axis_log2fc: float = 2.0,
    low_quality: float = 0.02,
    null: bool = False,
    n_jobs: int | None = None,
) -> AnnData:
    r"""Draw single-cell counts of human tumors in mouse organs, with everything planted written down.

    One study of :func:`niche.datasets.simulate_metastases` is drawn without contamination. Its malignant
    cells keep their human genes, its host cells are handed to the mouse orthologs of theirs. Then
    molecules of both species leak between the droplets of a sample, and cells fall together.

    Parameters
    ----------
    rng
        Seed or Generator. The same seed gives the same bits, whatever ``n_jobs``.
    organs
        Organs the tumor has grown in.
    animals_per_organ
        Animals with a sample of each organ.
    paired
        Whether every animal gives all organs; else one.
    cross_ambient
        Expected share of a cell's counts that come from the other species, averaged over the cells of a
        sample; or a mapping from sample (``"A01_bone"``) or organ to it. In [0, 0.25]. Large shares come out
        smaller, see Notes.
    doublets
        Share of the cells that fall together with another one, of either species.
    ambient_cell_sd
        Standard deviation (natural log) of the ambient fraction between cells; or a mapping from species
        (``"human"``, ``"mouse"``) to it, 0.5 where one is not named. In [0, 2].
    cells
        Expected cells per sample.
    depth
        Expected counts of a cell of average size.
    n_genes
        Genes of each species.
    patient_sd
        Standard deviation (natural log) between animals of every gene in every cell type.
    axes, extra_axes, axis_log2fc, low_quality, null
        As in :func:`niche.datasets.simulate_metastases`.
    n_jobs
        Threads over samples; ``None`` takes ``niche.settings.n_jobs``.

    Returns
    -------
    AnnData
        Raw counts as csr float32 in ``X``; genes named ``GRCh38_CXCR4`` and ``mm10___Cxcr4``. ``obs``:
        ``sample, animal, organ, tissue, cell_type`` and the truth per cell, among it ``truth_species``
        (of the first cell of a doublet), ``truth_species_doublet`` (cells of both species) and
        ``truth_other_species`` (share of the counts that are of the other species). ``var``: ``gene_ids``,
        ``genome``, ``truth_gene`` (the human symbol), ``truth_one_to_one``, ``truth_role``.
        ``uns["truth"]`` is that of the study in human symbols, its patients being the animals, with
        ``cross_ambient`` (as asked) and ``cross_realised`` (mean of ``truth_other_species`` over the cells
        that hold one species, NaN without any) in ``samples``.

    Raises
    ------
    InputTypeError, InputValueError
        An option is not what it should be; the message names it.

    Notes
    -----
    Of the :math:`n` molecules of a cell a share :math:`a` is lost and replaced by as many from the pooled
    molecules of its sample, of which a share :math:`q` is human. So :math:`a (1 - q)` of a tumor cell's
    counts are mouse and :math:`a q` of a host cell's human; ``cross_ambient`` is their mean over the cells.
    The ambient fraction of a cell is cut at 0.6. Where that meets many cells (a large ``cross_ambient``, a
    large ``ambient_cell_sd``, a sample with few cells of one species) less crosses over than was asked.
    All animals bear one cell line: there are no private programs, no subtypes and no copy-number changes.
    Host genes without one-to-one ortholog are handed to mouse genes that have none either.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.simulate_xenograft(1, animals_per_organ=1, cells=40, n_genes=1500)
    >>> sorted(adata.obs["truth_species"].unique()), adata.n_vars
    (['human', 'mouse'], 3000)
    >>> int(adata.var_names.str.startswith("GRCh38_").sum())
    1500
    """
    checked_rng(rng)
    if not isinstance(paired, bool):
        raise InputTypeError(f"paired must be True or False. Got {paired!r}.")
    _refuse_outside("doublets", doublets, 0.4)
    cell_sd = _cell_sd(ambient_cell_sd)
    design = _design(list(organs), animals_per_organ, paired=paired)
    cross = _cross(cross_ambient, design)
    options = Options(
        organs=tuple(organs), design=design, cells=cells, depth=depth, n_genes=n_genes, primaries=0,
        normals=0, primary_organ="inoculum", patient_sd=patient_sd, axes=axes, extra_axes=extra_axes,
        axis_log2fc=axis_log2fc, low_quality=low_quality, null=null, private_programs=0, subtypes=("line",),
        assays=("cell",), studies=("study",), cnv_effect=0.0, max_clones=1, doublets=doublets,
        ambient=min(2 * float(np.mean(list(cross.values()))), 0.5),
    )  # fmt: skip
    root = np.random.default_rng(rng)
    study_rng, droplet_rng = root.spawn(2)
    study = simulate(study_rng, options, n_jobs, clean=True)
    adata = two_species.combined(study, droplet_rng, cross, cell_sd=cell_sd, doublets=doublets)
    dropped = ["patient", "compartment", "subtype", "assay", "study", "truth_malignant", "truth_clone"]
    adata.obs.insert(1, "animal", adata.obs["patient"])
    adata.obs = adata.obs.drop(columns=dropped)
    truth = study.uns["truth"]
    samples = truth["samples"].drop(columns="ambient")
    samples["cross_ambient"] = [cross[str(name)] for name in samples["sample"]]
    samples["cross_realised"] = samples["sample"].astype(str).map(two_species.realised_cross(adata.obs))
    adata.uns["truth"] = truth | {"samples": samples}
    return adata


def _design(organs: list[str], animals: int, *, paired: bool) -> pd.DataFrame:
    if isinstance(animals, bool) or not isinstance(animals, (int, np.integer)) or animals < 1:
        raise InputValueError(f"animals_per_organ must be an integer of at least 1. Got {animals!r}.")
    rows = []
    for number in range(int(animals)):
        for place, organ in enumerate(organs):
            animal = number if paired else number * len(organs) + place
            rows.append((f"A{animal + 1:02d}", organ, f"A{animal + 1:02d}_{organ}"))
    return pd.DataFrame(rows, columns=["patient", "organ", "sample"])


def _refuse_outside(name: str, value: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= high:
        raise InputValueError(f"{name} must be a number in [0, {high}]. Got {value!r}.")


def _cell_sd(given: float | Mapping[str, float]) -> dict[str, float]:
    """Spread of the ambient fraction between the cells of each species."""
    named = dict(given) if isinstance(given, Mapping) else dict.fromkeys(two_species.PREFIXES, given)
    unknown = sorted(set(named) - set(two_species.PREFIXES))
    if unknown:
        raise InputValueError(f"ambient_cell_sd names {unknown[0]!r}; species are 'human' and 'mouse'.")
    values = dict.fromkeys(two_species.PREFIXES, 0.5) | named
    for value in values.values():
        _refuse_outside("ambient_cell_sd", value, LARGEST_CELL_SD)
    return values


def _cross(given: float | Mapping[str, float], design: pd.DataFrame) -> dict[str, float]:
    """Cross-species share of every sample."""
    if isinstance(given, Mapping):
        unknown = sorted(set(given) - set(design["sample"]) - set(design["organ"]))
        if unknown:
            raise InputValueError(
                f"cross_ambient names {unknown[0]!r}, which is no sample and no organ. Samples: "
                f"{', '.join(design['sample'])}."
            )
    values: dict[str, float] = {}
    for sample, organ in zip(design["sample"], design["organ"], strict=True):
        value = given.get(sample, given.get(organ, 0.06)) if isinstance(given, Mapping) else given
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= LARGEST_CROSS:
            raise InputValueError(f"cross_ambient must be in [0, {LARGEST_CROSS}]. Got {value!r}.")
        values[sample] = float(value)
    return values

"""A generator of metastases whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from niche.datasets._simulate.assemble import simulate
from niche.datasets._simulate.options import Options, checked_rng
from niche.errors import InputTypeError, InputValueError

if TYPE_CHECKING:
    from anndata import AnnData


def simulate_metastases(
    rng: int | np.random.Generator = 0,
    *,
    organs: Sequence[str] = ("bone", "lung", "brain", "liver"),
    design: str | pd.DataFrame = "partial",
    patients_per_organ: int | Mapping[str, int] = 4,
    samples_per_patient: int | Mapping[str, int] = 1,
    primaries: int = 3,
    normals: int | Mapping[str, int] = 1,
    primary_organ: str = "breast",
    cells: int = 250,
    depth: float = 4000.0,
    cell_factor: Mapping[str, float] | None = None,
    depth_factor: Mapping[str, float] | None = None,
    variance_factor: Mapping[str, float] | None = None,
    n_genes: int = 4000,
    patient_sd: float = 0.3,
    within_patient_correlation: float = 0.5,
    dispersion: float = 0.25,
    axes: str | pd.DataFrame | None = "default",
    extra_axes: int = 0,
    axis_log2fc: float = 2.0,
    soil_in_normal: float = 0.0,
    shared_programs: int = 2,
    organ_programs: bool = True,
    private_programs: int = 2,
    program_genes: int = 50,
    program_shift: float = 2.0,
    program_sd: float = 0.4,
    parenchyma: bool = True,
    leaked_genes: int = 40,
    composition: Mapping[str, Mapping[str, float]] | None = None,
    composition_sd: float = 0.25,
    max_clones: int = 3,
    cnv_effect: float = 1.0,
    quiet_patients: int = 0,
    subtypes: Sequence[str] = ("luminal", "HER2", "basal"),
    assays: Sequence[str] = ("cell",),
    studies: Sequence[str] = ("study_A", "study_B"),
    subtype_log2fc: float = 2.0,
    study_sd: float = 0.0,
    assay_sd: float = 0.0,
    alias: Mapping[str, str] | None = None,
    ambient: float | Mapping[str, float] = 0.08,
    ambient_sample_sd: float = 0.3,
    ambient_cell_sd: float = 0.5,
    doublets: float = 0.04,
    low_quality: float = 0.02,
    null: bool = False,
    n_jobs: int | None = None,
) -> AnnData:
    r"""Draw single-cell counts of metastases in several organs, with everything planted written down.

    Tumor clones with copy-number changes sit among stroma and immune cells that every organ has and
    cells that only one organ has. Ligand-receptor axes, tumor programs, patients, ambient molecules
    and doublets are planted, each can be switched off, and ``uns["truth"]`` lists them. All genes
    are real.

    Parameters
    ----------
    rng
        Seed or Generator. The same seed gives the same bits, whatever ``n_jobs``.
    organs
        Metastatic sites. ``bone``, ``lung``, ``brain``, ``liver`` and ``lymph_node`` have cell types,
        markers and axes of their own; any other name gets a parenchymal cell type and random axes.
    design
        ``"unpaired"`` (a patient has one organ), ``"paired"`` (every organ), ``"partial"`` (one
        patient in each round has two organs), or a DataFrame with one row per sample: ``patient``,
        ``organ`` and, when wanted, ``sample``, ``tissue``, ``subtype``, ``assay``, ``study``. With a
        DataFrame, ``organs``, ``patients_per_organ``, ``samples_per_patient``, ``primaries`` and
        ``normals`` are not used.
    patients_per_organ, samples_per_patient
        Numbers for every organ, or a mapping from organ to number. Organs with fewer patients make
        the design incomplete.
    primaries
        Patients (the first ones) who also have a sample of the primary tumor.
    normals
        Normal samples per organ, of patients with a metastasis there; they hold no tumor cell.
    primary_organ
        Organ of the primary tumor; no organ effect acts there.
    cells
        Expected cells per sample.
    depth
        Expected counts of a cell of average size.
    cell_factor, depth_factor, variance_factor
        Organ to factor on cell numbers, on depth, and on the between-sample variance.
    n_genes
        Genes of the draw. Planted genes, markers and programs are always in; about 3,000 hold the
        whole ligand-receptor list too, below that as many whole pairs as fit.
    patient_sd
        Between-patient standard deviation (natural log) of every gene in every cell type; it
        differs a little from gene to gene.
    within_patient_correlation
        Mean correlation between two samples of one patient; it differs between genes.
    dispersion
        Negative-binomial dispersion phi: variance = mean + phi mean^2. 0 is Poisson.
    axes
        ``"default"``, ``None``, or a DataFrame with ``organ``, ``source``, ``target``,
        ``ligand_complex``, ``receptor_complex``, ``kind`` (``both``, ``ligand``, ``receptor``,
        ``leaked``) and, when wanted, ``leaked_side`` (``ligand``, ``receptor``) and ``log2fc``.
    extra_axes
        Further axes per organ of each of the kinds both, ligand and receptor, drawn at random from
        the consensus list between malignant and host cells, on genes no other axis uses.
    axis_log2fc
        Effect on each side that moves; negative values are losses.
    soil_in_normal
        Share of the host side's effect that normal samples of the organ show too.
    shared_programs
        Number of programs present in all tumors, beside the cell cycle.
    organ_programs
        Whether each organ has a program whose usage rises there.
    private_programs
        Number of programs present in one patient each.
    program_genes
        Genes per program.
    program_shift
        Rise of an organ-associated program, in units of ``program_sd``.
    program_sd
        Between-patient standard deviation (natural log) of every program's usage.
    parenchyma
        Whether organs have cell types of their own. Without them nothing organ-specific can leak,
        and leaked axes and programs are left out.
    leaked_genes
        Genes, beside markers, that only the first cell type of an organ expresses; they hold two
        fifths of its transcripts and leak into the droplets of other cells.
    composition
        Organ to cell type to factor on its share in metastases; 0 makes it absent.
    composition_sd
        Standard deviation (natural log) of a sample's cell type shares.
    max_clones
        Most clones a patient can have.
    cnv_effect
        Expression of a gene follows ``(copies / 2) ** cnv_effect``; 0 switches copy number off.
    quiet_patients
        Patients (the last ones) whose tumors are diploid.
    subtypes, assays, studies
        Levels given to patients at random, balanced. The subtypes luminal, HER2 and basal raise
        their marker genes in malignant cells.
    subtype_log2fc
        That rise.
    study_sd, assay_sd
        Standard deviation (natural log) of a shift of every gene common to a study or an assay.
    alias
        ``study``, ``assay`` or ``subtype`` to the organ whose samples all have a level of their own.
    ambient
        Mean fraction of ambient molecules per cell, or a mapping from organ to it.
    ambient_sample_sd, ambient_cell_sd
        Standard deviations (natural log) of that fraction between samples and between cells.
    doublets
        Share of droplets holding two cells of the sample; the label is the first cell's.
    low_quality
        Share of damaged cells: a fifth of the depth, much mitochondrial expression.
    null
        Switch every organ effect off: no axes, no program shift, no organ-specific cells, equal
        composition. Patients, clones, programs, ambient and doublets stay.
    n_jobs
        Threads over samples; ``None`` takes ``niche.settings.n_jobs``.

    Returns
    -------
    AnnData
        Raw counts as csr float32 in ``X`` and, a copy, in ``layers["counts"]``. ``obs``: ``sample``,
        ``patient``, ``organ``, ``tissue`` (metastasis, primary, normal), ``cell_type``,
        ``compartment``, ``subtype``, ``assay``, ``study`` and the truth per cell
        (``truth_malignant``, ``truth_clone``, ``truth_doublet``, ``truth_doublet_partner``,
        ``truth_low_quality``, ``truth_depth``, ``truth_ambient``). ``var``: ``ensembl_id``, ``chromosome``,
        ``start``, ``end``, ``truth_role``. ``obsm["truth_usage"]``: usage of every program in every
        cell, columns in the order of ``uns["truth"]["program_names"]``. ``varm["truth_ambient"]``:
        ambient profile of every sample, in the order of ``uns["truth"]["samples"]``.

    Raises
    ------
    InputTypeError, InputValueError, MissingKeyError
        An option is not what it should be; the message names it.

    Notes
    -----
    A count of gene g in cell i of sample s is

    .. math::

        y_{ig} \sim Poisson(d_i (1 - a_i) p_{ig} G_{ig} + d_i a_i q_{sg}), \quad
        G_{ig} \sim Gamma(1 / \phi, \phi)

    with depth d, ambient fraction a, pooled profile q of the sample, and the cell's own profile p.
    For a malignant cell p mixes its clone's profile with the programs it runs,
    :math:`(1 - \sum_k u_{ik}) p_{clone} + \sum_k u_{ik} w_k`. Log expression of a sample adds
    :math:`\sigma (\sqrt{r}\, z_{patient} + \sqrt{1 - r}\, z_{sample})` per cell type and gene.

    ``uns["truth"]`` holds, as tables with one row per item:

    - ``edges``: every edge between cell types common to all organs that is true in an organ.
      ``kind`` says which side really moves (``both``, ``ligand``, ``receptor``) or that it only
      seems to (``leaked``); ``planted`` marks the axes asked for, the others follow from them
      because a gene has further partners. ``log2fc_ligand`` and ``log2fc_receptor`` are the real
      effects against an organ without any (the primary), with complexes as the minimum over
      subunits; a contrast between organs is the difference of their rows, 0 where there is none.
      ``..._observed`` are what droplets are expected to show with ambient molecules and doublets,
      ``log2cpm_...`` the real level in that organ, ``expressed`` whether both sides are expected in
      10 % of the cells, ``driver`` and ``driver_compartment`` who moves. Markers and programs make
      no further edge true: markers belong to a cell type in all organs alike, and programs hold no
      gene of any ligand-receptor list. What else only seems to move is in ``genes``.
    - ``genes``: every gene of those cell types that moves in an organ, really (``log2fc``, cause
      ``axis``, ``program`` or, for genes of the other programs, ``dilution``) or only by
      contamination (``log2fc_observed``, cause ``ambient``).
    - ``programs`` (kind, organ, patient, shift), ``program_genes`` (gene, weight),
      ``program_samples`` (mean usage in the malignant cells of each sample).
    - ``clones`` and ``segments`` (copy number of chromosome segments per clone).
    - ``samples`` (design, cells, ambient fraction), ``cell_types``, ``composition`` (expected shares).
    - ``params``: the options; ``program_names``, ``schema_version``, ``numpy_version``.

    Cell types that only one organ has are in no row of ``edges`` and ``genes``. The same bits are
    guaranteed for one version of numpy, whose random streams may change between versions.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.simulate_metastases(
    ...     1, organs=["bone", "lung"], patients_per_organ=2, cells=40, n_genes=1500
    ... )
    >>> edges = adata.uns["truth"]["edges"]
    >>> planted = edges[edges["planted"] & (edges["organ"] == "lung")]
    >>> dict(zip(planted["ligand_complex"], planted["kind"]))
    {'ANGPTL4': 'both', 'SFTPA1': 'leaked', 'CCL2': 'receptor', 'BMP4': 'ligand'}
    """
    options = {key: value for key, value in locals().items() if key not in ("rng", "n_jobs")}
    checked_rng(rng)
    return simulate(rng, Options(**_with_organs_of(options)), n_jobs)


def _with_organs_of(options: dict[str, Any]) -> dict[str, Any]:
    """Take the organs from the design when it is a table."""
    design = options["design"]
    if not isinstance(design, pd.DataFrame):
        if not isinstance(design, str):
            raise InputTypeError(f"design must be a name or a DataFrame. Got {type(design).__name__}.")
        return options
    if "organ" not in design:
        return options
    metastatic = np.full(len(design), True)
    if "tissue" in design:
        metastatic = (design["tissue"].astype(str) != "primary").to_numpy()
    organs = tuple(dict.fromkeys(design.loc[metastatic, "organ"].astype(str)))
    primary = [organ for organ in design.loc[~metastatic, "organ"].astype(str) if organ not in organs]
    if not organs:
        raise InputValueError("The design has no sample of a metastasis.")
    return {**options, "organs": organs, "primary_organ": primary[0] if primary else "primary site"}

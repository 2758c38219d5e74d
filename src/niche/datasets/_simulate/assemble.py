"""The whole draw: from checked options to an AnnData with its truth."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp

from niche import resources
from niche._settings import settings
from niche.datasets._simulate.axes import axes_table, axis_genes, axis_sides
from niche.datasets._simulate.cell_types import MALIGNANT, cell_type_table, sample_shares
from niche.datasets._simulate.copy_number import copy_factor, draw_clones
from niche.datasets._simulate.design import design_table
from niche.datasets._simulate.droplets import SampleDraw, SampleInput, draw_sample
from niche.datasets._simulate.genes import (
    SUBTYPE_MARKERS,
    Universe,
    build_universe,
    known_genes,
    list_genes,
    marker_genes,
)
from niche.datasets._simulate.options import Options
from niche.datasets._simulate.plan import Plan
from niche.datasets._simulate.profiles import apply_effects, base_profiles
from niche.datasets._simulate.programs import block_names, draw_programs, program_draws, sample_levels
from niche.datasets._simulate.truth import truth
from niche.datasets._simulate.variation import draw_variation, sample_shift

_SAMPLE_COLUMNS = ("patient", "organ", "tissue", "subtype", "assay", "study")
_OBS = ("sample", "patient", "organ", "tissue", "cell_type", "compartment", "subtype", "assay", "study")


def simulate(
    rng: int | np.random.Generator, options: Options, n_jobs: int | None = None, *, clean: bool = False
) -> ad.AnnData:
    """Draw a data set; one random stream per part and per sample, so threads do not matter.

    ``clean`` leaves out ambient molecules and doublets, which the truth still expects.
    """
    root = np.random.default_rng(rng)
    plan_rng, sample_rng = root.spawn(2)
    plan = make_plan(plan_rng, options.resolved(), options)
    of_cells = replace(plan, options=replace(plan.options, ambient=0.0, doublets=0.0)) if clean else plan
    streams = sample_rng.spawn(len(plan.design))
    rows = [row for _, row in plan.design.iterrows()]
    with ThreadPoolExecutor(settings.threads(n_jobs)) as pool:
        draws = list(pool.map(lambda stream, row: _one_sample(stream, row, of_cells), streams, rows))
    return _assembled(plan, draws)


def make_plan(rng: np.random.Generator, options: Options, asked: Options) -> Plan:
    """Draw everything that samples share: design, genes, profiles, clones, programs, variation."""
    streams = dict(
        zip(
            ("design", "axes", "genes", "profiles", "clones", "programs", "program_draws", "variation"),
            rng.spawn(8),
            strict=True,
        )
    )
    design = design_table(streams["design"], options)
    organs = list(options.organs)
    types = cell_type_table(options, organs)
    known, pairs = known_genes(), resources.ligand_receptor("consensus")
    markers = marker_genes(sorted(set(types["markers"]) - {""}), known.index)
    subtypes = {s: SUBTYPE_MARKERS[s] for s in dict.fromkeys(design["subtype"]) if s in SUBTYPE_MARKERS}
    subtype_markers = marker_genes(list(subtypes.values()), known.index)
    raised = {subtype: subtype_markers[label] for subtype, label in subtypes.items()}
    avoid = {gene for table in (markers, raised) for genes in table.values() for gene in genes}
    avoid |= set(list_genes(pairs)) - set(known.index)
    axes = axes_table(streams["axes"], options, pairs, types, avoid, organs)
    blocks = block_names(options, organs)
    universe = build_universe(
        streams["genes"], options, known, pairs, axis_genes(axes), markers, raised, blocks
    )
    sides = axis_sides(axes, types)
    profiles = base_profiles(streams["profiles"], universe, types, sides, set(list_genes(pairs)))
    patients = list(dict.fromkeys(design["patient"]))
    clones = draw_clones(
        streams["clones"], patients, universe.var, options.max_clones, options.quiet_patients
    )
    programs = draw_programs(streams["programs"], universe, options, patients, types, profiles)
    return Plan(
        options=options,
        asked=asked,
        design=design,
        types=types,
        pairs=pairs,
        axes=axes,
        effects=sides.loc[sides["log2fc"] != 0, ["organ", "cell_type", "gene", "log2fc"]],
        universe=universe,
        profiles=profiles,
        clones=clones,
        programs=programs,
        program_draws=program_draws(streams["program_draws"], programs, patients),
        variation=draw_variation(streams["variation"], design, options, *profiles.shape),
    )


def _one_sample(rng: np.random.Generator, sample: pd.Series, plan: Plan) -> SampleDraw:
    options, types, universe = plan.options, plan.types, plan.universe
    shift_rng, level_rng, cell_rng = rng.spawn(3)
    organ, tissue, patient = sample["organ"], sample["tissue"], sample["patient"]
    effects = plan.effects[plan.effects["organ"] == organ]
    scale = {"metastasis": 1.0, "normal": options.soil_in_normal, "primary": 0.0}[tissue]
    if tissue == "normal":
        effects = effects[effects["cell_type"] != MALIGNANT]
    profiles = apply_effects(plan.profiles, universe, types, effects, scale)
    shift = sample_shift(shift_rng, plan.variation, sample, options.per_organ("variance_factor", organ))
    shift = shift + _subtype_shift(plan, sample["subtype"])
    mine = (plan.clones.table["patient"] == patient).to_numpy()
    given = SampleInput(
        sample=sample,
        shares=sample_shares(types, options, organ, tissue),
        sizes=types["size"].to_numpy(),
        profiles=profiles * np.exp(shift),
        clones=list(plan.clones.table.loc[mine, "clone"]),
        copy_factor=copy_factor(plan.clones.copies[mine], options.cnv_effect),
        levels=sample_levels(level_rng, plan.programs, options, sample, plan.program_draws[patient]),
        mitochondrial=(universe.var["truth_role"] == "mitochondrial").to_numpy(),
    )
    return draw_sample(cell_rng, given, plan.programs, options)


def _subtype_shift(plan: Plan, subtype: str) -> np.ndarray:
    """Return the rise of the patient's subtype genes in malignant cells (cell types x genes)."""
    universe: Universe = plan.universe
    shift = np.zeros(plan.profiles.shape)
    planted = set(axis_genes(plan.axes))
    genes = [gene for gene in universe.subtype_genes.get(subtype, []) if gene not in planted]
    row = list(plan.types["cell_type"]).index(MALIGNANT)
    shift[row, universe.positions(genes)] = np.log(2) * plan.options.subtype_log2fc
    return shift


def _assembled(plan: Plan, draws: list[SampleDraw]) -> ad.AnnData:
    obs = pd.concat([draw.obs for draw in draws])
    design = plan.design.set_index("sample")
    for column in _SAMPLE_COLUMNS:
        obs[column] = design.loc[obs["sample"], column].to_numpy(object)
    part = plan.types.set_index("cell_type")["compartment"]
    obs["compartment"] = part.loc[obs["cell_type"]].to_numpy(object)
    obs = obs[[*_OBS, *(column for column in obs if column.startswith("truth_"))]]
    for column in obs.columns[[not pd.api.types.is_numeric_dtype(dtype) for dtype in obs.dtypes]]:
        obs[column] = pd.Categorical(obs[column])
    counts = sp.vstack([draw.counts for draw in draws], format="csr")
    adata = ad.AnnData(X=counts, obs=obs, var=plan.universe.var.copy())
    adata.layers["counts"] = counts.copy()
    adata.obsm["truth_usage"] = np.concatenate([draw.usage for draw in draws])
    adata.varm["truth_ambient"] = np.stack([draw.soup for draw in draws], axis=1).astype(np.float32)
    adata.uns["truth"] = truth(plan, draws)
    return adata

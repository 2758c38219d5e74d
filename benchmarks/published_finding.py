"""Ask published statements about metastases of the public data that are there, with patients as replicates.

``NICHE_DATA_DIR=FOLDER python benchmarks/published_finding.py`` writes ``docs/published_finding.md`` and
``docs/images/published_finding.svg``; ``--out FOLDER`` writes them elsewhere. The folder of
``NICHE_DATA_DIR`` holds what ``niche.datasets.maynard2020`` and ``chung2017`` read. About a minute.

The statements, what is computed for each and the rule of the verdict (:func:`verdict`) were written before
any of the effects had been computed.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse, stats

import niche

FIGURE = "published_finding.svg"
AGREES, DISAGREES, UNDECIDED, CANNOT = "agrees", "does not agree", "undecided", "cannot be tested"
PATIENTS = 3  # that each side of a comparison needs, as for every call of niche

REANALYSIS = "a re-analysis of four lung cancer data sets"
PAPERS = {
    "Maynard 2020": "https://doi.org/10.1016/j.cell.2020.07.017",
    "Laughney 2020": "https://doi.org/10.1038/s41591-019-0750-6",
    "Kim 2020": "https://doi.org/10.1038/s41467-020-16164-1",
    "Wu 2023": "https://doi.org/10.3390/biom13010185",
    "Liu 2022": "https://doi.org/10.1038/s41467-022-34581-2",
    "Chung 2017": "https://doi.org/10.1038/ncomms15081",
    REANALYSIS: "https://pmc.ncbi.nlm.nih.gov/articles/PMC11985749",
}

THERAPY_GENES = {
    "alveolar": [
        "SFTPC", "SFTPB", "SFTPD", "PGC", "CLDN18", "AQP4", "SCGB3A1", "ABCA3", "GATA6", "NKX2-1", "SFTA3",
        "IGFBP2", "HOPX", "NAPSA", "FOXA2", "AGER", "LAMP1",
    ],
    "kynurenine": ["IDO1", "KYNU", "QPRT"],
    "plasminogen": ["ANXA2", "PLAT", "PLAU", "PLAUR"],
    "gap junction": ["GJB2", "GJB3", "GJB5"],
}  # fmt: skip
"""Of the authors: scripts/NI08_Gene_expression_plotting.Rmd of their notebooks."""
CLASS_ONE = ["HLA-A", "HLA-B", "HLA-C", "B2M", "TAP1", "TAP2", "TAPBP", "PSMB8", "PSMB9"]
FEWEST_GENES = 3  # the authors' own sets are this small; niche asks for 10 unless told otherwise

MACROPHAGES, T_CELLS = "macrophages and monocytes", "T and NK cells"
IMMUNE = {
    "Macrophage": MACROPHAGES, "Monocyte": MACROPHAGES, "T cell CD4": T_CELLS, "T cell CD8": T_CELLS,
    "T cell regulatory": T_CELLS, "T cell dividing": T_CELLS, "NK cell": T_CELLS, "B cell": "B cells",
    "Plasma cell": "plasma cells", "Mast cell": "mast cells", "mDC": "dendritic cells", "pDC": "pDC",
}  # fmt: skip
"""Cell types here by the classes that the authors counted; neutrophils have no label."""


@dataclass(frozen=True)
class Answer:
    """What niche says of one statement, positive in the published direction."""

    function: str
    unit: str
    effect: float = np.nan
    low: float = np.nan
    high: float = np.nan
    patients: int = 0
    reason: str = ""
    call: str = ""
    over_cells: str = ""
    p_over_cells: float = np.nan


@dataclass(frozen=True)
class Claim:
    """A published statement, in our words, and what is asked of the data."""

    title: str
    source: str
    says: str
    asked: str


def verdict(answer: Answer) -> str:
    """The rule, the same for all: refused by niche or short of patients, else where the interval lies."""
    if answer.reason:
        return CANNOT
    if answer.low > 0:
        return AGREES
    return DISAGREES if answer.high < 0 else UNDECIDED


def from_niche(
    table: pd.DataFrame,
    function: str,
    unit: str,
    published: int = 1,
    over_cells: tuple[str, float] = ("", np.nan),
) -> Answer:
    """The one row of a table of ``niche.get``; ``published`` is -1 where the paper says *lower*."""
    (row,) = table.to_dict("records")
    effect = row["effect"] if "effect" in row else row["log2fc"]
    low, high = (published * row[end] for end in (("ci_low", "ci_high")[::published]))
    refused = row["call"] == "not_testable" or row.get("status") == "absent"
    reason = str(row["reason"]) if refused else ""
    call = (
        ""
        if refused
        else (
            f"`{row['call']}`, q = {row['qval']:.2g}; the sign holds without any one patient in "
            f"{row['sign_stability']:.0%} of the cases"
        )
    )
    return Answer(
        function, unit, published * effect, low, high, int(row["n_patients"]), reason, call, *over_cells
    )


def over_patients(values: pd.Series, function: str, unit: str) -> Answer:
    """Mean of one value per patient, with its interval by Student's t."""
    n = len(values)
    if n < PATIENTS:
        return Answer(function, unit, patients=n, reason=f"{n} patients have enough cells, {PATIENTS} needed")
    half = stats.t.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n)
    return Answer(function, unit, values.mean(), values.mean() - half, values.mean() + half, n)


def rank_sum(values: np.ndarray, inside: np.ndarray, published: int = 1) -> tuple[str, float]:
    """What a test over cells, as in many papers, says of the same cells, and its p."""
    difference = published * (values[inside].mean() - values[~inside].mean())
    p = stats.mannwhitneyu(values[inside], values[~inside]).pvalue
    return f"{difference:+.2f}, p = {p:.1g} over {inside.sum()} and {(~inside).sum()} cells", p


def lung_cancer() -> ad.AnnData:
    """Maynard et al. 2020 with tumor and host cells as niche calls them; no label is used for that."""
    adata = niche.datasets.maynard2020()
    niche.tl.call_compartments(adata)
    return adata


def breast_cancer() -> ad.AnnData:
    """Chung et al. 2017, normalised, with tumor and host cells as niche calls them."""
    adata = niche.datasets.chung2017()
    niche.pp.normalize(adata)
    niche.tl.call_compartments(adata)
    return adata


def of_tumors(cells: ad.AnnData) -> ad.AnnData:
    """Cells of tumors, primary or metastatic, without the column that keeps primary tumors apart."""
    kept = cells[cells.obs["tissue"] != "normal"].copy()
    kept.obs["spread"] = kept.obs["tissue"].map({"metastasis": "metastases", "primary": "primaries"})
    kept.obs["class"] = kept.obs["cell_type"].map(IMMUNE).astype("category")
    del kept.obs["tissue"]
    return kept


def transcription_factors(lung: ad.AnnData) -> dict[str, Answer]:
    """SOX9 and SOX2 in cancer cells of metastases against primary tumors."""
    tumor = of_tumors(lung[lung.obs["compartment"] == "tumor"])
    niche.tl.compare_expression(tumor, "compartment", organ_key="spread")
    inside = (tumor.obs["spread"] == "metastases").to_numpy()
    answers = {}
    for gene in ("SOX9", "SOX2"):
        row = niche.get.compare_expression(tumor, contrast="metastases_vs_primaries", gene=gene)
        cells = rank_sum(sparse.csr_matrix(tumor[:, gene].X).toarray().ravel(), inside)
        answers[gene] = from_niche(row, "tl.compare_expression", "log2 fold change", over_cells=cells)
    return answers


def resident_genes() -> list[str]:
    """Markers of alveolar macrophages that niche's table gives to no other macrophage."""
    table = niche.resources.markers()
    alveolar = table["cell_type"] == "Alveolar macrophage"
    other = ~alveolar & (table["parent"].eq("Macrophage (pan)") | table["cell_type"].eq("Macrophage (pan)"))
    return sorted(set(table.loc[alveolar, "gene"]) - set(table.loc[other, "gene"]))


def resident_macrophages(lung: ad.AnnData) -> Answer:
    """Genes of alveolar macrophages in the macrophages of metastases against those of primary tumors."""
    cells = of_tumors(lung[lung.obs["cell_type"] == "Macrophage"])
    niche.tl.score_signatures(
        cells, {"resident": resident_genes()}, compartment=None, min_genes=FEWEST_GENES, organ_key="spread"
    )
    inside = (cells.obs["spread"] == "metastases").to_numpy()
    return from_niche(
        niche.get.signatures(cells, contrast="metastases_vs_primaries"),
        "tl.score_signatures", "log units per gene", -1,
        rank_sum(cells.obsm["signatures"]["resident"].to_numpy(), inside, -1),
    )  # fmt: skip


def immune_cells_of_brain(lung: ad.AnnData) -> Answer:
    """Share of immune cells among all cells, brain metastases against primary tumors."""
    cells = lung.copy()
    cells.obs["kind"] = np.where(cells.obs["cell_type"].isin(IMMUNE), "immune", "other")
    del cells.obs["compartment"]  # all cells are one whole
    niche.tl.composition(cells, "kind", tissues=("metastasis", "primary"))
    row = niche.get.composition(cells, contrast="brain_vs_primary", cell_type="immune")
    return from_niche(row, "tl.composition", "log2 odds", -1)


def checkpoint_in_adrenal(lung: ad.AnnData) -> Answer:
    """CD86 of macrophages to CTLA4 of T cells, adrenal metastases against the other organs."""
    cells = lung[lung.obs["cell_type"].isin(IMMUNE)].copy()
    cells.obs["class"] = cells.obs["cell_type"].map(IMMUNE).astype("category")
    del cells.obs["compartment"]
    niche.tl.communication(cells, "class", senders="all", receivers="all", null=None)
    niche.tl.compare_communication(cells)
    edges = niche.get.compare_communication(
        cells, contrast="adrenal_vs_rest", source=MACROPHAGES, target=T_CELLS
    )
    wanted = edges[(edges["ligand_complex"] == "CD86") & (edges["receptor_complex"] == "CTLA4")]
    return from_niche(wanted, "tl.communication, tl.compare_communication", "log2 fold change")


def antigen_presentation(breast: ad.AnnData) -> Answer:
    """Class I antigen presentation in cancer cells, lymph-node metastases against primary tumors."""
    niche.tl.score_signatures(
        breast, {"class I": CLASS_ONE}, min_genes=FEWEST_GENES, tissues=("metastasis", "primary")
    )
    tumor = (breast.obs["compartment"] == "tumor").to_numpy()
    inside = (breast.obs["tissue"] == "metastasis").to_numpy()[tumor]
    return from_niche(
        niche.get.signatures(breast, contrast="lymph_node_vs_primary"),
        "tl.score_signatures", "log units per gene", -1,
        rank_sum(breast.obsm["signatures"]["class I"].to_numpy()[tumor], inside, -1),
    )  # fmt: skip


def macrophages_in_residual_disease(lung: ad.AnnData, figure: Path) -> Answer:
    """Share of macrophages and monocytes among immune cells; biopsies as the authors chose them."""
    away = lung.obs["organ"].isin(["pleura", "brain"])
    cells = of_tumors(lung[lung.obs["cell_type"].isin(IMMUNE) & ~away])
    del cells.obs["compartment"]  # immune cells are one whole
    niche.tl.composition(cells, "class", organ_key="treatment")
    drawn = niche.pl.composition(cells, cell_type=[MACROPHAGES, T_CELLS], n_columns=2)
    with matplotlib.rc_context({"svg.hashsalt": "niche"}):
        drawn.savefig(figure, bbox_inches="tight", metadata={"Date": None})
    residual = (cells.obs["treatment"] == "residual").to_numpy()
    macrophage = (cells.obs["class"] == MACROPHAGES).to_numpy()
    p = stats.chi2_contingency(pd.crosstab(residual, macrophage)).pvalue
    shares = f"{macrophage[residual].mean():.0%} against {macrophage[~residual].mean():.0%}"
    return from_niche(
        niche.get.composition(cells, contrast="residual_vs_rest", cell_type=MACROPHAGES),
        "tl.composition", "log2 odds", -1, (f"{shares} of immune cells, p = {p:.1g}", p),
    )  # fmt: skip


def cancer_cells_under_therapy(lung: ad.AnnData) -> dict[str, Answer]:
    """The four gene sets of the authors in cancer cells of all biopsies."""
    cells = of_tumors(lung)
    niche.tl.score_signatures(cells, THERAPY_GENES, min_genes=FEWEST_GENES, organ_key="treatment")
    tumor = (cells.obs["compartment"] == "tumor").to_numpy()
    answers = {}
    for name in THERAPY_GENES:
        state = "residual" if name == "alveolar" else "progressive"
        inside = (cells.obs["treatment"] == state).to_numpy()[tumor]
        answers[name] = from_niche(
            niche.get.signatures(cells, contrast=f"{state}_vs_rest", signature=name),
            "tl.score_signatures", "log units per gene",
            over_cells=rank_sum(cells.obsm["signatures"][name].to_numpy()[tumor], inside),
        )  # fmt: skip
    return answers


def copy_number(breast: ad.AnnData, fewest: int = 5) -> Answer:
    """How well copy number tells epithelial cells from immune and stromal ones that are no reference."""
    niche.tl.infer_cnv(breast, reference_key="cell_type_marker", reference="T", key_added="cnv_by_t_cells")
    profile = sparse.csr_matrix(breast.obsm["X_cnv_by_t_cells"])
    signal = np.asarray(profile.multiply(profile).mean(axis=1)).ravel()
    label = breast.obs["cell_type_marker"]
    areas = {}
    for patient in breast.obs["patient"].cat.categories:
        mine = breast.obs["patient"] == patient
        epithelial = signal[mine & (label == "Epithelial")]
        host = signal[mine & label.isin(["B", "Myeloid", "Stromal"])]
        if min(len(epithelial), len(host)) >= fewest:
            above = stats.mannwhitneyu(epithelial, host).statistic
            areas[patient] = above / (len(epithelial) * len(host)) - 0.5
    return over_patients(pd.Series(areas), "tl.infer_cnv", "area under the curve above 0.5")


def immune_share(breast: ad.AnnData, fewest: int = 10) -> Answer:
    """Share of immune cells among the host cells of each patient."""
    samples = niche.get.compartments(breast)
    patient = breast.obs.drop_duplicates("sample").set_index("sample")["patient"]
    samples["patient"] = samples["sample"].astype(str).map(patient.to_dict())
    kinds = [f"n_{name}" for name in ("immune", "stromal", "endothelial", "parenchymal", "epithelial_normal")]
    host = samples.groupby("patient", observed=True)[kinds].sum()
    host = host[host.sum(axis=1) >= fewest]
    return over_patients(
        host["n_immune"] / host.sum(axis=1) - 0.5, "tl.call_compartments", "share above one half"
    )


def _sox(gene: str) -> Claim:
    return Claim(
        f"{gene} rises in metastases", "Laughney 2020",
        "Cancer cells of metastases of lung adenocarcinoma, unlike those of primary tumors, are enriched for "
        f"the transcription factor {gene}.",
        "Maynard's cells: cancer cells of metastases, all organs together, against those of primary tumors.",
    )  # fmt: skip


def _progression(name: str, genes: str) -> Claim:
    return Claim(
        f"{name} rise at progression", "Maynard 2020",
        f"Cancer cells of tumors that progress under therapy turn up the {genes}.",
        f"Score of the authors' genes ({', '.join(THERAPY_GENES[name.lower().removesuffix(' genes')])}) in "
        "cancer cells, progressive against the mean of residual and untreated.",
    )  # fmt: skip


CLAIMS = {
    "SOX9": _sox("SOX9"),
    "SOX2": _sox("SOX2"),
    "resident": Claim(
        "Resident macrophages are replaced", "Kim 2020",
        "From normal lung over primary tumors to metastases of lung adenocarcinoma, resident myeloid cells "
        "give way to macrophages and dendritic cells that come from monocytes.",
        f"Maynard's cells: genes of alveolar macrophages ({', '.join(resident_genes())}: those that niche's "
        "marker table gives to no other macrophage) in macrophages, lower in metastases than in primary "
        "tumors. Outside the lung that is no replacement: there never were alveolar macrophages.",
    ),
    "brain": Claim(
        "Fewer immune cells in the brain", "Wu 2023",
        "Brain metastases of lung adenocarcinoma hold fewer immune cells than primary tumors.",
        "Maynard's cells: share of immune cells among all cells, brain metastases against primary tumors.",
    ),
    "adrenal": Claim(
        "CD86-CTLA4 in the adrenal gland", REANALYSIS,
        "Of the organs that lung cancer spreads to, the adrenal gland is where CTLA4-CD86 leads.",
        "Maynard's cells: CD86 of macrophages to CTLA4 of T cells, adrenal metastases against other organs.",
    ),
    "antigen": Claim(
        "Antigen presentation falls in lymph nodes", "Liu 2022",
        "In breast cancer, cancer cells of lymph-node metastases present antigens less than those of the "
        "primary tumor.",
        f"Chung's cells: class I presentation ({', '.join(CLASS_ONE)}: our choice) in cancer cells, "
        "lymph-node metastases against primary tumors.",
    ),
    "macrophages": Claim(
        "Macrophages fall in residual disease", "Maynard 2020",
        "Biopsies of residual disease, which persists under targeted therapy, hold fewer macrophages.",
        "Share of macrophages and monocytes among immune cells, residual against the mean of untreated and "
        "progressive. Pleura and brain are left out, as the authors did.",
    ),
    "alveolar": Claim(
        "Alveolar genes rise in residual disease", "Maynard 2020",
        "Cancer cells that survive therapy express a signature of regenerating alveolar cells.",
        f"Score of the authors' genes ({', '.join(THERAPY_GENES['alveolar'])}) in cancer cells, residual "
        "against the mean of untreated and progressive.",
    ),
    "kynurenine": _progression("Kynurenine genes", "kynurenine pathway"),
    "plasminogen": _progression("Plasminogen genes", "plasminogen pathway"),
    "gap junction": _progression("Gap junction genes", "gap-junction pathway"),
    "copy number": Claim(
        "Copy number tells cancer cells", "Chung 2017",
        "Copy number inferred from expression separates carcinoma cells from the others.",
        "Strength of the profile in epithelial cells against B, myeloid and stromal cells (named by markers) "
        "of the same patient. T cells are the reference and are not judged. Primary tumors and lymph nodes; "
        "patients with 5 cells of both kinds.",
    ),
    "immune": Claim(
        "Most host cells are immune", "Chung 2017",
        "Most of the cells that are not carcinoma cells are immune cells.",
        "Share of immune cells among the host cells, called without labels, of patients with 10 of them.",
    ),
}  # fmt: skip


def answers(lung: ad.AnnData, breast: ad.AnnData, figure: Path) -> dict[str, Answer]:
    """Every statement with what niche says, in the order of the page."""
    found = {
        **transcription_factors(lung),
        "resident": resident_macrophages(lung),
        "brain": immune_cells_of_brain(lung),
        "adrenal": checkpoint_in_adrenal(lung),
        "antigen": antigen_presentation(breast),
        "macrophages": macrophages_in_residual_disease(lung, figure),
        **cancer_cells_under_therapy(lung),
        "copy number": copy_number(breast),
        "immune": immune_share(breast),
    }
    return {name: found[name] for name in CLAIMS}


PAGE = """# Published findings, asked again

{n} statements of {papers} publications about metastases in several organs, and about tumor and host in
them, asked of two public data sets with niche. Patients are the replicates. Every statement that was asked
stands here. `python benchmarks/published_finding.py` writes this page and shows every step.

- **Cells**: of {lung} the {n_lung:,} that were published with infercnvpy (log values, no counts;
  {lung_patients} patients, six organs), and {breast} ({n_breast} cells of {breast_patients} patients, two
  with a lymph-node metastasis). Most papers had more cells: what is undecided here may well be true.
  Statements 1 to 6 come from other patients than the cells; 7 to 13 are asked of a part of their own.
- **Sources**: what a paper says is in its abstract; the words are ours. For Maynard et al. genes and biopsies
  are those of [their notebooks](https://github.com/czbiohub-sf/scell_lung_adenocarcinoma), sites pooled as
  there: what therapy did cannot be told from the site that was sampled.
- **Rule**, fixed before any effect was computed (how many cells each biopsy has was known). An effect counts
  as positive in the published direction. *{agrees}*: its 95 % interval lies above 0. *{disagrees}*: it lies
  below 0. *{undecided}*: it holds 0. *{cannot}*: niche makes no call, for the reason given; it asks for
  {patients} patients on both sides. Intervals are not adjusted for their number: one in forty would agree
  where there is nothing.

{table}

In all: {counts}. Beside {n_cells} of them stands a test that takes every cell for a replicate (*over cells*):
it gives p <= 0.001 for {sure}; over patients {held} of those agree. The calls of niche are stricter than the
rule, for they are adjusted for all that was tested at once: they bear out {called}.

![Share of macrophages and of T cells among immune cells by what therapy had done](images/{figure})

*`niche.pl.composition`: a dot is a biopsy, a bar the mean of the patients.*

{sections}
"""


def number(answer: Answer) -> str:
    """Effect with its interval."""
    if np.isnan(answer.effect):
        return "none"
    if np.isnan(answer.low):
        return f"{answer.effect:+.2f}"
    return f"{answer.effect:+.2f} ({answer.low:+.2f} to {answer.high:+.2f})"


def source(name: str) -> str:
    """Link to a publication."""
    return f"[{name}]({PAPERS[name]})"


def section(place: int, claim: Claim, answer: Answer) -> str:
    """One statement in full."""
    said = verdict(answer)
    return "\n".join([
        f"## {place}. {claim.title}", "",
        f"- **Published**: {claim.says} {source(claim.source)}",
        f"- **Asked**: {claim.asked}",
        f"- **Found**: {number(answer)} ({answer.unit}), {answer.patients} patients; `{answer.function}`.",
        *([f"- **Call of niche**: {answer.call}."] if answer.call else []),
        *([f"- **Over cells**: {answer.over_cells}."] if answer.over_cells else []),
        f"- **Verdict**: {said}{': ' + answer.reason if answer.reason else ''}.",
    ])  # fmt: skip


def page(found: dict[str, Answer], lung: pd.DataFrame, breast: pd.DataFrame) -> str:
    """The page of docs."""
    head = ["| | statement | published by | effect (95 % interval) | patients | verdict |", "|" + 6 * "---|"]
    rows = [
        f"| {k} | {claim.title} | {source(claim.source)} | {number(found[name])} | {found[name].patients} "
        f"| {verdict(found[name])} |"
        for k, (name, claim) in enumerate(CLAIMS.items(), start=1)
    ]
    said = pd.Series([verdict(answer) for answer in found.values()])
    counts = ", ".join(f"{(said == v).sum()} {v}" for v in (AGREES, DISAGREES, UNDECIDED, CANNOT))
    sections = [section(k, CLAIMS[name], answer) for k, (name, answer) in enumerate(found.items(), start=1)]
    called = [
        CLAIMS[name].title.lower() for name, answer in found.items()
        if verdict(answer) == AGREES and answer.call.startswith(("`enriched", "`depleted", "`specific"))
    ]  # fmt: skip
    sure = np.array([answer.p_over_cells <= 0.001 for answer in found.values()])
    return PAGE.format(
        n_cells=sum(bool(answer.over_cells) for answer in found.values()), sure=sure.sum(),
        held=(sure & (said == AGREES)).sum(), called=" and ".join(called) or "none",
        n=len(CLAIMS), papers=len({claim.source for claim in CLAIMS.values()}),
        lung=source("Maynard 2020"), n_lung=len(lung), lung_patients=lung["patient"].nunique(),
        breast=source("Chung 2017"), n_breast=len(breast), breast_patients=breast["patient"].nunique(),
        agrees=AGREES, disagrees=DISAGREES, undecided=UNDECIDED, cannot=CANNOT, patients=PATIENTS,
        table="\n".join([*head, *rows]), counts=counts, figure=FIGURE,
        sections="\n\n".join(sections),
    )  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    """Write the page and its figure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs")
    out = parser.parse_args(arguments).out
    (out / "images").mkdir(parents=True, exist_ok=True)
    lung, breast = lung_cancer(), breast_cancer()
    found = answers(lung, breast, out / "images" / FIGURE)
    (out / "published_finding.md").write_text(page(found, lung.obs, breast.obs), encoding="utf-8")
    for name, answer in found.items():
        print(f"{name:14} {number(answer):28} {verdict(answer)}")


if __name__ == "__main__":
    main()

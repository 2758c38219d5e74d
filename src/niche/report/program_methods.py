"""Methods of programs and signatures in words, with the works to cite."""

from __future__ import annotations

import pandas as pd

from niche._slots import keys
from niche.report import formats
from niche.report.between_methods import models, several_sites
from niche.report.findings import Findings

PROGRAM_REFERENCES = {
    "cnmf": (
        "Kotliar D et al. Identifying gene expression programs of cell-type identity and cellular activity "
        "with single-cell RNA-Seq. eLife 2019;8:e43803",
        "10.7554/eLife.43803",
    ),
    "gavish": (
        "Gavish A et al. Hallmarks of transcriptional intratumour heterogeneity across a thousand tumours. "
        "Nature 2023;618:598-606",
        "10.1038/s41586-023-06130-4",
    ),
}
"""Name -> what to cite, DOI; beside those of tumor and host and of the comparison of organs."""


def told(found: Findings) -> tuple[list[str], list[str]]:
    """Paragraphs, and the references they need."""
    paragraphs: list[str] = []
    cited: list[str] = []
    if found.programs.there:
        words, name = _programs(found)
        paragraphs.append(words)
        cited.append(name)
    if found.programs.there and found.compare_programs.there:
        paragraphs.append(_compared(found))
        cited += ["squair", "bh"]
    if found.signatures.there:
        paragraphs.append(_signatures(found))
        cited.append("tirosh")
    return paragraphs, cited


def _programs(found: Findings) -> tuple[str, str]:
    stored = found.programs.value
    params = stored["params"]
    used = pd.DataFrame(stored["samples"])
    used = used[used["status"].astype(str) == "used"]
    first = (
        f"Programs were looked for in {params['compartment']} cells ({params['values']}) of "
        f"{formats.plural(len(used), 'sample')} of "
        f"{formats.plural(used['patient'].nunique(), 'patient')} with at least "
        f"{int(params['min_cells'])} of them, neither integrated nor told their organ. "
    )
    if str(params["mode"]) == "pooled":
        curve = pd.DataFrame(stored["curve"])
        tried = formats.listed([str(int(k)) for k in sorted(set(curve["k"]))])
        chosen = int(curve.loc[curve["chosen"].astype(bool), "k"].iloc[0])
        how = (
            "All cells were factorised at once, every patient counting alike, by consensus non-negative "
            f"matrix factorisation (Kotliar et al. 2019) with k of {tried} from {int(params['n_starts'])} "
            f"random starts each; k = {chosen} was the most stable. "
        )
        name = "cnmf"
    else:
        how = (
            "Every sample was factorised into 4 to 9 programs, and robust ones were gathered into "
            "metaprograms (Gavish et al. 2023). "
        )
        name = "gavish"
    last = (
        f"A program is the {int(params['genes_per_program'])} genes with the largest coefficients in the "
        "regression of standardised expression on its usage. It is background where these rise by less than "
        f"{float(params['min_strength']):g} standard deviations with it, patient-private where no other "
        "patient reaches a quarter of the usage."
    )
    return first + how + last, name


def _compared(found: Findings) -> str:
    stored = found.compare_programs.value
    params = stored["params"]
    leaked = (
        f"ambient-suspect where ambient molecules explain {float(params['max_share']):.0%} of the rise, or "
        if bool(stored["ambient_assessed"])
        else "ambient-suspect (the ambient share was not assessed) where "
    )
    return (
        "Usage was compared between organs with patients as the replicates (Squair et al. 2021): one mean of "
        f"all cells of a patient in an organ with at least {int(params['min_cells'])} of them, on the log2 "
        f"scale, in weighted linear models of {models(params)}; {several_sites(params, 'programs')}. "
        "q-values are those of Benjamini and Hochberg (1995) over programs. "
        f"A program is {leaked}host cells rise by {keys.LEAST_CONTROL:g} of what the tumor rises; "
        "organ-associated with q ≤ 0.1, an effect of at least "
        f"{keys.SMALLEST_PROGRAM_EFFECT:g} and three patients on both sides; intrinsic where every 90 % "
        "interval between organs lies within one doubling and two organs or the primary have it. Parts of "
        "the variance are moments of cells in patients in organs."
    )


def _signatures(found: Findings) -> str:
    params = found.signatures.value["params"]
    whose = str(params["compartment"])
    return (
        f"Signatures ({params['signatures']}) were scored as the mean of their genes over that of "
        f"{int(params['n_controls'])} control genes of like expression for each, drawn once for all cells "
        f"(after Tirosh et al. 2016), where at least {int(params['min_genes'])} genes were measured. Means "
        f"of {'all' if whose == 'None' else whose} cells of a patient in an organ (at least "
        f"{int(params['min_cells'])}) were compared in models of {models(params)}; "
        f"{several_sites(params, 'signatures')}."
    )


def resources_used(found: Findings) -> list[str]:
    """Tables of niche that programs were set beside, and that were scored."""
    names: list[str] = []
    if found.programs.there and str(found.programs.value["params"]["gene_sets"]).startswith("niche."):
        names += ["markers", "signatures"]
    if found.signatures.there and str(found.signatures.value["params"]["signatures"]).startswith("niche."):
        names.append("signatures")
    return names

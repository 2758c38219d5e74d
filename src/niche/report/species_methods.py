"""Methods of xenografts in words, with the works to cite."""

from __future__ import annotations

from niche import get
from niche.report.findings import Findings

SPECIES_REFERENCES = {
    "macosko": (
        "Macosko EZ et al. Highly parallel genome-wide expression profiling of individual cells using "
        "nanoliter "
        "droplets. Cell 2015;161:1202-14",
        "10.1016/j.cell.2015.05.002",
    ),
    "orthologs": (
        "Cunningham F et al. Ensembl 2022. Nucleic Acids Res 2022;50:D988-95",
        "10.1093/nar/gkab1049",
    ),
}
"""Name -> what to cite, DOI."""


def told(found: Findings) -> tuple[list[str], list[str]]:
    """Sentences, and the references they need."""
    if not (found.orthologs.there and found.species.there):
        return [], []
    params, organism = found.species.value["params"], found.orthologs.value["params"]["organism"]
    table = get.species(found.adata)
    n_split = int((table["status"] == "assessed").sum())
    words = (
        "Reads were counted on a combined reference of the human and mouse genome. Cells with at least "
        f"{int(params['min_counts'])} counts were called by the log ratio of human and mouse counts (after "
        "Macosko "
        "et al. 2015): in every sample a mixture of two Gaussians, about whose modes clean cells were taken "
        "as "
        "Gaussian (median and median absolute deviation); doublets of both species as sums of clean cells; "
        "thresholds where two of the three are equally likely. "
        f"{n_split} of {len(table)} samples had both species. "
        f"{str(params['graft_species']).capitalize()} cells were taken as tumor. Counts of the other "
        "species were "
        "dropped, and both species were brought to "
        f"{organism} symbols by one-to-one orthologs (Cunningham et al. 2022); genes without were left out."
    )
    return [words], ["macosko", "orthologs"]

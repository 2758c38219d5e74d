"""Methods of tumor and host in words, with the works to cite."""

from __future__ import annotations

import pandas as pd

from niche.report.findings import Findings

TUMOR_REFERENCES = {
    "patel": (
        "Patel AP et al. Single-cell RNA-seq highlights intratumoral heterogeneity in primary glioblastoma. "
        "Science 2014;344:1396-401",
        "10.1126/science.1254257",
    ),
    "tirosh": (
        "Tirosh I et al. Dissecting the multicellular ecosystem of metastatic melanoma by single-cell "
        "RNA-seq. Science 2016;352:189-96",
        "10.1126/science.aad0501",
    ),
    "harmony": (
        "Korsunsky I et al. Fast, sensitive and accurate integration of single-cell data with Harmony. Nat "
        "Methods 2019;16:1289-96",
        "10.1038/s41592-019-0619-0",
    ),
    "rand": ("Hubert L, Arabie P. Comparing partitions. J Classif 1985;2:193-218", "10.1007/BF01908075"),
    "ontology": (
        "Diehl AD et al. The Cell Ontology 2016: enhanced content, modularization, and ontology "
        "interoperability. J Biomed Semantics 2016;7:44",
        "10.1186/s13326-016-0088-7",
    ),
    "soupx": (
        "Young MD, Behjati S. SoupX removes ambient RNA contamination from droplet-based single-cell RNA "
        "sequencing data. GigaScience 2020;9:giaa151",
        "10.1093/gigascience/giaa151",
    ),
}
"""Name -> what to cite, DOI."""


def told(found: Findings) -> tuple[list[str], list[str]]:
    """Sentences, and the references they need."""
    parts: list[str] = []
    cited: list[str] = []
    if found.cnv.there:
        stored = found.cnv.value
        parts.append(
            f"Copy number was read from expression (Patel et al. 2014) in windows of "
            f"{int(stored['params']['window_size'])} neighbouring genes, against "
            f"{stored['reference_statement']}."
        )
        cited.append("patel")
    if found.compartments.there and not found.labelled:
        params = found.compartments.value["params"]
        parts.append(
            "Malignant cells were called by signal and correlation of the copy-number profile (Tirosh et al. "
            "2016) together with lineage markers: tumor from a probability of "
            f"{float(params['tumor_from']):g}, host up to {float(params['host_below']):g}, else unresolved. "
            "A sample counts as having copy-number evidence only where two halves of its genes see the same "
            "gains and losses."
        )
        cited.append("tirosh")
    if found.integrate.there:
        batch = str(found.integrate.value["params"]["batch_key"])
        parts.append(f"Host cells were integrated over {batch} with Harmony (Korsunsky et al. 2019).")
        cited.append("harmony")
    if found.cluster.there and len(pd.DataFrame(found.cluster.value.get("stability", {}))):
        parts.append(
            "The stability of clusters is the adjusted Rand index (Hubert and Arabie 1985) over seeds and "
            "subsamples."
        )
        cited.append("rand")
    if found.annotate.there:
        parts.append(
            "Cell types were named by marker genes, with ids of the Cell Ontology (Diehl et al. 2016)."
        )
        cited.append("ontology")
    if found.ambient.there:
        parts.append(
            "The ambient fraction of every sample was estimated from genes that only other cell types "
            "express, an idea of SoupX (Young and Behjati 2020); nothing was subtracted."
        )
        cited.append("soupx")
    return parts, cited

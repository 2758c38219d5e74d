"""Methods in words that can be copied, with the works to cite."""

from __future__ import annotations

import pandas as pd

from niche import resources
from niche.report import (
    account_methods,
    between_methods,
    formats,
    program_methods,
    spatial_methods,
    species_methods,
)
from niche.report.blocks import Block, Heading, Link, Links, Section, Text, table
from niche.report.findings import Findings
from niche.report.tumor_methods import TUMOR_REFERENCES, told

NAME, TITLE = "methods", "Methods and citations"

REFERENCES = TUMOR_REFERENCES | {
    "anndata": (
        "Virshup I et al. anndata: access and store annotated data matrices. J Open Source Softw 2024;9:4371",
        "10.21105/joss.04371",
    ),
    "scanpy": (
        "Wolf FA et al. SCANPY: large-scale single-cell gene expression data analysis. Genome Biol "
        "2018;19:15",
        "10.1186/s13059-017-1382-0",
    ),
    "scrublet": (
        "Wolock SL et al. Scrublet: computational identification of cell doublets. Cell Syst 2019;8:281-91",
        "10.1016/j.cels.2018.11.005",
    ),
    "leiden": (
        "Traag VA et al. From Louvain to Leiden: guaranteeing well-connected communities. Sci Rep "
        "2019;9:5233",
        "10.1038/s41598-019-41695-z",
    ),
    "umap": (
        "McInnes L et al. UMAP: uniform manifold approximation and projection. J Open Source Softw "
        "2018;3:861",
        "10.21105/joss.00861",
    ),
    "cellphonedb": (
        "Efremova M et al. CellPhoneDB: inferring cell-cell communication from combined expression of "
        "multi-subunit complexes. Nat Protoc 2020;15:1484-506",
        "10.1038/s41596-020-0292-x",
    ),
    "liana": (
        "Dimitrov D et al. Comparison of methods and resources for cell-cell communication inference. Nat "
        "Commun 2022;13:3224",
        "10.1038/s41467-022-30755-0",
    ),
    "bh": (
        "Benjamini Y, Hochberg Y. Controlling the false discovery rate. J R Stat Soc B 1995;57:289-300",
        "10.1111/j.2517-6161.1995.tb02031.x",
    ),
    "rra": (
        "Kolde R et al. Robust rank aggregation for gene list integration and meta-analysis. "
        "Bioinformatics 2012;28:573-80",
        "10.1093/bioinformatics/btr709",
    ),
}
"""Name -> what to cite, DOI."""

REFERENCES |= (
    between_methods.BETWEEN_REFERENCES
    | program_methods.PROGRAM_REFERENCES
    | account_methods.ACCOUNT_REFERENCES
    | species_methods.SPECIES_REFERENCES
    | spatial_methods.SPATIAL_REFERENCES
)


def section(found: Findings) -> Section:
    """Build the section."""
    paragraphs, cited = _told(found)
    blocks: list[Block] = [Text(paragraph) for paragraph in paragraphs]
    used = _resources(found)
    if len(used):
        blocks += [
            Heading("Data that came with niche"),
            table(
                used,
                "Tables used, with licence and citation",
                {
                    "name": ("Table", formats.text),
                    "version": ("Version", formats.text),
                    "rows": ("Rows", formats.count),
                    "licence": ("Licence", formats.text),
                    "citation": ("Citation", formats.text),
                },
            ),
        ]
    blocks.append(Heading("Works to cite"))
    blocks.append(
        Links(
            [
                Link(
                    f"{REFERENCES[name][0]}. doi:{REFERENCES[name][1]}",
                    f"https://doi.org/{REFERENCES[name][1]}",
                )
                for name in cited
            ]
        )
    )
    return Section(NAME, TITLE, blocks)


def _told(found: Findings) -> tuple[list[str], list[str]]:
    """Paragraphs, and the references they need in order."""
    parts, cited = species_methods.told(found)
    cited = ["anndata", *cited]
    if found.genes.there:
        parts.append(
            "Gene names were brought to current symbols by Ensembl id, current and previous symbol; genes "
            "that turned out to be the same were summed."
        )
    if found.qc.there:
        params = found.qc.value["params"]
        parts.append(
            f"Cells were judged within their sample; outliers lie more than {float(params['n_mads']):g} "
            "median absolute deviations from the median of log counts (where there are counts), log genes, "
            "or the share of the 20 top or of mitochondrial genes."
        )
        cited.append("scanpy")
        if "done" in set(pd.DataFrame(found.qc.value["table"])["scrublet"].astype(str)):
            parts.append("Doublets were scored per sample with Scrublet (Wolock et al. 2019).")
            cited.append("scrublet")
    if found.normalize.there:
        target = float(found.normalize.value["params"]["target_sum"])
        parts.append(
            f"Counts were scaled to {target:,.0f} per cell and log1p-transformed with scanpy (Wolf et al. "
            "2018)."
        )
        cited += [name for name in ("scanpy",) if name not in cited]
    words, names = told(found)
    parts += words
    cited += names
    if found.cluster.there:
        parts.append(
            "Cells were clustered inside each compartment with Leiden (Traag et al. 2019) and shown on a "
            "UMAP (McInnes et al. 2018)."
        )
        cited += ["leiden", "umap"]
    paragraphs = [" ".join(parts)] if parts else []
    if found.communication.there:
        paragraphs += _communication(found)
        cited += ["cellphonedb", "liana", "bh", "rra"]
    for other in (between_methods, spatial_methods, program_methods, account_methods):
        words, names = other.told(found)
        paragraphs += words
        cited += [name for name in names if name not in cited]
    return paragraphs, cited


def _communication(found: Findings) -> list[str]:
    params = found.params
    first = (
        f"Ligand-receptor pairs of {params['resource']} were looked up between cell types, in each organ. "
        "Means and shares of expressing cells were taken within each sample, a complex being its least "
        "expressed subunit there; samples were averaged within the patient and patients within the organ. "
        f"Only samples with at least {int(params['min_cells'])} cells of both types count, and both genes "
        f"had to be expressed by at least {float(params['expr_prop']):.0%} of the cells."
    )
    if "pval" not in found.tested:
        return [first]
    n_perms = formats.count(params.get("n_perms", 0))
    law = {
        "hybrid": (
            f"from a saddlepoint approximation with these cumulants, or from up to {n_perms} real "
            "permutations where that is not trusted (few expressing cells, strong skew) or where the "
            "decision about a complex hinges on it"
        ),
        "analytic": "from a saddlepoint approximation with these cumulants, for complexes as a bound",
        "permutation": f"from {n_perms} permutations of every edge",
    }[str(params["null"])]
    used = formats.listed(
        [f"{name} ({n:,} edges)" for name, n in found.tested["null"].astype(str).value_counts().items()]
    )
    second = (
        "The p-value of an edge belongs to the mean of its ligand and receptor means when cell type labels "
        "are permuted within every sample (the statistic of CellPhoneDB, Efremova et al. 2020). The "
        "cumulants of the permutation distribution are exact, the fourth up to the joint terms of the two "
        f"sides; p-values come {law}. They are never 0. Where they came from: "
        f"{used or 'no edge was tested'}. q-values are those of Benjamini and Hochberg (1995) over the "
        "tested edges of the organ. Further scores are those of LIANA's methods (Dimitrov et al. 2022), "
        "aggregated by robust rank aggregation (Kolde et al. 2012)."
    )
    return [first, second]


def _resources(found: Findings) -> pd.DataFrame:
    """Rows of the registry for the tables that were used."""
    results = [result for result in (found.communication, found.spatial) if result.there]
    pairs = list(dict.fromkeys(str(result.value["params"]["resource"]) for result in results))
    names = [source.split(" ", 1)[0] for source in pairs]
    if found.axes.there or found.account.there:
        names.append("axes")
    if found.account.there:
        names.append("mediators")
    names += program_methods.resources_used(found)
    if found.genes.there:
        names += [
            f"gene_positions_{found.genes.value['params']['organism']}",
            "symbol_history",
            "symbol_history_human",
        ]
    if found.orthologs.there:
        names.append("orthologs")
    if found.compartments.there:
        names.append("lineages")
    if found.annotate.there or (found.compartments.there and not found.labelled):
        names.append("markers")
    if found.cnv.there and not found.genes.there:
        names += ["gene_positions_human", "gene_positions_mouse"]
    table = resources.available()
    used = table[table["name"].isin(names)].reset_index(drop=True)
    own = [
        {"name": source, "version": "", "licence": "not stated", "citation": "given by the user"}
        for source in pairs
        if source.split(" ", 1)[0] not in set(used["name"])
    ]
    return pd.concat([pd.DataFrame(own), used], ignore_index=True) if own else used

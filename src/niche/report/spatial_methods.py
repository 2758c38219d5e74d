"""Methods of sections of tissue in words, with the works to cite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from niche._slots import spatial_codes as codes
from niche._slots.write import NONE
from niche.report import formats, spatial_tables
from niche.report.between_methods import models, several_sites
from niche.report.findings import Findings

SPATIAL_REFERENCES = {
    "spatialdm": (
        "Li Z et al. SpatialDM for rapid identification of spatially co-expressed ligand-receptor and "
        "revealing cell-cell communication patterns. Nat Commun 2023;14:3995",
        "10.1038/s41467-023-39608-w",
    ),
    "liana_plus": (
        "Dimitrov D et al. LIANA+ provides an all-in-one framework for cell-cell communication inference. "
        "Nat Cell Biol 2024;26:1613-22",
        "10.1038/s41556-024-01469-w",
    ),
    "wartenberg": (
        "Wartenberg D. Multivariate spatial correlation: a method for exploratory geographical analysis. "
        "Geogr Anal 1985;17:263-83",
        "10.1111/j.1538-4632.1985.tb00849.x",
    ),
    "hoeffding": (
        "Hoeffding W. A combinatorial central limit theorem. Ann Math Stat 1951;22:558-66",
        "10.1214/aoms/1177729545",
    ),
    "anselin": (
        "Anselin L. Local indicators of spatial association: LISA. Geogr Anal 1995;27:93-115",
        "10.1111/j.1538-4632.1995.tb00338.x",
    ),
    "squidpy": (
        "Palla G et al. Squidpy: a scalable framework for spatial omics analysis. Nat Methods "
        "2022;19:171-8",
        "10.1038/s41592-021-01358-2",
    ),
    "knapp": (
        "Knapp G, Hartung J. Improved tests for a random effects meta-regression with a single covariate. "
        "Stat Med 2003;22:2693-710",
        "10.1002/sim.1482",
    ),
}
"""Name -> what to cite, DOI."""

_GRAPHS = {
    "auto": "neighbours on the array where there is a tissue image, else the {n} nearest spots",
    "grid": "the {n} neighbours on the array",
    "knn": "the {n} nearest spots",
    "radius": "all spots within {radius:g} units of the coordinates",
    "delaunay": "neighbours by Delaunay triangulation",
}


def told(found: Findings) -> tuple[list[str], list[str]]:
    """Paragraphs, and the references they need."""
    paragraphs: list[str] = []
    cited: list[str] = []
    if found.spatial.there:
        words, names = _tests(found.spatial.value)
        paragraphs.append(words)
        cited += names
    if found.spatial.there and spatial_tables.compared(found):
        paragraphs.append(_compared(found))
        cited += ["squair", "knapp", "bh"]
    if found.touching.there:
        params = found.adata.uns["touching"]["params"]
        paragraphs.append(
            f"Contacts between cell types of {params['groupby']!r} are edges of the graph "
            f"({graph(params)}), set against {int(params['n_perms']):,} permutations of the types over the "
            "cells of each section as in the neighbourhood enrichment of squidpy (Palla et al. 2022)."
        )
        cited.append("squidpy")
    return paragraphs, list(dict.fromkeys(cited))


def graph(params: Mapping[str, Any]) -> str:
    """Which spots were neighbours."""
    if str(params["connectivity_key"]) != NONE:
        return f"weights of obsp[{str(params['connectivity_key'])!r}]"
    radius = 0.0 if str(params["radius"]) == NONE else float(params["radius"])
    return _GRAPHS[str(params["graph"])].format(n=int(params["n_neighs"]), radius=radius)


def _tests(stored: Mapping[str, Any]) -> tuple[str, list[str]]:
    params = stored["params"]
    cited = ["wartenberg", "spatialdm", "liana_plus", "bh"]
    built = str(params["connectivity_key"]) == NONE
    cited += ["squidpy"] if built else []
    by_squidpy = " by squidpy (Palla et al. 2022)" if built else ""
    side = str(params["permuted"])
    if str(params["null"]) == "analytic":
        law = (
            "from the saddlepoint law with the first four cumulants of all permutations, which are exact "
            "(after Hoeffding 1951)"
        )
        cited.append("hoeffding")
    else:
        law = f"from {int(params['n_perms']):,} permutations"
    words = (
        f"Ligand-receptor pairs of {params['resource']} were tested in every section with at least "
        f"{int(params['min_spots'])} spots by the bivariate Moran's R (Wartenberg 1985) as SpatialDM (Li et "
        "al. 2023) and LIANA+ (Dimitrov et al. 2024) define it, a complex being its lowest subunit in every "
        f"spot. Neighbours: {graph(params)}{by_squidpy}; no edge joins two sections. Both genes had to be "
        f"expressed by {float(params['expr_prop']):.0%} of the spots. The {side} is permuted over the spots "
        f"while the other side keeps its places; p-values come {law} and are never 0. q-values are those of "
        "Benjamini and Hochberg (1995) over the tested pairs of the section."
    )
    if str(params["interface_key"]):
        words += _border(stored)
    if np.asarray(stored["local"]["pair"]).size:
        words += (
            " Local statistics (Anselin 1995) keep a spot and permute the others, with exact moments; hot "
            "spots have q ≤ 0.05 among the spots of their section."
        )
        cited.append("anselin")
    return words, cited


def _border(stored: Mapping[str, Any]) -> str:
    params = stored["params"]
    among = "" if str(params["groupby"]) == NONE else f" and of one cell type ({params['groupby']})"
    return (
        f" Across the border (sides by {str(params['interface_key'])!r}) only edges between a tumor and a "
        f"host spot count, where each side has at least {int(params['min_interface'])} spots there; each "
        f"gene in turn is permuted among the spots of its own side{among}, and the larger p-value is taken."
    )


def _compared(found: Findings) -> str:
    first = spatial_tables.compared(found)[0]
    params = found.adata.uns[first]["params"]
    which = {
        codes.SECTION: "R of whole sections", "tumor_to_host": "the correlation from tumor to host",
        "host_to_tumor": "the correlation from host to tumor",
    }  # fmt: skip
    there = [which[spatial_tables.statistic_of(found, key)] for key in spatial_tables.compared(found)]
    return (
        "Sections were compared with patients as the replicates (Squair et al. 2021): "
        f"{formats.listed(there)} on the scale of artanh, sections averaged within the patient and organ, "
        "weighted by the spread between patients and the permutation variance with the scale estimated "
        f"again (Knapp and Hartung 2003), in models of {models(params)}; "
        f"{several_sites(params, 'pairs')}. q-values are those of Benjamini and Hochberg (1995) over pairs."
    )

"""What has been published on organ-specific metastasis: mediators, axes, signatures, rates of relapse."""

from __future__ import annotations

import pandas as pd

from niche.resources._arguments import rows_of_organ
from niche.resources._location import read_table

__all__ = ["axes", "mediators", "signature_notes", "signatures", "subtype_site_rates"]


def mediators(organ: str | None = None) -> pd.DataFrame:
    """Published mediators of metastasis, gene by organ.

    Parameters
    ----------
    organ
        ``"bone"``, ``"lung"``, ``"brain"``, ``"liver"``, ``"lymph_node"``, or ``"general"`` for those not
        tied to one organ; None gives all. Another organ gives no rows and a warning.

    Returns
    -------
    DataFrame
        Columns ``gene_symbol, partner_symbol, organ, side, mechanism, step, evidence, effect, status, scored,
        not_scored_reason, citation, pmid, doi, pmcid, source_seen, note`` (see ``data/README.md``).

    Raises
    ------
    InputTypeError
        ``organ`` is neither text nor None.

    Notes
    -----
    Use only rows with ``scored``: findings whose paper was retracted stay in the table, so that a reader
    sees that they were considered, with ``status == "retracted"`` and ``scored`` False. The same gene can
    promote metastasis to one organ and suppress it in another (``effect``; DKK1 in bone and lung).

    Examples
    --------
    >>> from niche import resources
    >>> table = resources.mediators()
    >>> dkk1 = table[table["gene_symbol"] == "DKK1"].set_index("organ")["effect"]
    >>> dkk1["bone"], dkk1["lung"]
    ('promoter', 'suppressor')
    >>> bool(table.loc[table["status"] == "retracted", "scored"].any())
    False
    """
    table = read_table("mediators.tsv", booleans=("scored",))
    return rows_of_organ(table, organ, what="published mediators")


def axes(organ: str | None = None) -> pd.DataFrame:
    """Published ligand-receptor axes between tumor and host, per organ.

    Parameters
    ----------
    organ
        As in :func:`mediators`.

    Returns
    -------
    DataFrame
        Columns ``organ, ligand, receptor, sender_cell_type, receiver_cell_type, direction, direction_class,
        scorable, not_scorable_reason, citation, pmid, doi, pmcid, in_liana_consensus, rna_detectability,
        note``. Complexes are joined by ``_``. ``direction_class`` is one of ``"tumor->host"``,
        ``"host->tumor"``, ``"host->host"``, ``"autocrine"``, ``"bidirectional"``.

    Raises
    ------
    InputTypeError
        ``organ`` is neither text nor None.

    Notes
    -----
    ``scorable`` is False where an end is not a gene (glutamate). ``rna_detectability`` tells where silence
    means *not testable* and not *absent*. The table describes results; nothing is ranked or scored by it,
    so that recovering it stays a test.

    Examples
    --------
    >>> from niche import resources
    >>> table = resources.axes("lymph_node")
    >>> sorted(set(table["ligand"]))
    ['CCL21', 'CXCL12', 'VEGFC', 'VEGFD']
    """
    return rows_of_organ(read_table("axes.tsv", booleans=("scorable",)), organ, what="published axes")


def signatures() -> pd.DataFrame:
    """Small published gene signatures, as far as their genes were seen in print.

    Returns
    -------
    DataFrame
        Columns ``signature, organ, direction, gene, citation, pmid, source, completeness``; one row per
        signature and gene. ``completeness`` says how much of the published set is here.

    Examples
    --------
    >>> from niche import resources
    >>> resources.signatures().groupby("signature").size().to_dict()
    {'BONE_KANG_2003': 6, 'DORMANCY_LIFR_AXIS': 3, 'LMS18_MINN_2005': 14}
    """
    return read_table("signatures.tsv")


def signature_notes() -> pd.DataFrame:
    """Published signatures of organs that are mostly signatures of subtypes.

    Returns
    -------
    DataFrame
        Columns ``signature, shares_with`` (the set of a subtype), ``n_shared`` of ``n_genes`` genes,
        ``citation, doi, source``. :func:`niche.get.signatures` shows them beside signatures of that name.

    Notes
    -----
    Smid M, Cancer Res 2008;68:3108-14, doi 10.1158/0008-5472.CAN-07-5644. A set that is not listed was not
    looked at: it may hold genes of subtypes as well.

    Examples
    --------
    >>> from niche import resources
    >>> notes = resources.signature_notes().set_index("signature")
    >>> row = notes.loc["SMID_BREAST_CANCER_RELAPSE_IN_BONE_UP"]
    >>> f"{row['n_shared']} of {row['n_genes']} genes are in {row['shares_with']}"
    '90 of 98 genes are in SMID_BREAST_CANCER_BASAL_DN'
    """
    return read_table("signature_notes.tsv", integers=("n_shared", "n_genes"))


def subtype_site_rates() -> pd.DataFrame:
    """Share of relapsed breast cancer patients with a relapse in each organ, by subtype.

    Returns
    -------
    DataFrame
        Columns ``subtype, n_relapsed, organ, percent, citation, doi, pmcid, source``. A patient can relapse
        in several organs: the percentages of a subtype do not add to 100.

    Notes
    -----
    Kaplan MA, Breast Care 2016, doi 10.1159/000448186.

    Examples
    --------
    >>> from niche import resources
    >>> rates = resources.subtype_site_rates()
    >>> rates.loc[rates["organ"] == "brain"].set_index("subtype")["percent"].to_dict()
    {'HER2': 25.3, 'TNBC': 23.1, 'luminal_A': 10.1, 'luminal_B': 15.1}
    """
    table = read_table("subtype_site_rates.tsv", integers=("n_relapsed",))
    return table.assign(percent=table["percent"].astype(float))

"""Methods of the seed-and-soil account in words, with the works to cite."""

from __future__ import annotations

from niche._slots import keys
from niche.report.findings import Findings

ACCOUNT_REFERENCES = {
    "paget": (
        "Paget S. The distribution of secondary growths in cancer of the breast. Lancet 1889;133:571-3",
        "10.1016/S0140-6736(00)49915-0",
    ),
    "lu_kang": (
        "Lu X, Kang Y. Organotropism of breast cancer metastasis. J Mammary Gland Biol Neoplasia "
        "2007;12:153-62",
        "10.1007/s10911-007-9047-3",
    ),
}
"""Name -> what to cite, DOI."""


def told(found: Findings) -> tuple[list[str], list[str]]:
    """Paragraphs, and the references they need."""
    if not found.account.there:
        return [], []
    params = found.adata.uns[keys.TROPISM]["params"]
    n_screen = int(params["n_screen"])
    screen = (
        f" A functional screen with {n_screen:,} rows was given: its hits (q ≤ 0.1) are named beside the "
        "items that hold their genes and change no call."
        if n_screen
        else ""
    )
    words = (
        "The account joins the tests of programs and signatures of tumor cells (the seed of Paget 1889), "
        "of edges between tumor and host and of the composition of the host (the soil), following Lu and "
        "Kang (2007). Every item keeps its own effect, interval, q-value and call; nothing is summed to a "
        "score of an organ. The driver of an edge is the side whose gene moves: tumor is the seed, host "
        "the soil. Cell types that one organ alone has are described. Published mediators were looked up "
        "in the test of their gene between organs in cells of the compartment in which they were "
        "published to act: of several cell types the smallest p-value times their number, then Benjamini- "
        "Hochberg over the mediators of all organs; found at q ≤ 0.1 and an absolute log2 fold change of "
        "at least 0.5 in the published direction. Retracted publications are shown and never scored. No "
        f"item is chosen or ranked by what is published.{screen}"
    )
    return [words], list(ACCOUNT_REFERENCES)

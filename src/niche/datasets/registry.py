"""The public data sets niche knows: where each comes from, its checksum, licence and citation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PublicData:
    """One public file.

    Attributes
    ----------
    name, title
        Name of the loader, and what the data are.
    file
        File name of the original.
    prepared
        File name of a copy with the additional tables already joined; empty if there is none.
    url, sha256
        Original address and checksum of the original.
    archive, archive_sha256, archive_member
        Published Python package (``name==version``) whose source archive holds the same file, the
        checksum of that archive, and the path of the file inside it.
    licence, citation, doi
        Terms of use and what to cite.
    """

    name: str
    title: str
    file: str
    prepared: str
    url: str
    sha256: str
    archive: str
    archive_sha256: str
    archive_member: str
    licence: str
    citation: str
    doi: str


MAYNARD2020 = PublicData(
    name="maynard2020",
    title="3,000 cells of metastatic lung cancer (Smart-seq2), log1p counts per million",
    file="maynard2020_3k.h5ad",
    prepared="maynard2020_nsclc_mets_3k.h5ad",
    url="https://github.com/icbi-lab/infercnvpy/releases/download/d0.1.0/maynard2020_3k.h5ad",
    sha256="12be17faefe6893fadc4fbcbdfda9c6fbcf08a6c5b9275d8e016ba2361b840da",
    archive="infercnvpy==0.4.2",
    archive_sha256="3cfd23afc2dbbca3508a305032c032440d2af292d037d43a7b5046c7bd36ed22",
    archive_member="docs/notebooks/data/maynard2020_3k.h5ad",
    licence="BSD-3-Clause (subset published with infercnvpy)",
    citation=(
        "Maynard A, McCoach CE, Rotow JK, et al. Therapy-Induced Evolution of Human Lung Cancer Revealed by "
        "Single-Cell RNA Sequencing. Cell 2020;182:1232-1251."
    ),
    doi="10.1016/j.cell.2020.07.017",
)

REGISTRY = {data.name: data for data in (MAYNARD2020,)}

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


@dataclass(frozen=True)
class LocalData:
    """A public study whose file, as it is used here, lies at no address: it has to be put in place.

    Attributes
    ----------
    name, title
        Name of the loader, and what the data are.
    file, sha256
        File name and checksum.
    url
        Where the study is deposited.
    origin
        How the file comes about from what is public.
    licence, citation, doi
        Terms of use and what to cite.
    """

    name: str
    title: str
    file: str
    sha256: str
    url: str
    origin: str
    licence: str
    citation: str
    doi: str


CHUNG2017 = LocalData(
    name="chung2017",
    title="549 cells of breast cancers and lymph-node metastases (Smart-seq2), raw read counts",
    file="chung2017_breast_primary_LNmet.h5ad",
    sha256="ab488204e8b2f95250fcbf0c466e08d3853bad0ffee44664dc6deea127e0187c",
    url="https://www.ncbi.nlm.nih.gov/geo/query/acc.cgi?acc=GSE75688",
    origin=(
        "GSE75688 holds TPM; these are read counts of the same cells (nf-core/smartseq2), from counts.tsv in "
        "docs/tutorials/example_data/chung-park-2017.tar.bz2 of the source archive of scirpy 0.25.1"
    ),
    licence="BSD-3-Clause (counts as published with scirpy)",
    citation=(
        "Chung W, Eum HH, Lee HO, et al. Single-cell RNA-seq enables comprehensive tumour and immune cell "
        "profiling in primary breast cancer. Nat Commun 2017;8:15081."
    ),
    doi="10.1038/ncomms15081",
)

THRANE2018 = LocalData(
    name="thrane2018",
    title="one section of a melanoma lymph-node metastasis, 293 spots (Spatial Transcriptomics), raw counts",
    file="thrane_melanoma_LNmet_spatial293.h5ad",
    sha256="e448424f131e552b5c13e0cee212bc89964c70acf9e7c65df53e4f540feea12f",
    url="https://github.com/StatBiomed/SpatialDM",
    origin=(
        "counts, places and decomposed cell-type shares are those of spatialdm/sdm_melanoma.h5ad in the "
        "source archive of SpatialDM 0.0.5"
    ),
    licence="Apache-2.0 (as published with SpatialDM)",
    citation=(
        "Thrane K, Eriksson H, Maaskola J, Hansson J, Lundeberg J. Spatially Resolved Transcriptomics "
        "Enables Dissection of Genetic Heterogeneity in Stage III Cutaneous Malignant Melanoma. Cancer Res "
        "2018;78:5970-5979."
    ),
    doi="10.1158/0008-5472.CAN-18-0747",
)

REGISTRY = {data.name: data for data in (MAYNARD2020,)}
LOCAL = {data.name: data for data in (CHUNG2017, THRANE2018)}

"""The gene universe of a draw: real symbols, and the role each gene plays."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from niche import resources
from niche.datasets._simulate.axes import SUBUNIT
from niche.datasets._simulate.options import Options
from niche.errors import InputValueError

SUBTYPE_MARKERS = {
    "luminal": "Luminal (ER+) program",
    "HER2": "HER2 program",
    "basal": "Basal program",
}
_RIBOSOMAL = 30
_RIBOSOMAL_NAME = re.compile(r"RP[LS]\d")
_BACKGROUND_SHARE = 0.25

# S and G2/M genes of Tirosh et al., Science 2016 (doi:10.1126/science.aad0501), current symbols.
_CELL_CYCLE = """
MCM5 PCNA TYMS FEN1 MCM2 MCM4 RRM1 UNG GINS2 MCM6 CDCA7 DTL PRIM1 UHRF1 CENPU HELLS RFC2 RPA2 NASP
    RAD51AP1 GMNN WDR76 SLBP CCNE2 UBR7 POLD3 MSH2 ATAD2 RAD51 RRM2 CDC45 CDC6 EXO1 TIPIN DSCC1 BLM
    CASP8AP2 USP1 CLSPN POLA1 CHAF1B BRIP1 E2F8 HMGB2 CDK1 NUSAP1 UBE2C BIRC5 TPX2 TOP2A NDC80 CKS2 NUF2
    CKS1B MKI67 TMPO CENPF TACC3 PIMREG SMC4 CCNB2 CKAP2L CKAP2 AURKB BUB1 KIF11 ANP32E TUBB4B GTSE1
    KIF20B HJURP CDCA3 JPT1 CDC20 TTK CDC25C KIF2C RANGAP1 NCAPD2 DLGAP5 CDCA2 CDCA8 ECT2 KIF23 HMMR
    AURKA PSRC1 ANLN LBR CKAP5 CENPE CTCF NEK2 G2E3 GAS2L3 CBX5 CENPA
"""
CELL_CYCLE = tuple(_CELL_CYCLE.split())


@dataclass(frozen=True)
class Universe:
    """Genes of the draw, in alphabetical order, and the genes of every block.

    Attributes
    ----------
    var
        Indexed by symbol: ensembl_id, chromosome, start, end, truth_role.
    markers
        Cell type label of the marker table to its genes.
    subtype_genes
        Subtype to the genes its malignant cells raise.
    blocks
        Program name (``cell_cycle``, ``shared_1``, ``organ_bone``, ``private_1``, ``leaked_bone``)
        to its genes.
    """

    var: pd.DataFrame
    markers: dict[str, list[str]]
    subtype_genes: dict[str, list[str]]
    blocks: dict[str, list[str]]

    def positions(self, genes: list[str]) -> np.ndarray:
        """Return the column number of every gene."""
        return self.var.index.get_indexer(pd.Index(genes))


def known_genes() -> pd.DataFrame:
    """Return the protein-coding genes that may be drawn, one row per symbol, indexed by it."""
    table = resources.gene_positions("human")
    table = table[(table["biotype"] == "protein_coding") & (table["chromosome"] != "chrY")]
    table = table[~table["symbol"].duplicated(keep=False)].set_index("symbol")
    return table[["ensembl_id", "chromosome", "start", "end"]].sort_index()


def marker_genes(labels: list[str], known: pd.Index) -> dict[str, list[str]]:
    """Return the marker genes of the cell type labels, restricted to known symbols."""
    table = resources.markers()
    table = table[table["gene"].isin(known)]
    return {label: sorted(set(table.loc[table["cell_type"] == label, "gene"])) for label in labels}


def list_genes(pairs: pd.DataFrame) -> list[str]:
    """Return every gene of a ligand-receptor list, in the order of its pairs."""
    rows = zip(pairs["ligand"], pairs["receptor"], strict=True)
    return list(dict.fromkeys(gene for row in rows for name in row for gene in name.split(SUBUNIT)))


def build_universe(
    rng: np.random.Generator,
    options: Options,
    known: pd.DataFrame,
    pairs: pd.DataFrame,
    planted: list[str],
    markers: dict[str, list[str]],
    subtype_genes: dict[str, list[str]],
    block_names: list[str],
) -> Universe:
    """Choose the genes: planted, markers, programs, mitochondrial, ribosomal, list, background.

    No gene of a program or of a leaked block is in any ligand-receptor list or a marker, so that a
    program never makes an edge true. When ``n_genes`` is too small for the whole list, whole pairs
    are kept in random order as long as they fit.
    """
    _all_known(planted, known.index)
    roles: dict[str, str] = dict.fromkeys(planted, "planted")
    for genes in markers.values():
        _add(roles, genes, "marker")
    for genes in subtype_genes.values():
        _add(roles, genes, "subtype")
    in_lists = set(list_genes(pairs)) | _other_lists()
    free = [gene for gene in CELL_CYCLE if gene in known.index and gene not in in_lists and gene not in roles]
    symbols = known.index
    mitochondrial = [gene for gene in symbols if gene.startswith("MT-")]
    ribosomal = [gene for gene in symbols if _RIBOSOMAL_NAME.match(gene) and gene not in in_lists]
    reserved = in_lists | set(roles) | set(CELL_CYCLE) | set(mitochondrial) | set(ribosomal)
    pool = iter([gene for gene in symbols[rng.permutation(len(symbols))] if gene not in reserved])
    blocks = {}
    for name in block_names:
        size = options.leaked_genes if name.startswith("leaked_") else options.program_genes
        blocks[name] = free[:size] if name == "cell_cycle" else [next(pool) for _ in range(size)]
        _add(roles, blocks[name], "leaked" if name.startswith("leaked_") else "program")
    _add(roles, mitochondrial, "mitochondrial")
    _add(roles, ribosomal[:_RIBOSOMAL], "ribosomal")
    _fill(rng, options.n_genes, roles, pairs, known.index, pool)
    var = known.loc[sorted(roles)].copy()
    var["truth_role"] = pd.Categorical([roles[gene] for gene in var.index])
    var["chromosome"] = pd.Categorical(var["chromosome"])
    var.index = pd.Index(var.index.to_numpy(object), name=None)
    return Universe(var=var, markers=markers, subtype_genes=subtype_genes, blocks=blocks)


def _fill(
    rng: np.random.Generator,
    n_genes: int,
    roles: dict[str, str],
    pairs: pd.DataFrame,
    known: pd.Index,
    pool: Iterator[str],
) -> None:
    """Add ligands and receptors as whole pairs, then background genes, up to ``n_genes``."""
    least = int(np.ceil(len(roles) / (1 - _BACKGROUND_SHARE)))
    if n_genes < least:
        raise InputValueError(
            f"n_genes must be at least {least} for these axes, markers and programs. Got {n_genes}."
        )
    in_universe = set(known)
    room = n_genes - len(roles) - int(_BACKGROUND_SHARE * n_genes / 2)
    ligands, receptors = pairs["ligand"].to_numpy(), pairs["receptor"].to_numpy()
    for index in rng.permutation(len(pairs)):
        genes = [*ligands[index].split(SUBUNIT), *receptors[index].split(SUBUNIT)]
        new = sorted({gene for gene in genes if gene not in roles})
        if len(new) <= room and in_universe.issuperset(genes):
            _add(roles, new, "ligand_receptor")
            room -= len(new)
    for gene in pool:
        if len(roles) >= n_genes:
            break
        roles[gene] = "background"


def _add(roles: dict[str, str], genes: list[str], role: str) -> None:
    for gene in genes:
        roles.setdefault(gene, role)


def _all_known(genes: list[str], known: pd.Index) -> None:
    unknown = [gene for gene in genes if gene not in known]
    if unknown:
        raise InputValueError(
            f"The axes name {unknown[0]!r}, which is no protein-coding gene symbol of GENCODE."
        )


def _other_lists() -> set[str]:
    """Return the genes of all ligand-receptor lists, so that programs hold none of them."""
    names = ("consensus", "cellphonedb", "cellchatdb", "celltalkdb", "connectomedb2020", "niche")
    return {gene for name in names for gene in list_genes(resources.ligand_receptor(name))}

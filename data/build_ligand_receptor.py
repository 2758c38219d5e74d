"""Build the ligand-receptor lists of niche and refresh the registry ``tables.tsv``.

Run from the top of the repository, in an environment that has niche and liana 1.10.0::

    python data/build_ligand_receptor.py

The same input gives the same bytes. ``--registry-only`` needs no liana: it counts and hashes again after a
table was edited by hand.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import re
from collections import defaultdict
from pathlib import Path

import pandas as pd

DATA = Path(__file__).resolve().parent
VERSION = "1.10.0"
BUNDLED = ("consensus", "mouseconsensus", "cellphonedb", "cellchatdb", "celltalkdb", "connectomedb2020")
# Symbols whose underscore is part of the name and would be read as a complex.
RENAMED = {"C4B_2": "C4B"}
# Families whose ligands the consensus ties to heterodimers; each homodimer signals by itself. A pair enters
# when CellTalkDB and connectomeDB2020 both hold it.
HOMODIMERS = {
    "EGFR": ("EGF", "TGFA", "AREG", "EREG", "HBEGF", "BTC", "EPGN"),
    "ERBB4": ("EREG", "HBEGF", "BTC"),
    "FLT1": ("VEGFA", "VEGFB", "PGF"),
    "KDR": ("VEGFA", "VEGFC", "VEGFD"),
    "FLT4": ("VEGFC", "VEGFD"),
}
CURATED = (
    "Shao X, Brief Bioinform 2021;22:bbaa269 (10.1093/bib/bbaa269); "
    "Hou R, Nat Commun 2020;11:5011 (10.1038/s41467-020-18873-z)"
)
SYMMETRIC = "mirror image of CDH1-CDH2, a symmetric contact of which the consensus holds one orientation"

Pair = tuple[str, str]


def write_gz(table: pd.DataFrame, path: Path) -> None:
    """Write a gzipped table without time stamp or file name, so that equal tables are equal bytes."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0, compresslevel=9) as stream:
        stream.write(table.to_csv(sep="\t", index=False, lineterminator="\n").encode())
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(buffer.getvalue())


def liana_lists() -> dict[str, list[Pair]]:
    """Every list of the installed liana, as published but for ``RENAMED``."""
    from importlib.metadata import version

    from liana.resource import select_resource, show_resources

    if version("liana") != VERSION:
        raise SystemExit(f"These lists are those of liana {VERSION}; installed is {version('liana')}.")
    lists: dict[str, list[Pair]] = {}
    for name in sorted(map(str, show_resources())):
        table = select_resource(name).replace(RENAMED)
        lists[name] = sorted(set(zip(table["ligand"], table["receptor"], strict=True)))
    return lists


def framed(pairs: list[Pair], evidence: list[str], source: list[str]) -> pd.DataFrame:
    """The five columns of a list, sorted."""
    from niche.resources import assign_pathways

    ligands, receptors = [list(side) for side in zip(*pairs, strict=True)]
    table = pd.DataFrame({"ligand": ligands, "receptor": receptors})
    table["pathway"] = assign_pathways(ligands, receptors)
    return table.assign(evidence=evidence, source=source).sort_values(["ligand", "receptor"])


def niche_list(lists: dict[str, list[Pair]], holders: dict[Pair, list[str]]) -> pd.DataFrame:
    """Simple pairs and axes that the consensus lacks, each with its evidence and citation."""
    consensus = set(lists["consensus"])
    both = set(lists["celltalkdb"]) & set(lists["connectomedb2020"])
    evidence: dict[Pair, list[str]] = defaultdict(list)
    source: dict[Pair, list[str]] = defaultdict(list)
    for receptor, ligands in HOMODIMERS.items():
        for pair in ((ligand, receptor) for ligand in ligands):
            if pair in both - consensus:
                evidence[pair].append("lists: " + ", ".join(holders[pair]))
                source[pair].append(CURATED)
    axes = pd.read_csv(DATA / "axes.tsv", sep="\t", dtype=str, keep_default_na=False)
    for axis in axes[axes["scorable"] == "True"].itertuples():
        pair = (axis.ligand, axis.receptor)
        if pair not in consensus:
            evidence[pair].insert(0, f"axis: {axis.organ}")
            source[pair].insert(0, axis.citation + (f" ({axis.doi})" if axis.doi else ""))
    cadherin = axes[(axes["ligand"] == "CDH1") & (axes["receptor"] == "CDH2")].iloc[0]
    if ("CDH2", "CDH1") not in consensus:
        evidence["CDH2", "CDH1"] = [f"axis: {cadherin.organ}", SYMMETRIC]
        source["CDH2", "CDH1"] = [f"{cadherin.citation} ({cadherin.doi})"]
    pairs = sorted(evidence)
    return framed(
        pairs, ["; ".join(evidence[pair]) for pair in pairs], ["; ".join(source[pair]) for pair in pairs]
    )


def build_lists() -> None:
    """Write all lists to ``ligand_receptor/``."""
    lists = liana_lists()
    holders: dict[Pair, list[str]] = defaultdict(list)
    for name, pairs in lists.items():
        if name not in {"consensus", "mouseconsensus"}:
            for pair in pairs:
                holders[pair].append(name)
    for name in BUNDLED:
        pairs = lists[name]
        evidence = [", ".join(holders.get(pair, [])) or name for pair in pairs]
        table = framed(pairs, evidence, [f"LIANA {VERSION}: {name}"] * len(pairs))
        write_gz(table, DATA / "ligand_receptor" / f"{name}.tsv.gz")
    write_gz(niche_list(lists, holders), DATA / "ligand_receptor" / "niche.tsv.gz")


def refresh_registry() -> None:
    """Count rows and hash files anew in ``tables.tsv`` and in the table of ``README.md``."""
    registry = pd.read_csv(DATA / "tables.tsv", sep="\t", dtype=str, keep_default_na=False)
    for index, file in registry["file"].items():
        table = pd.read_csv(DATA / file, sep="\t", dtype=str, keep_default_na=False)
        registry.loc[index, "rows"] = str(len(table))
        registry.loc[index, "sha256"] = hashlib.sha256((DATA / file).read_bytes()).hexdigest()
    registry.to_csv(DATA / "tables.tsv", sep="\t", index=False, lineterminator="\n")
    rows = [
        f"| `{row.file}` | {row.rows} | {row.organism} | {row.version} | `{row.sha256}` |"
        for row in registry.itertuples()
    ]
    header = ["| file | rows | organism | version | sha256 |", "|---|---|---|---|---|"]
    block = "\n".join(["<!-- registry -->", *header, *rows, "<!-- /registry -->"])
    readme = DATA / "README.md"
    text = re.sub(r"<!-- registry -->.*?<!-- /registry -->", lambda _: block, readme.read_text(), flags=re.S)
    readme.write_text(text)


def main() -> None:
    """Build what is asked for."""
    parser = argparse.ArgumentParser(description="Build the ligand-receptor lists and refresh the registry.")
    parser.add_argument(
        "--registry-only",
        action="store_true",
        help="only count and hash again, after editing a table by hand",
    )
    if not parser.parse_args().registry_only:
        build_lists()
    refresh_registry()


if __name__ == "__main__":
    main()

"""Score what differs between organs: niche and what users do today, on the same simulated studies.

``python benchmarks/organs.py --peers PYTHON`` writes ``docs/benchmarks/organs.md`` and ``organs.svg``.
``PYTHON`` is the interpreter of an environment with liana and pydeseq2, this one by default.
``--keep FOLDER`` keeps the studies and what each tool said, and goes on where an earlier run stopped: delete
``*-niche.json`` in it when niche has changed.
``--quick`` draws one small study of each kind, to see that it runs, and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from organs_page import figure, page

from niche import resources, testing
from niche.datasets import simulate_metastases

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs" / "benchmarks"
TOOLS = ("niche", "liana", "wilcoxon", "deseq2")
PEERS = ("liana", "deseq2")
CLAIMS = ("both", "any")
THRESHOLD, SEEN = 0.1, 0.1
EDGE = ["source", "target", "ligand_complex", "receptor_complex"]
ROW = ["contrast", *EDGE]
GENES, EXTRA_AXES, PATIENTS = 2000, 4, 4
PLANTED = "planted"
NULLS = {"balanced": 1, "unequal": 2}
"""Null designs, and their cells per sample as a multiple: in an unequal one the first organ has a fifth."""


def draw(kind: str, number: int, cells: int, path: Path) -> None:
    """Write study ``number`` of a kind: raw counts of metastases of four organs."""
    if kind == PLANTED:
        adata = simulate_metastases(
            number, design="partial", patients_per_organ=PATIENTS, cells=cells, n_genes=GENES,
            extra_axes=EXTRA_AXES, primaries=0, normals=0,
        )  # fmt: skip
    else:
        options = {"cells": NULLS[kind] * cells, "n_genes": GENES}
        adata = next(
            testing.null_metastases(1, f"partial_{PATIENTS}_{kind}", options=options, rng=1000 + number)
        )
    begun = path.with_suffix(".begun.h5ad")
    adata.write_h5ad(begun)
    begun.rename(path)  # an interrupted run leaves no half-written study


def run(tool: str, python: str, data: Path) -> dict[str, object]:
    """One tool in a process of its own, once; its table and its times lie beside the data."""
    out, log = data.with_name(f"{data.stem}-{tool}.tsv.gz"), data.with_name(f"{data.stem}-{tool}.json")
    if not log.exists():
        command = [python, str(HERE / "organs_runners.py"), tool, str(data), str(out)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, cwd=data.parent, check=False)
        except OSError as error:
            return {"not_run": str(error)}
        if done.returncode:
            return {"not_run": (done.stderr.strip().splitlines() or ["no message"])[-1]}
        log.write_text(done.stdout.strip().splitlines()[-1])
    return {"table": pd.read_csv(out, sep="\t", low_memory=False), **json.loads(log.read_text())}


def universe(adata: ad.AnnData) -> pd.DataFrame:
    """Every edge between tumor and host of cell types that all organs have, against the rest, in every organ.

    Both sides are seen in a tenth of the cells of one organ at least, all subunits of them.
    """
    types = adata.uns["truth"]["cell_types"].astype(str).query("organ == ''")
    tumor = types.loc[types["compartment"] == "tumor", "cell_type"]
    host = types.loc[types["compartment"] != "tumor", "cell_type"]
    ends = [(a, b) for a in tumor for b in host] + [(b, a) for a in tumor for b in host]
    listed, place = resources.ligand_receptor("consensus"), {g: i for i, g in enumerate(adata.var_names)}
    pairs = [
        pair
        for pair in zip(listed["ligand"], listed["receptor"], strict=True)
        if all(gene in place for name in pair for gene in name.split("_"))
    ]
    organ, cell_type = (adata.obs[name].astype(str).to_numpy() for name in ("organ", "cell_type"))
    organs = sorted(set(organ))
    shares = {
        (one, name): np.asarray((adata.X[(organ == one) & (cell_type == name)] > 0).mean(axis=0)).ravel()
        for one in organs
        for name in types["cell_type"]
    }
    seen = {
        (one, name, complex_name): all(share[place[gene]] >= SEEN for gene in complex_name.split("_"))
        for (one, name), share in shares.items()
        for complex_name in {name for pair in pairs for name in pair}
    }
    edges = [
        (source, target, ligand, receptor)
        for source, target in ends
        for ligand, receptor in pairs
        if any(seen[one, source, ligand] and seen[one, target, receptor] for one in organs)
    ]
    rows = [(f"{one}_vs_rest", *edge) for one in organs for edge in edges]
    return pd.DataFrame(rows, columns=ROW)


def on(edges: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """The same rows for every tool, empty where it has none."""
    if table.duplicated(ROW).any():
        raise ValueError("a tool gives an edge twice")
    return edges.merge(table, on=ROW, how="left")


def heeding_flags(table: pd.DataFrame) -> pd.DataFrame:
    """Give up what is ambient-suspect, and that both sides move where ambient molecules move one."""
    flagged = {"any": table["ambient_suspect"].eq(True), "both": table["ambient_side"].eq(True)}
    return table.assign(
        **{
            name: table[name].where(~flagged[name.removeprefix("rank_")] | table[name].isna(), worst)
            for name, worst in {"both": 1.0, "any": 1.0, "rank_both": -1.0, "rank_any": -1.0}.items()
        }
    )


def variants(tool: str, table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The table of a tool, and what else its users make of it, by the names of the page."""
    if tool == "niche":
        return {tool: table, "niche_flags": heeding_flags(table)}
    if tool == "liana":
        return {tool: table, "liana_twofold": table.assign(both=table["magnitude"], any=table["magnitude"])}
    return {tool: table}


def recovered(adata: ad.AnnData, table: pd.DataFrame, claim: str, *, driver: bool) -> pd.DataFrame:
    """Rates of one tool on one study; the area is of the ranking, the rest of the discoveries."""
    named = {
        "driver": "driver" if driver else None,
        "driver_compartment": None,
        "claim": claim,
        "effect": "effect",
    }
    found = testing.recovery(adata, table, edges=table[ROW], score=claim, threshold=THRESHOLD, **named)
    ranked = testing.recovery(
        adata,
        table,
        edges=table[ROW],
        score=f"rank_{claim}",
        threshold=np.inf,
        higher_is_better=True,
        **named,
    )
    area = "area_precision_recall"
    return pd.concat([found[found["measure"] != area], ranked[ranked["measure"] == area]], ignore_index=True)


def sides(table: pd.DataFrame) -> pd.DataFrame:
    """The p-values of single sides, each once."""
    parts = []
    for side, end in (("ligand", "source"), ("receptor", "target")):
        part = table[["contrast", end, f"{side}_complex", f"p_{side}"]].set_axis(
            ["contrast", "type", "name", "p"], axis=1
        )
        parts.append(part.drop_duplicates(["contrast", "type", "name"]))
    return pd.concat(parts, ignore_index=True)


def called(table: pd.DataFrame, claim: str) -> pd.DataFrame:
    """0 where an edge is said to differ, 1 where not, NaN where nothing is said."""
    says = (table[claim] > THRESHOLD).astype(float).where(table[claim].notna())
    return pd.DataFrame({"contrast": table["contrast"], "p": says})


def errors(tables: list[pd.DataFrame]) -> list[dict[str, object]]:
    """False calls and type-I errors of a tool over null studies, the study being the replicate."""
    asked = {f"called {claim}": ([called(table, claim) for table in tables], (0.05,)) for claim in CLAIMS}
    asked["p of a side"] = ([sides(table) for table in tables], (0.05, 0.001))
    asked["p of the edge"] = (
        [table[["contrast", "p_edge"]].rename(columns={"p_edge": "p"}) for table in tables],
        (0.05, 0.001),
    )
    rows = []
    for what, (parts, levels) in asked.items():
        if all(part["p"].isna().all() for part in parts):
            continue
        found = testing.calibration(parts, pval="p", levels=levels)
        found = found[found["measure"] == "type_1_error"]
        rows += [
            {"what": what, **row}
            for row in found[["level", "value", "se", "n_data_sets", "n_pvals"]].to_dict("records")
        ]
    return rows


def run_all(data: Path, peers: str) -> dict[str, dict[str, object]]:
    """Every tool on one study: ``table, cpu, version``, or ``not_run``."""
    return {tool: run(tool, peers if tool in PEERS else sys.executable, data) for tool in TOOLS}


def score_planted(data: Path, done: dict[str, dict[str, object]]) -> tuple[pd.DataFrame, int]:
    """Rates of every tool that ran on a planted study, and how many edges all of them scored."""
    adata = ad.read_h5ad(data)
    edges = universe(adata)
    tables = {tool: on(edges, one["table"]) for tool, one in done.items() if "table" in one}
    scored = {tool: table["both"].notna().to_numpy() for tool, table in tables.items()}
    rates = [
        recovered(adata, table, claim, driver=tool != "liana").assign(
            tool=name, claim=claim, study=data.stem, scored=int(scored[tool].sum()), edges_asked=len(edges)
        )
        for tool, found in tables.items()
        for name, table in variants(tool, found).items()
        for claim in CLAIMS
    ]
    return pd.concat(rates, ignore_index=True), int(np.logical_and.reduce(list(scored.values())).sum())


def score_null(studies: list[Path], done: list[dict[str, dict[str, object]]]) -> pd.DataFrame:
    """False calls and type-I errors of every tool that ran on all null studies of a design."""
    edges = [universe(ad.read_h5ad(data)) for data in studies]
    rows = []
    for tool in TOOLS:
        if all("table" in one[tool] for one in done):
            tables = [on(asked, one[tool]["table"]) for asked, one in zip(edges, done, strict=True)]
            made = [variants(tool, table) for table in tables]
            rows += [{"tool": name, **row} for name in made[0] for row in errors([one[name] for one in made])]
    return pd.DataFrame(rows)


def main() -> None:
    """Draw, run, score and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", default=sys.executable)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--cells", type=int, default=500, help="cells per sample")
    parser.add_argument("--planted", type=int, default=4, help="studies with planted axes")
    parser.add_argument("--null", type=int, default=5, help="studies without any difference, per design")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    n_planted, n_null = (1, 1) if asked.quick else (asked.planted, asked.null)
    with tempfile.TemporaryDirectory() as name:
        folder = asked.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        folder = (folder / f"{asked.cells}-cells").resolve()
        folder.mkdir(exist_ok=True)
        numbers = {PLANTED: n_planted, **dict.fromkeys(NULLS, n_null)}
        studies = {kind: [folder / f"{kind}-{i}.h5ad" for i in range(n)] for kind, n in numbers.items()}
        for kind, paths in studies.items():
            for number, path in enumerate(paths):
                if not path.exists():
                    draw(kind, number, asked.cells, path)
        done = {kind: [run_all(path, asked.peers) for path in paths] for kind, paths in studies.items()}
        scored = [score_planted(*both) for both in zip(studies[PLANTED], done[PLANTED], strict=True)]
        nulls = {kind: score_null(studies[kind], done[kind]) for kind in NULLS}
    rates, common = pd.concat([one for one, _ in scored], ignore_index=True), [n for _, n in scored]
    told = {tool: [one[tool] for one in done[PLANTED]] for tool in TOOLS}
    settings = {kind: times * asked.cells for kind, times in NULLS.items()}
    settings |= {"genes": GENES, "patients": PATIENTS, "axes": EXTRA_AXES}
    text = page(rates, told, common, nulls, settings)
    print(text)
    if not asked.quick:
        DOCS.mkdir(parents=True, exist_ok=True)
        figure(rates, nulls, DOCS / "organs.svg")
        (DOCS / "organs.md").write_text(text + "\n")


if __name__ == "__main__":
    main()

"""One tool on one file in a process of its own: prints its seconds, peak memory and work as JSON.

``python runners.py TOOL FILE PAIRS N_PERMS OUT``: PAIRS is a table of ligand and receptor. OUT receives
``source, target, ligand, receptor, mean, p`` of the edges the tool reports as expressed.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
import warnings
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

EDGE = ["source", "target", "ligand", "receptor"]


def niche(null, file, pairs, n_perms, *, backed=False):
    from niche import get, tl

    adata = ad.read_h5ad(file, backed="r" if backed else None)
    seconds = []
    for _ in range(1 if backed else 3):
        start = time.perf_counter()
        tl.communication(
            adata,
            resource="consensus",
            senders="all",
            receivers="all",
            scores=["lr_means"],
            null=null,
            n_perms=n_perms,
        )
        seconds.append(time.perf_counter() - start)
    peak = peak_gb()
    table = get.communication(adata, status="tested")
    table = table.drop(columns=["ligand", "receptor"])
    table = table.rename(columns={"ligand_complex": "ligand", "receptor_complex": "receptor"})
    table = table.rename(columns={"lr_means": "mean", "pval": "p"})
    return {"cold": seconds[0], "warm": min(seconds), "peak_gb": peak}, table


def liana(file, pairs, n_perms):
    import liana as li

    adata = ad.read_h5ad(file)
    start = time.perf_counter()
    li.mt.cellphonedb(
        adata, groupby="cell_type", resource=pairs[["ligand", "receptor"]], expr_prop=0.1, min_cells=10,
        use_raw=False, n_perms=n_perms, verbose=False,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    table = adata.uns["liana_res"].drop(columns=["ligand", "receptor"])
    table = table.rename(columns={"ligand_complex": "ligand", "receptor_complex": "receptor"})
    return timed(seconds), table.rename(columns={"lr_means": "mean", "cellphone_pvals": "p"})


def squidpy(file, pairs, n_perms):
    import squidpy as sq

    adata = ad.read_h5ad(file)
    table = pairs[["ligand", "receptor"]].rename(columns={"ligand": "source", "receptor": "target"})
    start = time.perf_counter()
    found = sq.gr.ligrec(
        adata, "cell_type", interactions=table, threshold=0.1, n_perms=n_perms, use_raw=False, copy=True,
        complex_policy="min", n_jobs=2, show_progress_bar=False, seed=0,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    means, p = found["means"], found["pvalues"]
    kept = np.argwhere(~np.isnan(np.asarray(p.sparse.to_dense() if hasattr(p, "sparse") else p)))
    rows, columns = p.index[kept[:, 0]], p.columns[kept[:, 1]]
    dense = [np.asarray(part.sparse.to_dense() if hasattr(part, "sparse") else part) for part in (means, p)]
    out = pd.DataFrame(
        {
            "source": columns.get_level_values(0), "target": columns.get_level_values(1),
            "ligand": rows.get_level_values(0), "receptor": rows.get_level_values(1),
            "mean": dense[0][kept[:, 0], kept[:, 1]], "p": dense[1][kept[:, 0], kept[:, 1]],
        }
    )  # fmt: skip
    return timed(seconds), out


def cellphonedb_tables(pairs):
    """A resource in the layout that CellPhoneDB and FastCCC read."""
    names = pd.concat([pairs["ligand"], pairs["receptor"]]).unique()
    genes = sorted({gene for name in names for gene in name.split("_")})
    protein = {gene: i + 1 for i, gene in enumerate(genes)}
    complexes = {name: 100_000 + i for i, name in enumerate(sorted(n for n in names if "_" in n))}
    number = {**protein, **complexes}
    return {
        "gene_table": pd.DataFrame({"protein_id": protein.values(), "hgnc_symbol": protein.keys()}),
        "protein_table": pd.DataFrame(
            {"id_protein": protein.values(), "protein_multidata_id": protein.values()}
        ),
        "complex_table": pd.DataFrame({"complex_multidata_id": complexes.values()}),
        "complex_composition_table": pd.DataFrame(
            [(number[name], protein[gene]) for name in complexes for gene in name.split("_")],
            columns=["complex_multidata_id", "protein_multidata_id"],
        ),
        "interaction_table": pd.DataFrame(
            {
                "id_cp_interaction": [f"I{i}" for i in range(len(pairs))],
                "multidata_1_id": pairs["ligand"].map(number).to_numpy(),
                "multidata_2_id": pairs["receptor"].map(number).to_numpy(),
            }
        ),
    }


def fastccc(file, pairs, n_perms):
    import fastccc as fc
    from loguru import logger

    logger.remove()
    adata = ad.read_h5ad(file)
    with tempfile.TemporaryDirectory() as folder:
        for name, table in cellphonedb_tables(pairs).items():
            table.to_csv(Path(folder) / f"{name}.csv", index=False)
        start = time.perf_counter()
        strength, p, percents = fc.statistical_analysis_method(
            folder, None, adata, meta_key="cell_type", save_path=folder
        )[:3]
        seconds = time.perf_counter() - start
    number = {f"I{i}": row for i, row in enumerate(pairs[["ligand", "receptor"]].itertuples(index=False))}
    kept = np.argwhere(np.asarray(percents, dtype=bool))
    types = [label.split("|") for label in p.index[kept[:, 0]]]
    sides = [number[name] for name in p.columns[kept[:, 1]]]
    out = pd.DataFrame(types, columns=["source", "target"])
    out["ligand"], out["receptor"] = [s.ligand for s in sides], [s.receptor for s in sides]
    out["mean"] = np.asarray(strength)[kept[:, 0], kept[:, 1]]
    out["p"] = np.asarray(p)[kept[:, 0], kept[:, 1]]
    return timed(seconds), out


def peak_gb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def timed(seconds):
    return {"cold": seconds, "warm": seconds, "peak_gb": peak_gb()}


def main(tool, file, pairs, n_perms, out):
    warnings.simplefilter("ignore")
    table, n = pd.read_csv(pairs, sep="\t"), int(n_perms)
    kind, _, null = tool.partition("-")
    if kind == "niche":
        done, edges = niche(null.removesuffix("-disk"), file, table, n, backed=null.endswith("-disk"))
    else:
        done, edges = {"liana": liana, "squidpy": squidpy, "fastccc": fastccc}[kind](file, table, n)
    edges[[*EDGE, "mean", "p"]].astype(dict.fromkeys(EDGE, str)).to_csv(out, sep="\t", index=False)
    print(json.dumps(done | {"rows": len(edges)}))


if __name__ == "__main__":
    main(*sys.argv[1:])

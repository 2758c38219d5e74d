"""One tool on one file in a process of its own: prints its seconds, peak memory and work as JSON.

``python runners.py TOOL FILE PAIRS N_PERMS OUT``: PAIRS is a table of ligand and receptor. OUT receives
``source, target, ligand, receptor, mean, p`` of the edges the tool reports as expressed.
"""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import resource
import sys
import tempfile
import time
import warnings
import zipfile
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

sys.path.append(str(Path(__file__).parents[1] / "tests"))
import cellphonedb_database

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


def cellphonedb(file, pairs, n_perms):
    """One thread: its workers repeat each other's permutations."""
    from cellphonedb.src.core.methods import cpdb_statistical_analysis_method as method

    adata = ad.read_h5ad(file)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        meta = pd.DataFrame({"Cell": adata.obs_names, "cell_type": adata.obs["cell_type"].to_numpy()})
        meta.to_csv(folder / "meta.tsv", sep="\t", index=False)
        database = cellphonedb_database.write(pairs, folder / "database.zip")
        start = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            method.call(
                cpdb_file_path=str(database), meta_file_path=str(folder / "meta.tsv"), counts_file_path=adata,
                counts_data="hgnc_symbol", output_path=str(folder), iterations=n_perms, threshold=0.1,
                threads=1, debug=True,
            )  # fmt: skip
        seconds = time.perf_counter() - start
        found = pickle.loads((folder / "debug_intermediate.pkl").read_bytes())
    tables = [found[name] for name in ("real_mean_analysis", "real_percent_analysis", "result_percent")]
    mean, expressed, p = (np.asarray(table) for table in tables)
    kept = np.argwhere((mean > 0) & (expressed > 0))
    types = [label.split("|") for label in tables[0].columns[kept[:, 1]]]
    out = pd.DataFrame(types, columns=["source", "target"])
    of_row = pairs.loc[tables[0].index[kept[:, 0]]]
    out["ligand"], out["receptor"] = of_row["ligand"].to_numpy(), of_row["receptor"].to_numpy()
    out["mean"], out["p"] = mean[kept[:, 0], kept[:, 1]], p[kept[:, 0], kept[:, 1]]
    return timed(seconds), out


def fastccc(file, pairs, n_perms):
    import fastccc as fc
    from loguru import logger

    logger.remove()
    adata = ad.read_h5ad(file)
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(cellphonedb_database.write(pairs, Path(folder) / "database.zip")) as archive:
            archive.extractall(folder)
        start = time.perf_counter()
        strength, p, percents = fc.statistical_analysis_method(
            folder, None, adata, meta_key="cell_type", save_path=folder
        )[:3]
        seconds = time.perf_counter() - start
    number = {f"CPI-{i}": row for i, row in enumerate(pairs[["ligand", "receptor"]].itertuples(index=False))}
    kept = np.argwhere(np.asarray(percents, dtype=bool))
    types = [label.split("|") for label in p.index[kept[:, 0]]]
    sides = [number[name] for name in p.columns[kept[:, 1]]]
    out = pd.DataFrame(types, columns=["source", "target"])
    out["ligand"], out["receptor"] = [s.ligand for s in sides], [s.receptor for s in sides]
    out["mean"] = np.asarray(strength)[kept[:, 0], kept[:, 1]]
    out["p"] = np.asarray(p)[kept[:, 0], kept[:, 1]]
    return timed(seconds), out


def peak_gb():
    """Of this process since it began; what ``getrusage`` says can be its parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        found = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(found.split()[1]) / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def timed(seconds):
    return {"cold": seconds, "warm": seconds, "peak_gb": peak_gb()}


PEERS = {"liana": liana, "squidpy": squidpy, "cellphonedb": cellphonedb, "fastccc": fastccc}


def main(tool, file, pairs, n_perms, out):
    warnings.simplefilter("ignore")
    table, n = pd.read_csv(pairs, sep="\t"), int(n_perms)
    kind, _, null = tool.partition("-")
    if kind == "niche":
        done, edges = niche(null.removesuffix("-disk"), file, table, n, backed=null.endswith("-disk"))
    else:
        done, edges = PEERS[kind](file, table, n)
    edges[[*EDGE, "mean", "p"]].astype(dict.fromkeys(EDGE, str)).to_csv(out, sep="\t", index=False)
    print(json.dumps(done | {"rows": len(edges)}))


if __name__ == "__main__":
    main(*sys.argv[1:])

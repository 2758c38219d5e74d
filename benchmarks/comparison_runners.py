"""One way to compare organs on one file in a process of its own: prints its seconds and its work as JSON.

``python comparison_runners.py TOOL FILE REPEATS``: FILE holds a result of ``niche.tl.communication``.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time
import warnings
from itertools import combinations

import anndata as ad
import numpy as np
import pandas as pd

CORES = 2


def niche(adata, method):
    from niche import tl

    tl.compare_communication(adata, patients=method, n_jobs=CORES)


def work_of_niche(adata):
    from niche import get

    table = get.compare_communication(adata, contrast="omnibus")
    return {"n_edges": len(table), "n_tested": int(table["pval"].notna().sum())}


def pydeseq2(adata):
    """Fit genes of ligands and receptors per cell type; every organ against each other and the rest."""
    from joblib.externals.loky import get_reusable_executor
    from pydeseq2.dds import DeseqDataSet
    from pydeseq2.ds import DeseqStats

    stored = adata.uns["communication"]
    bulk = stored["aggregate"]
    sample_names = [str(name) for name in stored["samples"]["name"]]
    organ_of = adata.obs.drop_duplicates("sample").set_index("sample")["organ"].astype(str)
    types = np.unique([stored["cell_pairs"][end] for end in ("source", "target")])
    n_sides = n_tests = 0
    for cell_type in types:
        mine = np.asarray(bulk["cell_type"]) == cell_type
        names = [sample_names[i] for i in np.asarray(bulk["sample"])[mine]]
        counts = pd.DataFrame(np.asarray(bulk["pseudobulk"])[mine].astype(np.int64), index=names)
        counts.columns = [f"g{i}" for i in counts.columns]
        counts = counts.loc[:, counts.median() >= 3]
        organs = pd.DataFrame({"organ": organ_of.loc[names].to_numpy()}, index=names)
        data = DeseqDataSet(counts=counts, metadata=organs, design="~0 + organ", n_cpus=CORES, quiet=True)
        data.deseq2()
        unit = np.eye(data.obsm["design_matrix"].shape[1])  # one column per organ
        contrasts = [a - b for a, b in combinations(unit, 2)]
        contrasts += [a - (1 - a) / (len(unit) - 1) for a in unit]
        for contrast in contrasts:
            DeseqStats(data, contrast=contrast, n_cpus=CORES, quiet=True).summary()
        n_sides += counts.shape[1]
        n_tests += counts.shape[1] * len(contrasts)
    get_reusable_executor().shutdown(wait=True)  # its CPU time is then known
    return {"n_sides": n_sides, "n_tests": n_tests}


def cpu_seconds():
    """Seconds that this process and its finished workers have computed."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def main(tool, file, repeats):
    warnings.simplefilter("ignore")
    adata = ad.read_h5ad(file)
    importlib.import_module("pydeseq2.dds" if tool == "pydeseq2" else "niche.tl")  # not timed
    seconds, cpu, work = [], [], {}
    for _ in range(int(repeats)):
        start, used = time.perf_counter(), cpu_seconds()
        if tool == "pydeseq2":
            work = pydeseq2(adata)
        else:
            niche(adata, tool)
        seconds.append(time.perf_counter() - start)
        cpu.append(cpu_seconds() - used)
    if tool != "pydeseq2":
        work = work_of_niche(adata)
    print(json.dumps({"cold": seconds[0], "warm": min(seconds), "cpu": min(cpu), **work}))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""One tool on one file in a process of its own: prints its seconds and peak memory as JSON.

``python cnv_runners.py TOOL FILE REPEATS OUT``: OUT receives the profile.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time
import warnings
from pathlib import Path

import anndata as ad
from scipy import sparse

REFERENCE = {"one": ["normal"], "two": ["normal", "stroma"]}


def niche(adata, reference, convention):
    from niche import tl

    tl.infer_cnv(adata, reference_key="label", reference=reference, convention=convention, n_jobs=2)


def infercnvpy(adata, reference):
    import infercnvpy

    infercnvpy.tl.infercnv(adata, reference_key="label", reference_cat=reference, n_jobs=2)


def memory_gb(field):
    """Memory of this process: ``VmRSS`` now, or ``VmHWM``, its peak since :func:`forget_peak`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1e6
    raise ValueError(field)


def cpu_seconds():
    """Seconds that this process and its finished workers have computed."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def forget_peak():
    """Let the peak start from what is used now (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def main(tool, file, repeats, out):
    warnings.simplefilter("ignore")
    adata = ad.read_h5ad(file)
    reference = REFERENCE["two" if "two" in tool else "one"]
    convention = "infercnvpy" if "as-infercnvpy" in tool else "niche"
    importlib.import_module("niche.tl" if tool.startswith("niche") else "infercnvpy")  # not timed
    forget_peak()
    before, seconds, cpu = memory_gb("VmRSS"), [], []
    for _ in range(int(repeats)):
        start, used = time.perf_counter(), cpu_seconds()
        if tool.startswith("niche"):
            niche(adata, reference, convention)
        else:
            infercnvpy(adata, reference)
        seconds.append(time.perf_counter() - start)
        cpu.append(cpu_seconds() - used)
    worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    beside = memory_gb("VmHWM") - before
    profile = sparse.csr_matrix(adata.obsm["X_cnv"])
    sparse.save_npz(out, profile)
    size = (profile.data.nbytes + profile.indices.nbytes + profile.indptr.nbytes) / 1e9
    found = {
        "cold": seconds[0],
        "warm": min(seconds),
        "cpu": min(cpu),
        "beside_gb": beside,
        "worker_gb": worker,
        "output_gb": size,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])

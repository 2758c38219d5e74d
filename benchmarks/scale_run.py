"""One run of :mod:`scale` in a process of its own: reads a file, makes the passes, prints what they cost."""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import contextmanager, nullcontext
from typing import Any

import anndata as ad
import numpy as np

import niche
from niche._slots.lazy import parts_of
from niche._slots.matrix import TILE_ROWS

SETS = {"matrix": ["COL1A1", "COL1A2", "COL3A1", "COL5A1", "COL6A1", "COL6A2", "FN1", "LAMB1"]}
WORKER = {"threads_per_worker": 1, "processes": True, "dashboard_address": None, "memory_limit": 0}

Step = Callable[[ad.AnnData], object]
STEPS: dict[str, Step] = {
    "pp.normalize": niche.pp.normalize,
    "pp.check": lambda adata: niche.pp.check(adata, "cell_type"),
    "pp.ambient": lambda adata: niche.pp.ambient(adata, "cell_type"),
    "tl.communication": lambda adata: niche.tl.communication(adata, "cell_type", null="analytic"),
    "tl.compare_communication": niche.tl.compare_communication,
    "tl.score_signatures": lambda adata: niche.tl.score_signatures(adata, SETS, compartment="stromal"),
}


def usage() -> tuple[float, float]:
    """CPU seconds and peak memory (GB) of this process."""
    found = resource.getrusage(resource.RUSAGE_SELF)
    return found.ru_utime + found.ru_stime, found.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9


def of_worker(dask_worker: Any) -> tuple[float, float, float]:
    """CPU seconds and peak memory of a worker, and the bytes it has sent."""
    return (*usage(), float(dask_worker.transfer_outgoing_bytes_total))


@contextmanager
def cluster(n_workers: int):
    """Workers on this machine, compiled code loaded."""
    import distributed

    with distributed.LocalCluster(n_workers=n_workers, **WORKER) as made, distributed.Client(made) as client:
        yield client


def state(client: Any) -> np.ndarray:
    """CPU seconds of this process; CPU seconds, peak memory and bytes sent of all workers."""
    if client is None:
        return np.array([usage()[0], 0.0, 0.0, 0.0])
    found = np.array(list(client.run(of_worker).values()))
    return np.array([usage()[0], found[:, 0].sum(), found[:, 1].max(), found[:, 2].sum()])


def main(path: str, warm: str, n_workers: int, n_jobs: int) -> None:
    """Run every step once on few cells, so that code is compiled and loaded, then on all."""
    warnings.simplefilter("ignore")
    niche.settings.n_jobs = n_jobs
    with cluster(n_workers) if n_workers else nullcontext() as client:
        small = ad.experimental.read_lazy(warm)
        for step in STEPS.values():
            step(small)
        adata = ad.experimental.read_lazy(path)
        niche._slots.lazy.hold_annotation(adata)
        labelled = usage()[1]
        out: dict[str, Any] = {"steps": {}}
        for name, step in STEPS.items():
            before, begun = state(client), time.perf_counter()
            step(adata)
            wall, after = time.perf_counter() - begun, state(client)
            cost = after - before
            out["steps"][name] = {
                "wall": wall, "cpu": cost[0] + cost[1], "cpu_here": cost[0], "sent": cost[3],
                "peak_gb": usage()[1],
            }  # fmt: skip
        out |= {
            "peak_gb": usage()[1], "labels_gb": labelled, "worker_gb": after[2],
            "parts": sum(1 for _ in parts_of(adata.X, TILE_ROWS)), "n": adata.n_obs,
        }  # fmt: skip
    print(json.dumps(out))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))

"""Same bits in memory, out of core and on several workers, for every pass over the matrix."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pytest
import zarr
from scipy import sparse
from test_determinism import differences

import niche
from niche._slots import lazy, matrix, passes
from niche.errors import InputValueError
from niche.tl._signature_scores import gene_means

pytestmark = pytest.mark.once

TILE = 128
CHUNK = 100
SETS = {"matrix": ["COL1A1", "COL1A2", "COL3A1", "COL5A1", "COL6A1"]}
Step = Callable[[ad.AnnData], object]


def _normalized_from_counts(adata: ad.AnnData) -> None:
    niche.pp.normalize(adata)
    niche.pp.check(adata, "cell_type")


def _compared(adata: ad.AnnData) -> None:
    niche.tl.communication(adata, "cell_type", null="analytic")
    niche.tl.compare_communication(adata)


PASSES: dict[str, Step] = {
    "pp.check": lambda adata: niche.pp.check(adata, "cell_type"),
    "pp.qc": lambda adata: niche.pp.qc(adata, min_cells_scrublet=150),
    "pp.normalize": _normalized_from_counts,
    "pp.ambient": lambda adata: niche.pp.ambient(adata, "cell_type"),
    "tl.communication": lambda adata: niche.tl.communication(adata, "cell_type", n_perms=50),
    "tl.compare_communication": _compared,
    "tl.infer_cnv": lambda adata: niche.tl.infer_cnv(
        adata, reference_key="cell_type", reference=["Fibroblast", "T cell"]
    ),
    "tl.score_signatures": lambda adata: niche.tl.score_signatures(adata, SETS, compartment="stromal"),
    "usage": lambda adata: niche.tl.compare_programs(adata, min_cells=5),
}
WRITES_X = ("pp.normalize",)


@pytest.fixture(scope="module", autouse=True)
def _small_tiles() -> Iterator[None]:
    """Tiles of so few rows that a thousand cells have several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matrix, "TILE_ROWS", TILE)
        patch.setattr(matrix, "BLOCK_ROWS", 4 * TILE)
        yield


@pytest.fixture(scope="module")
def study(_demo: ad.AnnData) -> ad.AnnData:
    """Four samples of two organs, in no order, with programs."""
    chosen = _demo[_demo.obs["sample"].isin(["P01_bone", "P02_bone", "P01_lung", "P03_lung"])].copy()
    chosen.uns = {}
    mixed = chosen[np.random.default_rng(0).permutation(chosen.n_obs)].copy()
    niche.pp.normalize(mixed)
    niche.tl.programs(mixed, k=[3, 4], n_starts=2, min_cells=5)
    return mixed


@pytest.fixture(scope="module")
def folder(study: ad.AnnData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study on disk."""
    found = tmp_path_factory.mktemp("scale")
    study.write_h5ad(found / "study.h5ad")
    study.write_zarr(found / "study.zarr")
    raw = ad.AnnData(study.layers["counts"], obs=study.obs, var=study.var[[]])
    raw.write_h5ad(found / "raw.h5ad")
    return found


@pytest.fixture(scope="module")
def expected(study: ad.AnnData) -> dict[str, ad.AnnData]:
    """What each pass gives in memory."""
    found = {}
    for name, step in PASSES.items():
        found[name] = study.copy()
        step(found[name])
    return found


def _chunked(adata: ad.AnnData, rows: int) -> ad.AnnData:
    """The matrices as dask arrays of csr chunks of some rows."""
    array = pytest.importorskip("dask.array")
    changed = adata.copy()
    for name in (None, "counts"):
        values = adata.X if name is None else adata.layers[name]
        lazily = array.from_array(sparse.csr_matrix(values), chunks=(rows, adata.n_vars), asarray=False)
        if name is None:
            changed.X = lazily
        else:
            changed.layers[name] = lazily
    return changed


def _opened(path: Path) -> ad.AnnData:
    """A study on disk, read lazily in chunks of few rows."""
    adata = ad.experimental.read_lazy(path)
    store = h5py.File(path) if path.suffix == ".h5ad" else zarr.open_group(path, mode="r")
    read = partial(ad.experimental.read_elem_lazy, chunks=(CHUNK, adata.n_vars))
    adata.X = read(store["X"])
    if "layers" in store and "counts" in store["layers"]:
        adata.layers["counts"] = read(store["layers/counts"])
    return adata


KINDS: dict[str, Callable[[ad.AnnData, Path], ad.AnnData]] = {
    "chunks of 100": lambda study, folder: _chunked(study, 100),
    "chunks of 300": lambda study, folder: _chunked(study, 300),
    "chunks of 512": lambda study, folder: _chunked(study, 512),
    "lazy h5ad": lambda study, folder: _opened(folder / "study.h5ad"),
    "lazy zarr": lambda study, folder: _opened(folder / "study.zarr"),
    "backed": lambda study, folder: ad.read_h5ad(folder / "study.h5ad", backed="r"),
}


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("name", list(PASSES))
def test_out_of_core(
    name: str, kind: str, study: ad.AnnData, folder: Path, expected: dict[str, ad.AnnData]
) -> None:
    adata = KINDS[kind](study, folder)
    if kind == "backed" and name in WRITES_X:
        with pytest.raises(InputValueError, match="copy=True"):
            PASSES[name](adata)
        return
    PASSES[name](adata)
    assert differences(expected[name], adata) == []


def test_normalize_of_lazy_data_stays_lazy_and_writes_nothing(
    folder: Path, expected: dict[str, ad.AnnData]
) -> None:
    path = folder / "raw.h5ad"
    before = path.read_bytes()
    for adata in (_opened(path), ad.read_h5ad(path, backed="r")):
        copy = niche.pp.normalize(adata, copy=True)
        assert hasattr(copy.X, "dask"), "X was read into memory"
        assert sparse.issparse(copy.X.blocks[0].compute()), "X was made dense"
        assert np.array_equal(copy.X.compute().toarray(), expected["pp.normalize"].X.toarray())
    assert path.read_bytes() == before


# --- several workers ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client() -> Iterator[object]:
    """Two worker processes of one thread."""
    distributed = pytest.importorskip("distributed")
    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(n_workers=2, **options) as cluster, distributed.Client(cluster) as found:
        yield found


@pytest.mark.parametrize("name", list(PASSES))
def test_two_workers(
    name: str, client: object, study: ad.AnnData, folder: Path, expected: dict[str, ad.AnnData]
) -> None:
    adata = KINDS["lazy h5ad"](study, folder)
    PASSES[name](adata)
    assert differences(expected[name], adata) == []


@pytest.mark.parametrize("kind", ["chunks of 300", "lazy zarr", "backed"])
def test_workers_read_every_kind(
    kind: str, client: object, study: ad.AnnData, folder: Path, expected: dict[str, ad.AnnData]
) -> None:
    name = "tl.communication"
    adata = KINDS[kind](study, folder)
    PASSES[name](adata)
    assert differences(expected[name], adata) == []


def test_workers_send_sums_and_no_rows(client: object, folder: Path) -> None:
    """What leaves the workers in a pass is sums, however many rows they read."""
    values = _opened(folder / "study.h5ad").X
    data = matrix.Matrix(values, "X", "lognorm")
    n_parts = len(list(lazy.parts_of(values, TILE)))

    def sent(dask_worker: object) -> int:
        return int(dask_worker.transfer_outgoing_bytes_total)  # type: ignore[attr-defined]

    before = sum(client.run(sent).values())  # type: ignore[attr-defined]
    gene_means(data, 1)
    after = sum(client.run(sent).values())  # type: ignore[attr-defined]
    sums = 8 * values.shape[1]
    most_nodes = 2 * n_parts  # of a part: its whole tiles, and a tile that has no sibling yet
    assert 0 < after - before < 2 * most_nodes * sums + 20_000
    held = values.compute()
    assert after - before < 0.1 * (held.data.nbytes + held.indices.nbytes)


def test_a_worker_that_dies_changes_no_bit(
    client: object, folder: Path, expected: dict[str, ad.AnnData], tmp_path: Path
) -> None:
    died = tmp_path / "died"

    def deadly(block: sparse.csr_matrix) -> sparse.csr_matrix:
        """Kill the process that works on this, the first time."""
        try:
            died.touch(exist_ok=False)
        except FileExistsError:
            return block
        os.kill(os.getpid(), 9)
        return block

    adata = _opened(folder / "study.h5ad")
    healthy = adata.X
    adata.X = healthy.map_blocks(
        deadly, dtype=healthy.dtype, meta=sparse.csr_matrix((0, 0), dtype=healthy.dtype)
    )
    pids = set(client.run(os.getpid).values())  # type: ignore[attr-defined]
    data = matrix.Matrix(adata.X, "X", "lognorm")
    assert passes.on_cluster()
    found = gene_means(data, 1)
    client.wait_for_workers(2)  # type: ignore[attr-defined]
    assert died.exists() and set(client.run(os.getpid).values()) != pids, "no worker died"  # type: ignore[attr-defined]
    whole = matrix.Matrix(healthy.compute(), "X", "lognorm")
    assert np.array_equal(found, gene_means(whole, 1))
    died.unlink()
    niche.tl.communication(adata, "cell_type", n_perms=50)
    assert died.exists()
    adata.X = healthy
    assert differences(expected["tl.communication"], adata) == []

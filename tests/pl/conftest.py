"""The small study with and without its results, and a check that no figure is left open."""

from __future__ import annotations

from collections.abc import Iterator

import anndata as ad
import pytest
from accounts import make_account
from compared import TWO_PATIENTS, make_compared
from matplotlib.figure import Figure
from metastases import PAIRS, make_study

import niche


@pytest.fixture
def study() -> ad.AnnData:
    """Nothing stored."""
    return make_study()


@pytest.fixture(scope="session")
def _analysed() -> ad.AnnData:
    adata = make_study()
    niche.pp.check(adata, "cell_type")
    niche.tl.communication(adata, "cell_type", resource=PAIRS)
    return adata


@pytest.fixture
def analysed(_analysed: ad.AnnData) -> ad.AnnData:
    """With the design report and communication stored."""
    return _analysed.copy()


@pytest.fixture(scope="session")
def _compared() -> ad.AnnData:
    return make_compared()


@pytest.fixture
def compared(_compared: ad.AnnData) -> ad.AnnData:
    """With organs compared: four patients in each of three, one in kidney."""
    return _compared.copy()


@pytest.fixture(scope="session")
def _few() -> ad.AnnData:
    return make_compared(TWO_PATIENTS)


@pytest.fixture
def few(_few: ad.AnnData) -> ad.AnnData:
    """With organs compared that have two patients each: nothing can be called."""
    return _few.copy()


@pytest.fixture(scope="session")
def _accounted() -> ad.AnnData:
    return make_account()


@pytest.fixture
def accounted(_accounted: ad.AnnData) -> ad.AnnData:
    """With a seed-and-soil account of four organs that holds every kind and status."""
    return _accounted.copy()


@pytest.fixture(scope="session")
def _programs() -> ad.AnnData:
    adata = niche.datasets.demo()
    niche.pp.normalize(adata)
    niche.pp.ambient(adata, "cell_type")
    niche.tl.programs(adata, k=6, n_starts=3)
    niche.tl.compare_programs(adata)
    return adata


@pytest.fixture
def programmed(_programs: ad.AnnData) -> ad.AnnData:
    """The demo with programs compared between organs, one of every verdict."""
    adata = _programs.copy()
    names = adata.uns["compare_programs"]["verdict_names"]
    adata.uns["compare_programs"]["verdict"] = list(reversed(names))
    return adata


@pytest.fixture(autouse=True)
def no_figure_left_open(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No plot leaves a figure with pyplot, or shows one by itself."""
    import matplotlib.pyplot as plt

    monkeypatch.setattr(plt, "show", lambda *_, **__: pytest.fail("a plot called plt.show"))
    before = plt.get_fignums()
    yield
    assert plt.get_fignums() == before


@pytest.fixture
def axes():
    """Empty axes of a figure that pyplot does not know."""
    return Figure(figsize=(6, 5)).subplots()

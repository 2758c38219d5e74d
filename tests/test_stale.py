"""A result that no longer belongs to the data is refused, and what changed is named."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from walk import needed, parameters, public_functions

import niche
from niche._slots import read
from niche.errors import MissingKeyError, StaleResultError


def _change(adata: ad.AnnData, what: str) -> None:
    """Change what a fingerprint calls ``genes``, ``X``, ``layer <name>``, ``obs <column>`` or ``obsm <name>``."""
    if what == "genes":
        names = adata.var_names.to_numpy(dtype=object).copy()
        names[0] = f"{names[0]}-renamed"
        adata.var_names = names
    elif what.startswith("obs "):
        column = what.removeprefix("obs ")
        labels = adata.obs[column].astype(str).to_numpy(dtype=object).copy()
        others = [label for label in sorted(set(labels)) if label != labels[0]]
        labels[0] = others[0] if others else f"not {labels[0]}"
        adata.obs[column] = labels
    elif what.startswith("obsm "):
        places = np.array(adata.obsm[what.removeprefix("obsm ")])
        places[0] += 1
        adata.obsm[what.removeprefix("obsm ")] = places
    else:
        values = adata.X if what == "X" else adata.layers[what.removeprefix("layer ")]
        changed = values.copy()
        changed.data[: changed.data.size // 2] += 1
        if what == "X":
            adata.X = changed
        else:
            adata.layers[what.removeprefix("layer ")] = changed


READERS = {
    name: parameters(function)["key"].default
    for name, function in public_functions("get").items()
    if "key" in parameters(function)
}


@pytest.mark.parametrize("slot", sorted(set(READERS.values())))
def test_readers_refuse_what_changed(corridor: ad.AnnData, slot: str) -> None:
    watched = read.strings(corridor.uns[slot]["fingerprint"]["names"])
    assert watched, f"uns[{slot!r}] depends on nothing"
    for what in watched:
        adata = corridor.copy()
        _change(adata, what)
        for name in [name for name, read_from in READERS.items() if read_from == slot]:
            function = public_functions("get")[name]
            with pytest.raises(StaleResultError, match=f"{what} changed"):
                function(adata, **needed(function))


@pytest.mark.parametrize("what", ["cells of one organ", "some genes", "a view of some cells"])
def test_readers_refuse_a_part_of_the_data(corridor: ad.AnnData, what: str) -> None:
    """scanpy subsets with results in uns and all: no table of the whole is passed off as one of the part.

    Results that rest on the genes alone stay readable: cells of the other species are dropped after the split.
    """
    bone = (corridor.obs["organ"] == "bone").to_numpy()
    part = corridor[:, : corridor.n_vars // 2] if what == "some genes" else corridor[bone]
    adata = part if "view" in what else part.copy()
    for name, slot in READERS.items():
        function = public_functions("get")[name]
        watched = read.strings(corridor.uns[slot]["fingerprint"]["names"])
        if what != "some genes" and watched == ["genes"]:
            function(adata, **needed(function))
            continue
        with pytest.raises(StaleResultError, match="changed"):
            function(adata, **needed(function))


@pytest.mark.parametrize(
    "what", ["obs cell_type", "obs organ", "obs sample", "obs compartment", "X", "genes"]
)
def test_communication_watches_what_it_was_computed_from(corridor: ad.AnnData, what: str) -> None:
    _change(corridor, what)
    with pytest.raises(StaleResultError, match=f"{what} changed.*niche.tl.communication"):
        niche.get.communication(corridor)


@pytest.mark.parametrize("what", ["obs organ", "obs patient", "obs sample", "genes"])
def test_design_watches_what_it_was_computed_from(corridor: ad.AnnData, what: str) -> None:
    _change(corridor, what)
    with pytest.raises(StaleResultError, match=f"{what} changed.*niche.pp.check"):
        niche.get.design(corridor)


def test_other_columns_do_not_matter(corridor: ad.AnnData) -> None:
    corridor.obs["note"] = np.arange(corridor.n_obs)
    corridor.var["note"] = 1
    for function in public_functions("get").values():
        function(corridor, **needed(function))


@pytest.mark.parametrize("name", list(READERS))
def test_nothing_stored_names_the_function_to_run(demo: ad.AnnData, name: str) -> None:
    function = public_functions("get")[name]
    with pytest.raises(MissingKeyError, match=r"Run niche\.(pp|tl|recipes)\.\w+ first"):
        function(demo, **needed(function))

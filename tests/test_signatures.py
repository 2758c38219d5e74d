"""Every public function keeps the house's signature conventions."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Sequence

import anndata as ad
from walk import Public, parameters, type_hints

KEYWORD, POSITIONAL = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
OTHER_SPELLINGS = {
    "random_state": "rng",
    "seed": "rng",
    "random_seed": "rng",
    "n_threads": "n_jobs",
    "n_cpus": "n_jobs",
    "n_workers": "n_jobs",
    "num_workers": "n_jobs",
    "threads": "n_jobs",
    "key_name": "key_added",
    "added_key": "key_added",
    "layers": "layer",
    "layer_key": "layer",
    "use_layer": "layer",
    "use_raw": "layer",
    "inplace": "copy",
    "batch": "batch_key",
    "patient_col": "patient_key",
    "sample_col": "sample_key",
}
RETURNS_ITS_FINDING = {
    "pp.check": "returns the design report it stores",
    "pp.collapse_orthologs": "returns other cells and genes, and leaves the data alone",
}


def test_positionalparameters(public_function: Public) -> None:
    name, function = public_function
    options = parameters(function)
    assert all(p.kind in (KEYWORD, POSITIONAL) for p in options.values()), f"{name}: no *args, no **kwargs"
    free = [p.name for p in options.values() if p.kind == POSITIONAL]
    if "adata" in free:
        assert free[0] == "adata", f"{name}: adata comes first"
        free.remove("adata")
    assert len(free) <= 2, f"{name}: at most two positional parameters beside adata, has {free}"


def test_spelling(public_function: Public) -> None:
    name, function = public_function
    for found in parameters(function):
        assert found not in OTHER_SPELLINGS, f"{name}: {found} is spelt {OTHER_SPELLINGS.get(found)} here"


def test_shared_options_are_keywords_with_one_default(public_function: Public) -> None:
    name, function = public_function
    for parameter in parameters(function).values():
        what = f"{name}({parameter.name}=)"
        if parameter.name in ("n_jobs", "key_added", "copy", "layer"):
            assert parameter.kind == KEYWORD, f"{what} is keyword-only"
        if parameter.name in ("n_jobs", "layer") or parameter.name.endswith("_key"):
            assert parameter.default is None, f"{what} defaults to None, resolved when called"
        if parameter.name == "copy":
            assert parameter.default is False, f"{what} defaults to False"
        if parameter.name == "rng":
            assert parameter.default == 0, f"{what} defaults to 0: the same call gives the same result"
        if isinstance(parameter.default, bool):
            assert parameter.kind == KEYWORD, f"{what} is a switch and so keyword-only"


def test_what_changes_the_data_offers_a_copy(public_function: Public) -> None:
    name, function = public_function
    options = parameters(function)
    if name.split(".")[0] not in ("pp", "tl") or "adata" not in options or name in RETURNS_ITS_FINDING:
        return
    assert "copy" in options, f"{name} changes adata and so offers copy="
    returned = type_hints(function)["return"]
    assert set(typing.get_args(returned)) == {ad.AnnData, type(None)}, f"{name} returns AnnData | None"


def test_reading_and_plotting_never_copy_or_store(public_function: Public) -> None:
    name, function = public_function
    if name.split(".")[0] in ("get", "pl", "report"):
        forbidden = {"copy", "key_added"} & set(parameters(function))
        assert not forbidden, f"{name} only reads: no {forbidden}"


def test_types(public_function: Public) -> None:
    name, function = public_function
    hints = type_hints(function)
    missing = [parameter for parameter in parameters(function) if parameter not in hints]
    assert not missing, f"{name}: no type for {missing}"
    assert "return" in hints, f"{name}: what it returns has no type"
    if "adata" in parameters(function):
        assert hints["adata"] is ad.AnnData, f"{name}: adata is an anndata.AnnData"


def test_covariates_of_tools_take_none_a_name_or_a_list(public_function: Public) -> None:
    name, function = public_function
    if name.startswith("tl.") and "covariates" in parameters(function):
        hint = type_hints(function)["covariates"]
        assert hint == str | Sequence[str] | None, f"{name}(covariates=) is {hint}"

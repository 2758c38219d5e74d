"""Edges of every sample as a MuData, with the programs of the tumor beside them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, read, validate, write
from niche._stats.contrasts import REST
from niche._version import __version__
from niche.errors import InputValueError, MissingPackageError
from niche.get._ambient_edges import NOT_ASSESSED
from niche.get._compare_chosen import EDGE
from niche.get.communication_samples import communication_samples
from niche.get.compare_communication import RUN_FIRST as COMPARE_FIRST
from niche.get.compare_communication import compare_communication
from niche.get.compare_programs import compare_programs, compared_labels
from niche.get.programs import program_labels
from niche.get.programs import programs as get_programs

if TYPE_CHECKING:
    from mudata import MuData

SLOT = "to_mudata"
_OBS = ("sample", "patient", "organ", "tissue")
_NUMBERS = ("log2fc", "qval")


def to_mudata(
    adata: ad.AnnData,
    *,
    by: Literal["edges", "cell_pairs"] = "edges",
    edges: Literal["measured", "tested"] = "measured",
    complete: bool = False,
    compared: str | None = None,
    programs: str | None = None,
    key: str = keys.COMMUNICATION,
) -> MuData:
    """Return edges, and programs where there are any, as a MuData whose observations are samples.

    For factor analysis over samples (MOFA in muon), or any tool of scanpy on one of the modalities.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.communication` was run.
    by
        ``"edges"``: one modality with all edges. ``"cell_pairs"``: one for each sender and receiver, named
        ``"source&target"``, as ``liana.mu.lrs_to_views`` names its views; a sample that lacks one of both
        cell types is not in that modality, which so holds no NaN.
    edges
        ``"measured"`` or ``"tested"``, as in :func:`niche.get.communication_samples`.
    complete
        Drop the edges that any of the samples cannot speak for.
    compared
        The ``key_added`` of a :func:`niche.tl.compare_communication` of this run, whose calls go into
        ``var``. By default ``"compare_communication"``, where that compares this run.
    programs
        The ``key_added`` of :func:`niche.tl.programs`. By default ``"programs"``, where that is stored.
    key
        The ``key_added`` of the run.

    Returns
    -------
    MuData
        New. ``obs`` (samples of the run that a modality holds): ``sample, patient, organ, tissue``.
        Modality ``"edges"``, or one per pair of cell types: the AnnData of
        :func:`niche.get.communication_samples`: ``X`` (n_samples, n_edges) the means of both sides, log1p
        units, NaN where the sample has too few cells of a cell type; ``var``: ``source, target,
        ligand_complex, receptor_complex, pathway, n_samples, n_patients``, and for each contrast of an organ
        with the rest ``call_<contrast>, log2fc_<contrast>, qval_<contrast>``.
        Modality ``"programs"``: ``X`` (n_samples, n_programs) mean usage in malignant cells,
        ``layers["se"]`` its standard error; ``obs``: the above and ``n_cells``; ``var``: ``label, kind,
        verdict, reason``; only samples that programs were found in are there.
        ``uns["to_mudata"]``: ``key, by, edges, complete, compared, programs, verdicts`` (the key that was
        read, or ``not_assessed``), ``n_views_left_out`` (pairs of cell types that no sample holds),
        ``niche_version``. A ``/`` in the names of cell types and organs becomes ``|`` in keys.

    Raises
    ------
    MissingPackageError
        mudata is not installed.
    MissingKeyError
        Nothing is stored under ``key``, or under a given ``compared`` or ``programs``.
    StaleResultError
        Labels, genes or values have changed since one of the results was made.
    InputValueError
        The run pooled the samples (``convention=`` of another tool), ``compared`` compares another run, or
        ``complete`` leaves no edge.
    InputTypeError
        ``complete`` is not True or False.

    Notes
    -----
    Calls and verdicts were made from the very samples in the rows: use them to label edges, not as evidence
    that is independent of factors found here. MuData: Bredikhin et al. 2022, doi:10.1186/s13059-021-02577-8.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type")
    >>> mdata = niche.get.to_mudata(adata, edges="tested", complete=True)
    >>> list(mdata.mod)
    ['edges']
    >>> mdata["edges"].n_obs == mdata.n_obs
    True
    """
    _require_mudata()
    validate.choice(by, "by", ("edges", "cell_pairs"))
    samples = communication_samples(adata, key=key, edges=edges, complete=complete)
    compared = compared or _of_this_run(adata, keys.COMPARE_COMMUNICATION, key)
    if compared is not None:
        _add_calls(samples, adata, compared, key)
    views, n_left_out = ({"edges": samples}, 0) if by == "edges" else _by_cell_pairs(samples)
    programs = programs or (keys.PROGRAMS if keys.PROGRAMS in read.ours(adata) else None)
    verdicts = None if programs is None else _of_this_run(adata, keys.COMPARE_PROGRAMS, programs)
    if programs is not None:
        views["programs"] = _programs(adata, samples.obs, programs, verdicts)
    about = {"key": key, "by": by, "edges": edges, "complete": complete, "n_views_left_out": n_left_out}
    results = {"compared": compared, "programs": programs, "verdicts": verdicts}
    about |= {name: NOT_ASSESSED if found is None else found for name, found in results.items()}
    return _gathered(views, samples.obs[list(_OBS)], about | {"niche_version": __version__})


def _require_mudata() -> None:
    if find_spec("mudata") is None:
        raise MissingPackageError(
            "samples x edges are gathered by mudata, which is not installed. Run: "
            'python -m pip install "niche[mudata]"'
        )


def _of_this_run(adata: ad.AnnData, name: str, key: str) -> str | None:
    """The name of a stored comparison if it rests on ``uns[key]``."""
    if name not in read.ours(adata) or str(adata.uns[name]["params"]["key"]) != key:
        return None
    return name


def _plain_key(name: str) -> str:
    """A name that may be a key of a file."""
    return name.replace("/", "|")


def _add_calls(samples: ad.AnnData, adata: ad.AnnData, compared: str, key: str) -> None:
    """Calls of every organ against the rest, as columns of ``samples.var``."""
    stored = read.result(adata, compared, run_first=COMPARE_FIRST)
    if str(stored["params"]["key"]) != key:
        raise InputValueError(
            f"adata.uns[{compared!r}] compares adata.uns[{str(stored['params']['key'])!r}], not "
            f"adata.uns[{key!r}]. Give the key of that run, or run {COMPARE_FIRST} on this one."
        )
    names, kinds = (read.strings(stored["contrasts"][part]) for part in ("name", "kind"))
    rest = [name for name, kind in zip(names, kinds, strict=True) if kind == REST]
    compares = compare_communication(adata, contrast=rest, key=compared)
    first, *others = (compares[name].astype(str) for name in EDGE)
    compares.index = pd.Index(first.str.cat(others, sep="|"))
    for contrast in rest:
        table = compares[(compares["contrast"] == contrast).to_numpy()].reindex(samples.var_names)
        call = table["call"].astype(object).fillna(NOT_ASSESSED)
        samples.var[_plain_key(f"call_{contrast}")] = pd.Categorical(call.astype(str))
        for name in _NUMBERS:
            samples.var[_plain_key(f"{name}_{contrast}")] = table[name].to_numpy(dtype=np.float64)


def _by_cell_pairs(samples: ad.AnnData) -> tuple[dict[str, ad.AnnData], int]:
    """One AnnData per sender and receiver with the samples that hold both, and how many no sample holds."""
    pair = samples.var["source"].astype(str) + "&" + samples.var["target"].astype(str)
    found, n_left_out = {}, 0
    for name in pair.unique():
        columns = (pair == name).to_numpy()
        rows = ~np.isnan(np.asarray(samples.X)[:, columns]).any(axis=1)
        if rows.any():
            found[_plain_key(name)] = samples[rows, columns].copy()
        else:
            n_left_out += 1
    return found, n_left_out


def _programs(adata: ad.AnnData, obs: pd.DataFrame, key: str, verdicts: str | None) -> ad.AnnData:
    """Usage of every program in the samples of the run."""
    usage = get_programs(adata, what="usage", key=key)
    usage = usage[usage["sample"].isin(obs.index)]
    about = get_programs(adata, what="programs", key=key).set_index("program")
    wide = {
        name: usage.pivot(index="sample", columns="program", values=name).reindex(columns=about.index)
        for name in ("usage", "se", "n_cells")
    }
    rows = obs.loc[[name for name in obs.index if name in wide["usage"].index], list(_OBS)].copy()
    rows["n_cells"] = wide["n_cells"].loc[rows.index].iloc[:, 0].to_numpy(dtype=np.int64)
    var = pd.DataFrame(index=pd.Index(about.index.astype(str).to_numpy(dtype=object)))
    labels = program_labels(adata, key) if verdicts is None else compared_labels(adata, verdicts)
    var["label"] = [labels[name] for name in var.index]
    var["kind"] = pd.Categorical(about["kind"].astype(str))
    var["verdict"], var["reason"] = NOT_ASSESSED, ""
    if verdicts is not None:
        table = compare_programs(adata, what="verdicts", key=verdicts).set_index("program")
        for name in ("verdict", "reason"):
            var[name] = table[name].astype(str).reindex(var.index).to_numpy(dtype=object)
    values = {name: wide[name].loc[rows.index].to_numpy(dtype=np.float64) for name in ("usage", "se")}
    return ad.AnnData(values["usage"], obs=rows, var=var, layers={"se": values["se"]})


def _gathered(views: dict[str, ad.AnnData], obs: pd.DataFrame, about: Mapping[str, Any]) -> MuData:
    """A MuData of the views whose ``obs`` are these columns alone, whichever its version pulls up."""
    from mudata import MuData

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        mdata = MuData(views)
    mdata.obs = obs.loc[mdata.obs_names].copy()
    mdata.var = mdata.var[[]].copy()
    mdata.uns[SLOT] = write.plain(dict(about))
    return mdata

"""Tidy tables of ambient fractions and of what they explain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche._kernels import ambient_share as kernel
from niche._slots import keys, read, validate
from niche.errors import InputValueError
from niche.get._ambient_programs import Programs, program_shares
from niche.get._ambient_result import Against, Ambient, load

Names = str | Sequence[str] | None
LEVELS = ("samples", "cell_types", "genes", "sample_genes", "exclusive_genes")

_WIDE = 1.959963984540054


def ambient(
    adata: ad.AnnData,
    *,
    level: Literal["samples", "cell_types", "genes", "sample_genes", "exclusive_genes"] = "samples",
    sample: Names = None,
    organ: Names = None,
    cell_type: Names = None,
    gene: Names = None,
    programs: Programs | None = None,
    against: Against = None,
    key: str = keys.AMBIENT,
) -> pd.DataFrame:
    r"""Return ambient fractions, or the share of expression that ambient molecules explain.

    Parameters
    ----------
    adata
        Annotated data on which :func:`niche.pp.ambient` was run.
    level
        ``"samples"``: the fraction of every sample. ``"cell_types"``: of every cell type in every sample.
        ``"genes"``: shares of every gene in every cell type of every organ. ``"sample_genes"``: shares
        of the observed genes in every cell type of every sample. ``"exclusive_genes"``: the genes that
        the fractions were read from.
    sample, organ, cell_type, gene
        Keep these. Organs of primary and normal tissue are called ``"<organ> (primary)"`` and
        ``"<organ> (normal)"``. ``sample`` belongs to levels of samples.
    programs
        Level ``"genes"`` only: weighted gene sets, whose shares are returned instead of the genes':
        ``{"EMT": ["VIM", "FN1"]}``, ``{"EMT": {"VIM": 2.0, "FN1": 1.0}}``, or a DataFrame with
        ``program, gene, weight``.
    against
        Level ``"genes"``: organs that ``log2fc`` and ``effect_...`` compare with. By default the other
        organs of metastases, or all other organs where there is one of these only; their mean, each
        organ counting once.
    key
        The ``key_added`` of the run.

    Returns
    -------
    DataFrame
        ``"samples"``: ``sample, patient, organ, n_cells, n_counts, profile, fraction, ci_low, ci_high,
        n_genes, status, reason``; status is ``assessed`` or ``not_testable`` (fraction NaN).
        ``"cell_types"``: ``sample, organ, cell_type, n_cells, n_counts, fraction, ci_low, ci_high,
        n_genes, source, status, reason``; source says whether the fraction is the cell type's own.
        ``"genes"``: ``organ, cell_type, gene, observed, expected, share, share_low, share_high,
        control, flag, log2fc, effect_share, effect_control, effect_flag`` (see Notes); with programs
        ``organ, cell_type, program, measured, log2fc, share, control, effect_share, effect_control,
        flag, effect_flag``: means over genes by weight, those of the difference also by absolute
        log2 fold change. ``"sample_genes"``: ``sample, organ, cell_type, gene, observed, expected,
        share`` in counts. ``"exclusive_genes"``: ``sample, cell_type, gene, expressed_by, observed,
        expected, ratio``.

    Raises
    ------
    MissingKeyError
        :func:`niche.pp.ambient` was not run.
    StaleResultError
        The labels, genes or counts have changed since.
    InputValueError
        A name to keep does not exist, or an option does not belong to the level.
    InputTypeError
        ``programs`` is of no known form.

    Notes
    -----
    ``observed`` is the gene's share of all counts of the cell type, in parts per million, averaged over
    samples within the patient, patients within the organ; ``expected`` is the same average of
    :math:`a_c q_g`, what ambient molecules alone would give; ``share`` = min(1, expected / observed).
    ``effect_share`` is the part of the difference to the other organs that the difference of the expected
    values explains, clipped to [0, 1].

    ``control`` is a negative control: observed over expected counts in the *other* cell types of the
    organ that are silent for the gene (at most four times what is expected). A leaked gene is seen in
    all of them as predicted (about 1); a profile that is wrong about the gene gives 0, and NaN says that
    too few counts are predicted there. ``effect_control`` is the same for the difference.

    ``flag`` and ``effect_flag``: ``ambient`` (share of at least ``max_share``, the control not below 0.25),
    ``undetermined`` (explained, but contradicted by the control), ``own`` (not explained),
    ``no_difference`` (absolute log2 fold change below 0.5), ``not_expressed``, ``not_testable`` (nothing to
    compare with). Cell types without ``min_cells`` cells and a fraction in any sample have no row.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.ambient(adata)
    >>> tumor = niche.get.ambient(adata, level="genes", organ="lung", cell_type="Malignant")
    >>> str(tumor.set_index("gene").loc["SFTPA1", "flag"])
    'ambient'
    """
    validate.choice(level, "level", LEVELS)
    _check(level, sample=sample, gene=gene, programs=programs, against=against)
    found = load(adata, key)
    if programs is not None:
        frame = program_shares(adata, found, programs, against)
    elif level == "genes":
        return _genes(adata, found, organ, cell_type, gene, against)
    elif level == "samples":
        frame = _samples(found)
    elif level == "cell_types":
        frame = _cell_types(found)
    elif level == "sample_genes":
        frame = _sample_genes(adata, found, sample, organ, cell_type)
    else:
        frame = _exclusive_genes(adata, found)
    for column, wanted in (("sample", sample), ("organ", organ), ("cell_type", cell_type), ("gene", gene)):
        if wanted is not None:
            known = _known(adata, found, column)
            frame = frame[frame[column].isin(_listed(wanted, column, known))] if column in frame else frame
    return frame.reset_index(drop=True)


def _check(level: str, *, sample: Names, gene: Names, programs: Programs | None, against: Against) -> None:
    """Refuse options that do nothing at this level."""
    for name, value, levels in (
        ("sample", sample, ("samples", "cell_types", "sample_genes", "exclusive_genes")),
        ("gene", gene, ("genes", "sample_genes", "exclusive_genes")),
        ("programs", programs, ("genes",)),
        ("against", against, ("genes",)),
    ):
        if value is not None and level not in levels:
            raise InputValueError(
                f"{name}= belongs to level={' or '.join(map(repr, levels))}. Got level={level!r}."
            )
    if programs is not None and gene is not None:
        raise InputValueError("give gene= or programs=, not both.")


def _known(adata: ad.AnnData, found: Ambient, column: str) -> list[str]:
    if column == "sample":
        return read.strings(found.stored["samples"]["name"])
    if column == "organ":
        return found.organs
    return found.cell_types if column == "cell_type" else list(adata.var_names)


def _listed(wanted: Names, name: str, known: Sequence[str]) -> list[str]:
    listed = [wanted] if isinstance(wanted, str) else [str(item) for item in wanted or ()]
    unknown = sorted(set(listed) - set(known))
    if unknown:
        raise InputValueError(
            f"{name}: {validate.shown(unknown)} not in the result. Available: {validate.shown(known)}."
        )
    return listed


def _interval(part: dict[str, Any]) -> dict[str, np.ndarray]:
    fraction, log_se = np.asarray(part["fraction"]), np.asarray(part["log_se"])
    wide = np.exp(_WIDE * log_se)
    return {"fraction": fraction, "ci_low": fraction / wide, "ci_high": np.minimum(fraction * wide, 1.0)}


def _texts(part: dict[str, Any], *names: str) -> dict[str, np.ndarray]:
    return {name: np.array(read.strings(part[name]), dtype=object) for name in names}


def _samples(found: Ambient) -> pd.DataFrame:
    part = found.stored["samples"]
    library = np.bincount(found.group_sample, weights=found.stored["groups"]["library"])
    return pd.DataFrame(
        {
            "sample": _texts(part, "name")["name"],
            **_texts(part, "patient"),
            "organ": found.sample_organ,
            "n_cells": np.asarray(part["n_cells"]),
            "n_counts": library.astype(np.int64),
            **_texts(part, "profile"),
            **_interval(part),
            "n_genes": np.asarray(part["n_genes"]),
            **_texts(part, "status", "reason"),
        }
    )


def _cell_types(found: Ambient) -> pd.DataFrame:
    part = found.stored["groups"]
    return pd.DataFrame(
        {
            **_group_labels(found, np.arange(len(part["sample"]))),
            "n_cells": np.asarray(part["n_cells"]),
            "n_counts": np.asarray(part["library"]).astype(np.int64),
            **_interval(part),
            "n_genes": np.asarray(part["n_genes"]),
            **_texts(part, "source", "status", "reason"),
        }
    )


def _group_labels(found: Ambient, group: np.ndarray) -> dict[str, np.ndarray]:
    sample = found.group_sample[group]
    cell_type = np.asarray(found.stored["groups"]["cell_type"])[group]
    return {
        "sample": np.array(read.strings(found.stored["samples"]["name"]), dtype=object)[sample],
        "organ": found.sample_organ[sample],
        "cell_type": np.array(found.cell_types, dtype=object)[cell_type],
    }


def _genes(
    adata: ad.AnnData, found: Ambient, organ: Names, cell_type: Names, gene: Names, against: Against
) -> pd.DataFrame:
    names = list(adata.var_names)
    genes = np.arange(len(names))
    if gene is not None:
        genes = adata.var_names.get_indexer(_listed(gene, "gene", names))
    rows = np.arange(found.rows.organ.size)
    for wanted, codes, label, known in (
        (organ, found.rows.organ, "organ", found.organs),
        (cell_type, found.rows.cell_type, "cell_type", found.cell_types),
    ):
        if wanted is not None:
            kept = [known.index(name) for name in _listed(wanted, label, known)]
            rows = rows[np.isin(codes[rows], kept)]
    table = found.shares(genes, against)
    row, column = (part.ravel() for part in np.meshgrid(rows, np.arange(genes.size), indexing="ij"))
    flags = pd.Index(kernel.FLAGS)

    def of(name: str) -> np.ndarray:
        return getattr(table, name)[row, column]

    return pd.DataFrame(
        {
            "organ": pd.Categorical.from_codes(found.rows.organ[row], found.organs),
            "cell_type": pd.Categorical.from_codes(found.rows.cell_type[row], found.cell_types),
            "gene": pd.Categorical.from_codes(column, [names[i] for i in genes]),
            "observed": 1e6 * of("observed"),
            "expected": 1e6 * of("expected"),
            "share": of("share"),
            "share_low": of("low"),
            "share_high": of("high"),
            "control": of("control"),
            "flag": pd.Categorical.from_codes(of("flag"), flags),
            "log2fc": of("log2fc"),
            "effect_share": of("effect_share"),
            "effect_control": of("effect_control"),
            "effect_flag": pd.Categorical.from_codes(of("effect_flag"), flags),
        }
    )


def _sample_genes(
    adata: ad.AnnData, found: Ambient, sample: Names, organ: Names, cell_type: Names
) -> pd.DataFrame:
    """The observed counts of every group beside what is expected; groups chosen before they are spread."""
    labels = pd.DataFrame(_group_labels(found, np.arange(len(found.group_sample))))
    kept = np.ones(len(labels), dtype=bool)
    for column, wanted in (("sample", sample), ("organ", organ), ("cell_type", cell_type)):
        if wanted is not None:
            kept &= labels[column].isin(_listed(wanted, column, _known(adata, found, column))).to_numpy()
    groups = np.flatnonzero(kept)
    part = found.counts[groups].tocoo()
    group, gene = groups[part.row], part.col
    fraction = np.asarray(found.stored["groups"]["fraction"])
    library = np.asarray(found.stored["groups"]["library"])
    soup = np.asarray(found.profile[found.group_sample[group], gene]).ravel()
    expected = fraction[group] * library[group] * soup
    codes = {name: pd.factorize(labels[name], sort=True) for name in labels}
    return pd.DataFrame(
        {
            **{
                name: pd.Categorical.from_codes(code[group], list(names))
                for name, (code, names) in codes.items()
            },
            "gene": pd.Categorical.from_codes(gene, list(adata.var_names)),
            "observed": part.data.astype(np.float64),
            "expected": expected,
            "share": np.minimum(expected / part.data, 1.0),
        }
    )


def _exclusive_genes(adata: ad.AnnData, found: Ambient) -> pd.DataFrame:
    group = np.asarray(found.stored["exclusive"]["group"], dtype=np.int64)
    gene = np.asarray(found.stored["exclusive"]["gene"], dtype=np.int64)
    library = np.asarray(found.stored["groups"]["library"])
    cell_type = np.asarray(found.stored["groups"]["cell_type"])
    observed = np.asarray(found.counts[group, gene]).ravel().astype(np.float64)
    expected = library[group] * np.asarray(found.profile[found.group_sample[group], gene]).ravel()
    by = np.zeros(group.size, dtype=np.int64)
    for sample in np.unique(found.group_sample[group]):
        rows = np.flatnonzero(found.group_sample == sample)
        mine = np.flatnonzero(found.group_sample[group] == sample)
        rate = found.counts[rows][:, gene[mine]].toarray() / np.maximum(library[rows], 1.0)[:, None]
        by[mine] = cell_type[rows[rate.argmax(axis=0)]]
    labels = _group_labels(found, group)
    return pd.DataFrame(
        {
            "sample": labels["sample"],
            "cell_type": labels["cell_type"],
            "gene": np.asarray(adata.var_names, dtype=object)[gene],
            "expressed_by": np.array(found.cell_types, dtype=object)[by],
            "observed": observed,
            "expected": expected,
            "ratio": observed / expected,
        }
    )

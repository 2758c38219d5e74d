"""Ligand-receptor scores: one registry, through which the built-in ones pass as well."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from niche._kernels.expression import Edges, Expression
from niche.errors import InputTypeError, InputValueError

ScoreFunction = Callable[[Expression, Edges], np.ndarray]


@dataclass(frozen=True)
class ScoreSpec:
    """A ligand-receptor score.

    Parameters
    ----------
    name
        What ``scores=`` calls it.
    column
        Its column in ``niche.get.communication``.
    function
        ``function(aggregate, edges) -> values``: a :class:`niche._kernels.expression.Expression` and
        the tested edges of all organs; returns (n_edges,) floats.
    higher_is_better
        Whether large values mean strong or specific edges.
    citation
        Where the score is defined.

    Examples
    --------
    >>> import niche
    >>> spec = niche.tl.ScoreSpec("lr_max", "lr_max",
    ...     lambda aggregate, edges: edges.ligand_means.clip(edges.receptor_means), True, "this example")
    >>> spec.column
    'lr_max'
    """

    name: str
    column: str
    function: ScoreFunction
    higher_is_better: bool
    citation: str


_REGISTRY: dict[str, ScoreSpec] = {}

MAGNITUDE = ("lr_means", "expr_prod", "lrscore")
SPECIFICITY = ("pval", "scaled_weight", "lr_logfc", "spec_weight")
_RESERVED = ("pval", "pval_ligand", "pval_receptor", "qval", "magnitude_rank", "specificity_rank")


def register_score(spec: ScoreSpec, *, overwrite: bool = False) -> None:
    """Register a score, so that ``niche.tl.communication(scores=...)`` computes it.

    Parameters
    ----------
    spec
        The score.
    overwrite
        Replace a registered score of the same name.

    Returns
    -------
    None

    Raises
    ------
    InputTypeError
        ``spec`` is not a :class:`ScoreSpec`, or its function cannot be called.
    InputValueError
        The name is taken, or the column cannot be stored or is one niche writes itself.

    Examples
    --------
    >>> import niche
    >>> niche.tl.register_score(niche.tl.ScoreSpec("lr_min", "lr_min",
    ...     lambda aggregate, edges: edges.ligand_means.clip(None, edges.receptor_means), True, "an example"),
    ...     overwrite=True)
    >>> "lr_min" in niche.tl.available_scores()
    True
    """
    if not isinstance(spec, ScoreSpec) or not callable(spec.function):
        raise InputTypeError(f"spec must be a niche.tl.ScoreSpec with a callable function. Got {spec!r}.")
    if spec.name in _REGISTRY and not overwrite:
        raise InputValueError(f"a score named {spec.name!r} is registered. Use overwrite=True to replace it.")
    if not spec.column or "/" in spec.column or spec.column in _RESERVED:
        raise InputValueError(
            f"column must be a name without '/' that niche does not use. Got {spec.column!r}."
        )
    _REGISTRY[spec.name] = spec


def available_scores() -> list[str]:
    """Return the names of the registered scores.

    Returns
    -------
    list of str
        In the order they were registered.

    Examples
    --------
    >>> import niche
    >>> niche.tl.available_scores()[:3]
    ['lr_means', 'expr_prod', 'lr_gmeans']
    """
    return list(_REGISTRY)


def resolve_scores(scores: str | Sequence[str]) -> list[ScoreSpec]:
    """Return the asked scores; ``"all"`` is every registered one."""
    named = [scores] if isinstance(scores, str) else list(scores)
    names = available_scores() if named == ["all"] else named
    unknown = [name for name in names if name not in _REGISTRY]
    if unknown:
        raise InputValueError(f"unknown scores {unknown}. Available: {', '.join(_REGISTRY)}, or 'all'.")
    return [_REGISTRY[name] for name in dict.fromkeys(names)]


def _lr_means(aggregate: Expression, edges: Edges) -> np.ndarray:
    both = (edges.ligand_means > 0) & (edges.receptor_means > 0)
    return np.where(both, (edges.ligand_means + edges.receptor_means) / 2, 0.0)


def _expr_prod(aggregate: Expression, edges: Edges) -> np.ndarray:
    return edges.ligand_means * edges.receptor_means


def _lr_gmeans(aggregate: Expression, edges: Edges) -> np.ndarray:
    return np.sqrt(edges.ligand_means * edges.receptor_means)


def _lr_probs(aggregate: Expression, edges: Edges) -> np.ndarray:
    scale = aggregate.aggregate.largest or 1.0
    product = (edges.ligand_means / scale) * (edges.receptor_means / scale)
    return product / (0.5 + product)


def _scaled_weight(aggregate: Expression, edges: Edges) -> np.ndarray:
    left, right = aggregate.sides(aggregate.zscore, edges)
    return (left + right) / 2


def _spec_weight(aggregate: Expression, edges: Edges) -> np.ndarray:
    left, right = aggregate.sides(aggregate.share, edges)
    return left * right


def _lrscore(aggregate: Expression, edges: Edges) -> np.ndarray:
    root = np.sqrt(edges.ligand_means * edges.receptor_means)
    return root / (root + aggregate.grand_mean[edges.organ])


def _lr_logfc(aggregate: Expression, edges: Edges) -> np.ndarray:
    left, right = aggregate.sides(aggregate.logfc, edges)
    return (left + right) / 2


def _interaction_score(aggregate: Expression, edges: Edges) -> np.ndarray:
    kept = np.where(aggregate.gene_fraction >= aggregate.expr_prop, aggregate.gene_mean, 0.0)
    profile = aggregate.profile(kept)
    shape = profile.shape
    units = aggregate.units.geometric(profile.reshape(-1, shape[2])).reshape(*shape[:2], -1)
    axes = (1,) if aggregate.apart else (0, 1)
    low = np.fmin.reduce(units, axis=axes, keepdims=True)
    span = np.fmax.reduce(units, axis=axes, keepdims=True) - low
    scaled = 10.0 * (units - low) / np.where(span > 0, span, 1.0)
    return scaled[edges.organ, edges.source, edges.ligand] * scaled[edges.organ, edges.target, edges.receptor]


for _name, _function, _citation in (
    ("lr_means", _lr_means, "Efremova et al. 2020, doi:10.1038/s41596-020-0292-x"),
    ("expr_prod", _expr_prod, "Hou et al. 2020, doi:10.1038/s41467-020-18873-z"),
    ("lr_gmeans", _lr_gmeans, "Dimitrov et al. 2024, doi:10.1038/s41556-024-01469-w"),
    ("lr_probs", _lr_probs, "Jin et al. 2021, doi:10.1038/s41467-021-21246-9"),
    ("scaled_weight", _scaled_weight, "Raredon et al. 2022, doi:10.1038/s41598-022-07959-x"),
    ("spec_weight", _spec_weight, "Hou et al. 2020, doi:10.1038/s41467-020-18873-z"),
    ("lrscore", _lrscore, "Cabello-Aguilar et al. 2020, doi:10.1093/nar/gkaa183"),
    ("lr_logfc", _lr_logfc, "Dimitrov et al. 2022, doi:10.1038/s41467-022-30755-0"),
    ("interaction_score", _interaction_score, "Troulé et al. 2025, doi:10.1038/s41596-024-01137-1"),
):
    register_score(ScoreSpec(_name, _name, _function, True, _citation))

"""A generator of sublines selected in vivo whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from niche import resources
from niche._slots import validate
from niche.errors import InputTypeError, InputValueError

if TYPE_CHECKING:
    from anndata import AnnData

_PARENTAL = "parental"


def simulate_sublines(
    rng: int | np.random.Generator = 0,
    *,
    organs: Sequence[str] = ("bone", "lung", "brain"),
    sublines: int | Mapping[str, int] = 4,
    parentals: int = 1,
    replicates: int | Sequence[int] = 3,
    n_genes: int = 2000,
    organ_genes: int = 40,
    passage_genes: int = 40,
    log2fc: float = 1.5,
    drift_sd: float = 0.3,
    culture_sd: float = 0.1,
    parental_drifts: bool = True,
    depth: float = 2e6,
    dispersion: float = 0.01,
    null: bool = False,
) -> AnnData:
    r"""Draw bulk counts of cultures of a parental line and of sublines selected for organs.

    Parameters
    ----------
    rng
        Seed or Generator. The same seed gives the same bits.
    organs
        What sublines were selected for.
    sublines
        Sublines per organ, or a mapping from organ to their number.
    parentals
        Parental lines (cultures of the line with histories of their own).
    replicates
        Cultures of every subline; of several numbers each subline has the next one.
    n_genes
        Genes; real symbols, of ligands and receptors first.
    organ_genes
        Planted genes of each organ, half of them raised and half lowered there.
    passage_genes
        Genes that move in all sublines alike, whatever the organ.
    log2fc
        Size of planted effects.
    drift_sd
        Standard deviation (log2) between sublines of one organ, of every gene.
    culture_sd
        Standard deviation (log2) between cultures of one subline, of every gene.
    parental_drifts
        Whether parental lines scatter as sublines do, or are the very population these came from.
    depth
        Expected counts of a culture; libraries vary by about a quarter.
    dispersion
        Negative-binomial dispersion phi: variance = mean + phi mean^2. 0 is Poisson.
    null
        Switch all planted effects off.

    Returns
    -------
    AnnData
        Cultures x genes, counts as float32 in ``X`` and, a copy, in ``layers["counts"]``. ``obs``:
        ``subline``, ``organ`` (``parental`` for parental lines), ``culture``, ``batch`` (number of the
        culture). ``uns["truth"]``: ``genes`` (organ, gene, log2fc against the parental line; organ
        ``passage`` for genes that move in all) and ``params``.

    Raises
    ------
    InputTypeError, InputValueError
        An option is not what it should be; the message names it.

    Notes
    -----
    A culture c of subline s of organ o has counts with mean
    :math:`d_c\, p_g\, 2^{\beta_{og} + u_{sg} + v_{cg}}`, scaled to the depth d of the culture, with planted
    effects :math:`\beta`, drift :math:`u_{sg} \sim N(0, \mathrm{drift\_sd}^2)` and culture noise
    :math:`v_{cg}`.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.simulate_sublines(organs=["bone", "lung"], sublines=2, n_genes=500)
    >>> adata.shape, sorted(adata.obs["organ"].unique())
    ((15, 500), ['bone', 'lung', 'parental'])
    """
    import anndata as ad

    params = {name: value for name, value in locals().items() if name not in ("rng", "ad")}
    random = validate.generator(rng)
    named = _check(params)
    counted = [sublines[name] if isinstance(sublines, Mapping) else sublines for name in named]
    owner = np.repeat([*named, _PARENTAL], [*counted, parentals])
    number = np.concatenate([np.arange(1, n + 1) for n in (*counted, parentals)])
    names = np.array([f"{organ}_{k}" for organ, k in zip(owner, number, strict=True)])
    genes = _symbols(n_genes, random)

    truth = _planted(genes, named, organ_genes, passage_genes, 0.0 if null else log2fc, random)
    level = random.normal(0.0, 1.5, n_genes)
    effect = np.zeros((owner.size, n_genes))
    place = pd.Index(genes)
    for organ, part in truth.groupby("organ"):
        moved = owner == organ if organ != "passage" else owner != _PARENTAL
        effect[np.ix_(moved, place.get_indexer(part["gene"]))] += part["log2fc"].to_numpy()
    drift = random.normal(0.0, drift_sd, effect.shape)
    if not parental_drifts:
        drift[owner == _PARENTAL] = 0.0
    per_subline = np.resize(np.atleast_1d(replicates), owner.size)
    row = np.repeat(np.arange(owner.size), per_subline)
    log2 = level / np.log(2) + effect[row] + drift[row] + random.normal(0.0, culture_sd, (row.size, n_genes))
    share = 2.0**log2
    share /= share.sum(axis=1, keepdims=True)
    mean = share * (depth * 2.0 ** random.normal(0.0, 0.35, row.size))[:, None]
    if dispersion > 0:
        mean = mean * random.gamma(1 / dispersion, dispersion, mean.shape)
    counts = random.poisson(mean).astype(np.float32)

    batch = np.concatenate([np.arange(1, n + 1) for n in per_subline])
    obs = pd.DataFrame(
        {
            "subline": pd.Categorical(names[row]), "organ": pd.Categorical(owner[row]),
            "culture": pd.Categorical([f"{names[r]}_{b}" for r, b in zip(row, batch, strict=True)]),
            "batch": pd.Categorical(batch.astype(str)),
        }
    )  # fmt: skip
    obs.index = pd.Index(obs["culture"].astype(str).to_numpy())
    plain = {"organs": np.array(named, dtype=object), "sublines": np.array(counted)}
    plain |= {"replicates": np.atleast_1d(replicates)}
    adata = ad.AnnData(counts, obs=obs, var=pd.DataFrame(index=pd.Index(genes)))
    adata.layers["counts"] = counts.copy()
    adata.uns["truth"] = {"genes": truth, "params": params | plain}
    return adata


def _check(given: dict[str, Any]) -> list[str]:
    """Organs as a list; refuse what cannot be drawn."""
    if isinstance(given["organs"], str) or not all(isinstance(name, str) for name in given["organs"]):
        raise InputTypeError(f"organs must be a list of names. Got {given['organs']!r}.")
    organs = list(given["organs"])
    if not organs or len(set(organs)) < len(organs) or {_PARENTAL, "passage"} & set(organs):
        raise InputValueError(
            f"organs must be different names, 'parental' and 'passage' not among them. Got {organs!r}."
        )
    sublines = given["sublines"]
    if isinstance(sublines, Mapping) and set(sublines) != set(organs):
        raise InputValueError(
            f"sublines must name each organ. Got {validate.shown(sublines)}; organs: "
            f"{validate.shown(organs)}."
        )
    for value in sublines.values() if isinstance(sublines, Mapping) else [sublines]:
        validate.number(value, "sublines", low=1, high=1000, integer=True)
    for value in given["replicates"] if isinstance(given["replicates"], Sequence) else [given["replicates"]]:
        validate.number(value, "replicates", low=1, high=1000, integer=True)
    validate.number(given["parentals"], "parentals", low=1, high=1000, integer=True)
    for name in ("organ_genes", "passage_genes"):
        validate.number(given[name], name, low=0, high=10_000, integer=True)
    for name in ("drift_sd", "culture_sd", "dispersion"):
        validate.number(given[name], name, low=0, high=10)
    validate.number(given["log2fc"], "log2fc", low=-20, high=20)
    validate.number(given["depth"], "depth", low=1, high=1e9)
    for name in ("null", "parental_drifts"):
        validate.flag(given[name], name)
    planted = len(organs) * given["organ_genes"] + given["passage_genes"]
    validate.number(given["n_genes"], "n_genes", low=max(planted, 10), high=15_000, integer=True)
    return organs


def _symbols(n: int, random: np.random.Generator) -> list[str]:
    """Symbols of ligands and receptors, then of other protein-coding genes, in alphabetical order."""
    pairs = resources.ligand_receptor()
    complexes = [*pairs["ligand"], *pairs["receptor"]]
    first = sorted({gene for name in complexes for gene in name.split("_")})
    if n <= len(first):
        return sorted(random.choice(first, n, replace=False).tolist())
    table = resources.gene_positions()
    other = sorted(set(table.loc[table["biotype"] == "protein_coding", "symbol"]) - set(first))
    return sorted([*first, *random.choice(other, n - len(first), replace=False).tolist()])


def _planted(
    genes: list[str], organs: list[str], n_organ: int, n_passage: int, log2fc: float,
    random: np.random.Generator,
) -> pd.DataFrame:  # fmt: skip
    """Which genes move where: in every block the first half is raised, the second lowered."""
    sizes = [*[n_organ] * len(organs), n_passage]
    chosen = random.choice(genes, sum(sizes), replace=False)
    sign = np.concatenate([np.where(np.arange(n) < (n + 1) // 2, 1.0, -1.0) for n in sizes])
    table = pd.DataFrame(
        {"organ": np.repeat([*organs, "passage"], sizes), "gene": chosen, "log2fc": sign * log2fc}
    )
    return table[table["log2fc"] != 0].reset_index(drop=True).astype({"organ": object, "gene": object})

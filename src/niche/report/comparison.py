"""What the report says of a comparison of organs, as tables and sentences: read here, laid out elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from niche._slots import keys, read
from niche.report import formats
from niche.report.findings import Findings

UP, DOWN, SUSPECT = ("enriched", "specific"), ("depleted",), (keys.AMBIENT_SUSPECT,)
PATIENTS_TEST, PATIENTS_CALL, LARGEST_Q = 2, 3, 0.1
_CALLS = ("enriched", "specific", "depleted", "ambient-suspect", "shared", "differs", "undetermined")
_MAIN = ("omnibus", "rest", "primary", "normal")
_EXPECTED, _TOO_OFTEN = 0.05, 0.1

_KINDS = (
    ("cell type absent", "a cell type is absent from an organ"),
    ("too few cells", "too few cells of a cell type in a sample"),
    ("no sample of", "no sample holds both cell types with enough cells"),
    ("depth", "too few molecules expected of a gene (depth)"),
    ("aliased with", "hidden by a covariate"),
    ("no residual", "no patient to spare"),
    ("patient", "too few patients"),
)
"""Part of a reason -> what the report calls it; the first that fits."""


def contrasts(found: Findings) -> pd.DataFrame:
    """Every contrast of the edges, see :func:`contrasts_of`."""
    return contrasts_of(found.compare.value)


def contrasts_of(stored: Mapping[str, Any]) -> pd.DataFrame:
    """Every contrast of a comparison: ``contrast, kind, organ``, and in words ``told`` and ``short``."""
    groups = [*read.strings(stored["groups"]["name"]), ""]
    parts = stored["contrasts"]
    rows = []
    for name, kind, plus, minus in zip(
        read.strings(parts["name"]), read.strings(parts["kind"]), parts["plus"], parts["minus"], strict=True
    ):
        organ, other = groups[int(plus)], groups[int(minus)]
        told = {
            "omnibus": "all organs at once",
            "mean": f"mean over the patients of {organ}",
            "rest": f"{organ} against the other organs",
            "primary": f"{organ} against primary tumors",
            "normal": f"{organ} against normal tissue",
        }.get(kind, f"{organ} against {other}")
        short = formats.readable(organ if kind == "rest" else told)
        rows.append((name, kind, organ, formats.readable(told), short))
    return pd.DataFrame(rows, columns=["contrast", "kind", "organ", "told", "short"])


def organs(found: Findings) -> pd.DataFrame:
    """Patients of every organ and tissue: ``organ, n_patients, n_samples, n_elsewhere, allows``."""
    stored = _run(found)["samples"]
    samples = pd.DataFrame(
        {
            "group": np.asarray(stored["organ_code"]),
            "patient": np.array(read.strings(stored["patient"]), dtype=object),
        }
    )
    samples = samples[samples["group"] >= 0]
    several = samples.groupby("patient")["group"].nunique()
    rows = []
    for code, name in enumerate(read.strings(found.compare.value["groups"]["name"])):
        mine = samples[samples["group"] == code]
        patients = mine["patient"].unique()
        n = len(patients)
        rows.append(
            (
                formats.readable(name), n, len(mine), int((several[patients] > 1).sum()),
                allows(n),
            )
        )  # fmt: skip
    return pd.DataFrame(rows, columns=["organ", "n_patients", "n_samples", "n_elsewhere", "allows"])


def allows(n_patients: int) -> str:
    """What so many patients of an organ allow."""
    few = "estimates only" if n_patients < PATIENTS_TEST else "tests, no calls"
    return "tests and calls" if n_patients >= PATIENTS_CALL else few


def _run(found: Findings) -> Mapping[str, Any]:
    """The communication result that was compared."""
    return read.result(found.adata, compared_key(found), run_first="niche.tl.communication")


def compared_key(found: Findings) -> str:
    """Where the edges that were compared are stored."""
    return str(found.compare.value["params"]["key"])


def outcomes(found: Findings) -> pd.DataFrame:
    """What became of the edges in every contrast: numbers of estimates, tests and calls, and patients."""
    frame, rows = found.compared, []
    for contrast in contrasts(found).to_dict("records"):
        mine = frame[frame["contrast"] == contrast["contrast"]]
        tested = mine[mine["pval"].notna()]
        calls = mine["call"].astype(str).value_counts()
        without = found.uncompared.loc[found.uncompared["contrast"] == contrast["contrast"], "n"].sum()
        rows.append(
            contrast
            | {f"n_{call}": int(calls.get(call, 0)) for call in _CALLS}
            | {
                "n_edges": len(mine) + int(without),
                "n_estimated": len(mine),
                "n_tested": len(tested),
                "n_callable": int((tested["call"].astype(str) != "not_testable").sum()),
                "patients": _range(tested["n_patients"]),
            }
        )
    return pd.DataFrame(rows)


def reasons(found: Findings) -> pd.DataFrame:
    """Edges without p-value by kind of reason (rows) and contrast (columns), and those without a call."""
    frame = found.compared[["contrast", "reason", "pval", "call"]].astype({"contrast": str, "reason": str})
    silent = frame[frame["pval"].isna()].assign(n=1)
    rows = pd.concat([found.uncompared, silent], ignore_index=True)
    rows["why"] = [_kind(reason) for reason in rows["reason"]]
    few = frame[frame["pval"].notna() & (frame["call"].astype(str) == "not_testable")]
    few = few.assign(n=1, why=f"tested, but a call needs {PATIENTS_CALL} patients on each side")
    rows = pd.concat([rows, few], ignore_index=True)
    names = contrasts(found)["contrast"].tolist()
    counts = rows.pivot_table(index="why", columns="contrast", values="n", aggfunc="sum", fill_value=0)
    counts = counts.reindex(columns=names, fill_value=0).astype(int)
    return counts.loc[counts.sum(axis=1).sort_values(ascending=False, kind="stable").index]


def _kind(reason: str) -> str:
    own = main_reason(reason)
    return next((told for part, told in _KINDS if part in own), own or "no reason stored")


def main_reason(reason: str) -> str:
    """A reason without what is only remarked: organs that were left out."""
    return reason.split("; without ", 1)[0]


def why_no_estimate(found: Findings, contrast: str) -> str:
    """The reason most edges of a contrast without any estimate have."""
    rows = found.uncompared[found.uncompared["contrast"] == contrast]
    if not len(rows):
        return "no edge"
    return str(rows["n"].groupby([_kind(reason) for reason in rows["reason"]]).sum().idxmax())


def main(found: Findings) -> pd.DataFrame:
    """The contrasts a reader looks at first: all organs, each against the others, primary, normal."""
    return main_of(found.compare.value)


def main_of(stored: Mapping[str, Any]) -> pd.DataFrame:
    """The same of any comparison."""
    table = contrasts_of(stored)
    return table[table["kind"].isin(_MAIN)]


def called(found: Findings, contrast: str, calls: tuple[str, ...]) -> pd.DataFrame:
    """Edges of a contrast with one of some calls, smallest q and then largest difference first."""
    rows = found.compared[
        (found.compared["contrast"] == contrast) & found.compared["call"].astype(str).isin(calls)
    ]
    order = pd.DataFrame({"q": rows["qval"], "size": -rows["log2fc"].abs()})
    return rows.loc[order.sort_values(["q", "size"], kind="stable").index]


def driver(side: str, compartment: str) -> str:
    """Which side moves an edge and whose cells it is in: tumor is the seed, host the soil."""
    where = {"tumor": "tumor (seed)", "host": "host (soil)", "both": "tumor and host"}.get(compartment, "")
    if side in ("ligand", "receptor", "both"):
        return f"{side}, {where}" if where else side
    return side


def ambient(value: Any, most: float) -> str:
    """Ambient share of a difference in words; a suspect one is named."""
    if isinstance(value, str):
        return formats.readable(value)
    if pd.isna(value):
        return "not testable"
    return f"{formats.share(value)}, suspect" if float(value) >= most else formats.share(value)


def largest_share(found: Findings) -> float:
    """Share from which ambient RNA counts as the explanation."""
    return float(found.ambient.value["params"]["max_share"]) if found.ambient.there else 0.5


def calibrated(found: Findings) -> tuple[str, str]:
    """The check by exchanged organs in one sentence, and its tone: ``note``, ``limit`` or ``missing``."""
    stored = found.compare.value
    table = pd.DataFrame(stored["calibration"])
    permuted = table.loc[table["permutation"] > 0, "share"].dropna()
    if not len(permuted):
        why = (
            "no edge is deep enough in every organ, or the organs cannot be exchanged"
            if int(stored["params"]["n_permutations"])
            else "n_permutations is 0"
        )
        return f"Calibration: not assessed ({why}).", "missing"
    observed = table.loc[table["permutation"] == 0]
    n, mean = int(observed["n_tests"].iloc[0]), float(permuted.mean())
    told = (
        f"When the organs are exchanged between patients ({formats.plural(len(permuted), 'time')}, "
        f"{formats.plural(n, 'edge')}), so that nothing differs but by chance, {_percent(mean)} of the "
        f"p-values are below 0.05 (from {_percent(permuted.min())} to {_percent(permuted.max())}; 5 % is "
        f"what a calibrated test gives), against {_percent(observed['share'].iloc[0])} with the organs as "
        "they are."
    )
    if mean > _TOO_OFTEN:
        return f"{told} That is more than twice too often: on these data p and q are too small.", "limit"
    return f"{told} Edges share genes and patients, so single exchanges scatter widely.", "note"


def confounded(found: Findings) -> list[str]:
    """What else differs between the organs, one sentence per column."""
    stored = found.compare.value
    table = pd.DataFrame(stored["confounding"])
    params: Mapping[str, Any] = stored["params"]
    used = [str(name) for name in np.atleast_1d(np.asarray(params["covariates"], dtype=object))]
    words = contrasts(found).set_index("contrast")["told"]
    told = []
    for term, part in table.groupby("term", sort=False, observed=True) if len(table) else ():
        hidden = part.loc[part["confounded"].astype(bool), "contrast"].astype(str)
        role = "taken out as a covariate" if term in used else "not taken out"
        if not len(part):
            continue
        if not len(hidden):
            told.append(f"{term} ({role}): can be told apart from the organ in every pair of organs.")
            continue
        pairs = formats.listed([str(words[name]) for name in hidden])
        told.append(
            f"{term} ({role}): cannot be told apart from the organ in {pairs}. What differs there may be "
            f"due to {term}, and these data cannot say."
        )
    return told


def exclusive_types(found: Findings) -> pd.DataFrame:
    """Cell types that one organ alone has, and their tested edges: one row per organ."""
    table, rows = found.exclusive.value, []
    for organ, part in table.groupby(table["organ"].astype(str), sort=True):
        left, right = (part["exclusive"].isin([end, "source and target"]) for end in ("source", "target"))
        types = {*part.loc[left, "source"].astype(str), *part.loc[right, "target"].astype(str)}
        rows.append(
            {
                "organ": organ,
                "cell_types": formats.listed(sorted(types)),
                "n_tested": len(part),
                "n_significant": int((part["qval"] <= 0.05).sum()),
                "n_patients": int(part["n_patients"].max()),
            }
        )
    return pd.DataFrame(rows, columns=["organ", "cell_types", "n_tested", "n_significant", "n_patients"])


def first_exclusive(found: Findings, top: int = 5) -> pd.DataFrame:
    """The strongest edges of such cell types by mean expression of both sides, per organ."""
    table = found.exclusive.value
    table = table.assign(lr=(table["ligand_means"] + table["receptor_means"]) / 2)
    kept = table[table["qval"] <= 0.05] if table["qval"].notna().any() else table
    ordered = kept.sort_values("lr", ascending=False, kind="stable")
    return ordered.groupby(ordered["organ"].astype(str), sort=True).head(top).sort_values(
        ["organ", "lr"], ascending=[True, False], kind="stable"
    )  # fmt: skip


def why_none(found: Findings) -> str:
    """Why organs were not compared."""
    return found.why_not(keys.COMPARE_COMMUNICATION, found.compare)


def _range(values: pd.Series) -> str:
    if not len(values):
        return formats.EMPTY
    low, high = int(values.min()), int(values.max())
    return str(low) if low == high else f"{low} to {high}"


def _percent(value: float) -> str:
    return f"{100 * float(value):.1f} %"

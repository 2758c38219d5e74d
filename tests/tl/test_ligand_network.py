"""Networks of ligands and targets at the door."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from niche.errors import InputTypeError, InputValueError, MissingPackageError
from niche.tl import _ligand_network
from niche.tl._ligand_network import check_installed, network_of

GENES = pd.Index(["A", "B", "C", "D"])


def table(rows, columns=("ligand", "target", "weight")):
    return pd.DataFrame(rows, columns=list(columns))


def test_links():
    found = network_of(table([("Y", "A", 1.0), ("X", "C", -2.0), ("X", "Z", 1.0), ("X", "B", 0.0)]), GENES)
    assert found.ligands == ["X", "Y"] and found.n_targets.tolist() == [2, 1]
    assert found.gene.tolist() == [0, 2] and found.weight.tolist() == [1, -2]
    assert found.measured(np.array([2, 3])).tolist() == [1, 0]


def test_names_of_decoupler_and_no_weights():
    found = network_of(table([("X", "A"), ("X", "B")], ("source", "target")), GENES)
    assert found.ligands == ["X"] and found.weight.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("network", "error", "message"),
    [
        ({"X": ["A"]}, InputTypeError, "network must be a DataFrame"),
        (
            table([("X", "A")], ("ligand", "gene")),
            InputValueError,
            "lacks the columns .*Found: 'ligand', 'gene'",
        ),
        (table([]), InputValueError, "network is empty"),
        (table([("X", None, 1.0)]), InputValueError, "rows without a ligand or a target"),
        (table([("X", "A", 1.0), ("X", "A", 2.0)]), InputValueError, "1 links more than once.*'X' -> 'A'"),
        (table([("X", "A", "high")]), InputTypeError, "weight must be numeric"),
        (table([("X", "A", np.nan)]), InputValueError, "1 NaN or infinite"),
        (table([("X", "ENSG1", 1.0)]), InputValueError, "no target of network is in adata.var_names"),
    ],
)
def test_refusals(network, error, message):
    with pytest.raises(error, match=message):
        network_of(network, GENES)


def test_without_decoupler(monkeypatch):
    monkeypatch.setattr(_ligand_network, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"decoupler, which is not installed: .*niche\[activity\]"):
        check_installed()

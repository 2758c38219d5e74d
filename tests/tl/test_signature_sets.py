"""Signatures in every form a user may give, and what is refused."""

from __future__ import annotations

import pandas as pd
import pytest

from niche.errors import InputTypeError, InputValueError
from niche.tl._signature_sets import Signature, signature_sets


def read(signatures, organism="human"):
    return signature_sets(signatures, organism)[0]


def test_mapping():
    found = read({"a": ["X", "Y", "X"], "b": {"up": ["X"], "down": ("Z",)}, "c": {"down": ["Q"]}})
    assert found == [
        Signature("a", ("X", "Y"), ()),
        Signature("b", ("X",), ("Z",)),
        Signature("c", (), ("Q",)),
    ]


def test_table():
    table = pd.DataFrame(
        [("a", "X", "up"), ("a", "Y", "down"), ("a", "Z", "unknown"), ("b", "X", "up")],
        columns=["signature", "gene", "direction"],
    )
    assert read(table) == [Signature("a", ("X",), ("Y",), ("Z",)), Signature("b", ("X",), ())]
    assert read(table[["signature", "gene"]])[0].up == ("X", "Y", "Z")


def test_gmt(tmp_path):
    (tmp_path / "sets.gmt").write_text("HOMING\tnote\tCXCR4\tCCR7\n")
    sets, source = signature_sets(tmp_path / "sets.gmt", "human")
    assert sets == [Signature("HOMING", ("CXCR4", "CCR7"), ())] and source == "GMT file sets.gmt"


def test_shipped():
    found = {one.name: one for one in read(None)}
    assert found["LMS18_MINN_2005"].left_out == ("LY6E",) and "CXCR4" in found["BONE_KANG_2003"].up
    assert "Cxcr4" in {one.name: one for one in read(None, "mouse")}["BONE_KANG_2003"].up


@pytest.mark.parametrize(
    ("signatures", "error", "message"),
    [
        ({}, InputValueError, "no signature is given"),
        ({"a": []}, InputValueError, r"signatures\['a'\] is empty"),
        ({"a": {"up": [], "down": []}}, InputValueError, r"signatures\['a'\] is empty"),
        ({"a": {"raised": ["X"]}}, InputValueError, "sides of a signed signature are 'up' and 'down'"),
        ({"up": ["X"], "down": ["Y"]}, InputValueError, "two sides of one signature, which needs a name"),
        ({"a": {"up": ["X"], "down": ["X"]}}, InputValueError, "'X' cannot be both up and down"),
        ({"a": "CXCR4"}, InputTypeError, "must be a list of gene names"),
        ({"a": [1]}, InputTypeError, "must hold gene names. Got 1"),
        ({1: ["X"], "1": ["Y"]}, InputValueError, "'1' occurs twice"),
        ({"a/b": ["X"]}, InputValueError, "a name must be text without '/'"),
        (["X"], InputTypeError, "signatures must be None"),
        ("nowhere.gmt", InputValueError, "There is no file"),
        (pd.DataFrame({"gene": ["X"]}), InputValueError, "the table lacks 'signature'"),
        (pd.DataFrame({"signature": [], "gene": []}), InputValueError, "the table is empty"),
        (
            pd.DataFrame({"signature": ["a"], "gene": [None]}),
            InputValueError,
            "without a signature or a gene",
        ),
        (
            pd.DataFrame({"signature": ["a"], "gene": ["X"], "direction": ["+"]}),
            InputValueError,
            "direction must hold 'up', 'down' or 'unknown'. Found '\\+'",
        ),
    ],
)
def test_refusals(signatures, error, message):
    with pytest.raises(error, match=message):
        read(signatures)

from __future__ import annotations

import pytest

from niche._slots.organ_names import organ_and_tissue, organ_name


@pytest.mark.parametrize(
    ("organ", "tissue", "name"),
    [
        ("bone", "metastasis", "bone"),
        ("bone", "primary", "bone (primary)"),
        ("Lymph node", "normal", "Lymph node (normal)"),
        ("lung (left)", "metastasis", "lung (left)"),
        ("lung (left)", "primary", "lung (left) (primary)"),
    ],
)
def test_there_and_back(organ, tissue, name):
    assert organ_name(organ, tissue) == name
    assert organ_and_tissue(name) == (organ, tissue)


def test_metastases_named_as_such_are_metastases():
    assert organ_and_tissue("bone (metastasis)") == ("bone", "metastasis")

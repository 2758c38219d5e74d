from __future__ import annotations

import pytest

from niche.errors import InputValueError
from niche.recipes import CommunicationConfig, TumorStromaConfig, load_config, to_toml


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"compartments": {"tumor_from": 0.2}},
            "compartments.tumor_from must be greater than or equal to 0.5",
        ),
        ({"compartments": {"evidence": "hope"}}, "compartments.evidence must be"),
        ({"cnv": {"reference": []}}, "cnv.reference"),
        ({"cluster": {"resolution": 0}}, "cluster.resolution must be greater than 0"),
        ({"ambient": {"subtract": True}}, "ambient.subtract is not a field. Fields here: run, max_share"),
    ],
)
def test_the_message_names_the_field(fields: dict[str, object], told: str) -> None:
    with pytest.raises(InputValueError) as caught:
        load_config(fields, recipe="tumor_stroma")
    assert told in str(caught.value)


def test_shared_sections_are_the_same() -> None:
    for name in ("input", "qc"):
        assert (
            TumorStromaConfig.model_fields[name].annotation
            is CommunicationConfig.model_fields[name].annotation
        )
    assert TumorStromaConfig(min_cells=5).least_cells == 5
    assert CommunicationConfig().least_cells == 10


def test_every_field_is_explained() -> None:
    lines = to_toml(TumorStromaConfig()).splitlines()
    for i, line in enumerate(lines):
        if "=" in line and not line.startswith("#"):
            assert lines[i - 1].startswith("# "), line

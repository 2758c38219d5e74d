"""Options are checked once and can be written."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from niche.datasets._simulate.options import Options
from niche.errors import InputValueError


def test_null_switches_organ_effects_off_and_keeps_the_rest() -> None:
    asked = Options(null=True, patient_sd=0.5, ambient=0.2)
    force = asked.resolved()
    assert force.axes is None and force.program_shift == 0 and not force.parenchyma
    assert force.patient_sd == 0.5 and force.ambient == 0.2
    assert Options().resolved() == Options()


def test_values_per_organ() -> None:
    options = Options(depth_factor={"bone": 0.5}, ambient={"bone": 0.1})
    assert options.per_organ("depth_factor", "bone") == 0.5
    assert options.per_organ("depth_factor", "lung") == 1.0
    assert options.per_organ("ambient", "lung", 0.08) == 0.08
    assert Options().per_organ("cell_factor", "bone") == 1.0


def test_plain_values_only() -> None:
    plain = Options(composition={"bone": {"T cell": 2.0}}, cell_factor={}).plain()
    assert plain["organs"] == "bone,lung,brain,liver" and plain["axes"] == "default"
    assert plain["composition"] == {"bone": {"T cell": 2.0}} and plain["cell_factor"] == "none"
    assert all(isinstance(value, (str, int, float, dict)) for value in plain.values())
    assert "primaries" not in Options(design=pd.DataFrame({"patient": ["P"], "organ": ["bone"]})).plain()


def test_numpy_numbers_are_numbers() -> None:
    assert Options(patients_per_organ=np.int64(3), depth=np.float32(2000)).patients_per_organ == 3
    with pytest.raises(InputValueError, match="cells"):
        Options(cells=True)

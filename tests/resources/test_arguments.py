from __future__ import annotations

import pandas as pd
import pytest

from niche.errors import InputTypeError, InputValueError, NicheWarning
from niche.resources._arguments import check_organism, rows_of_organ

TABLE = pd.DataFrame({"organ": ["bone", "lymph_node", "shared"], "value": [1, 2, 3]})


@pytest.mark.parametrize("organism", ["human", "mouse"])
def test_known_organisms(organism):
    assert check_organism(organism) == organism


@pytest.mark.parametrize("organism", ["rat", "Human", "", None, 9606])
def test_other_organisms_are_refused(organism):
    with pytest.raises(InputValueError, match="organism must be 'human' or 'mouse'"):
        check_organism(organism)


def test_no_organ_gives_all_rows():
    assert list(rows_of_organ(TABLE, None, what="rows")["value"]) == [1, 2, 3]


@pytest.mark.parametrize("organ", ["lymph_node", "Lymph node", " lymph-node "])
def test_spelling_of_organs_is_forgiven(organ):
    assert list(rows_of_organ(TABLE, organ, what="rows")["value"]) == [2]


def test_rows_that_are_always_there():
    assert list(rows_of_organ(TABLE, "bone", what="rows", always="shared")["value"]) == [1, 3]


def test_unknown_organ_says_so():
    with pytest.warns(NicheWarning, match=r"no rows for organ 'adrenal'.*bone, lymph_node, shared"):
        assert len(rows_of_organ(TABLE, "adrenal", what="rows")) == 0


def test_organ_must_be_a_name():
    with pytest.raises(InputTypeError, match=r"organ must be a name or None\. Got int"):
        rows_of_organ(TABLE, 3, what="rows")

from __future__ import annotations

import pytest

from niche.errors import InputValueError
from niche.recipes import CommunicationConfig, OrganotropismConfig, load_config, to_toml


def test_defaults_are_those_of_the_single_recipes():
    mine, edges = OrganotropismConfig(), CommunicationConfig()
    assert mine.recipe == "organotropism"
    assert mine.communication == edges.communication
    assert mine.compare.n_permutations == edges.compare.n_permutations
    assert mine.compare.patients == edges.compare.patients
    assert mine.account.genes and mine.account.composition and mine.account.screen is None


def test_it_goes_through_toml():
    asked = OrganotropismConfig(compare={"covariates": ["subtype"]}, account={"screen": "hits.tsv"})
    again = load_config({"recipe": "organotropism", "compare": {"covariates": ["subtype"]},
                         "account": {"screen": "hits.tsv"}})  # fmt: skip
    assert again == asked
    text = to_toml(asked)
    assert "# Settings of niche.recipes.organotropism" in text
    assert 'screen = "hits.tsv"' in text


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"account": {"screen": ""}}, "account.screen"),
        ({"account": {"score": True}}, "account.score is not a field"),
        ({"compare": {"n_permutations": -1}}, "compare.n_permutations"),
        ({"weather": {}}, "weather is not a field"),
    ],
)
def test_what_makes_no_sense_is_refused(fields, message):
    with pytest.raises(InputValueError, match=message):
        load_config(fields, recipe="organotropism")

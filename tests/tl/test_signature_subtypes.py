"""Signatures that stand for subtypes: planted ones, the published Smid sets, and what is told of them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import niche
from niche import get, resources, tl
from niche.errors import InputValueError, MissingKeyError

BONE_UP, LIVER_UP = (f"SMID_BREAST_CANCER_RELAPSE_IN_{name}_UP" for name in ("BONE", "LIVER"))


@pytest.fixture(scope="module")
def _normal(_demo):
    return niche.pp.normalize(_demo, copy=True)


@pytest.fixture
def normal(_normal):
    return _normal.copy()


@pytest.fixture
def smid():
    folder = os.environ.get("NICHE_DATA_DIR")
    places = [Path(folder).parent] if folder else []
    places.append(Path(__file__).parents[3] / "shared")
    found = [place / "biology" / "msigdb_metastasis.gmt" for place in places]
    found = [file for file in found if file.is_file()]
    if not found:
        pytest.skip("no set file of MSigDB beside the data sets")
    sets = resources.read_gmt(found[0])
    return {name: genes for name, genes in sets.items() if name.startswith("SMID_")}


def raised(adata, subtype, genes, by=1.0):
    """Raise genes in the tumor cells of a subtype."""
    mine = ((adata.obs["subtype"] == subtype) & (adata.obs["compartment"] == "tumor")).to_numpy()
    values = adata.X.toarray()
    values[np.ix_(mine, adata.var_names.get_indexer(genes))] += by
    adata.X = values
    return adata


def test_a_signature_of_a_subtype_is_named_and_others_are_not(normal):
    genes = [str(gene) for gene in normal.var_names]
    sets = {"of luminal": genes[100:130], "of none": genes[300:330], "short": genes[:2]}
    raised(normal, "luminal", sets["of luminal"])
    tl.score_signatures(normal, sets)
    table = get.signatures(normal, level="signature").set_index("signature")
    assert table.loc["of luminal", "subtype_qval"] < 0.01
    assert table.loc["of luminal", "note"].startswith("patients differ by 'subtype' (q = ")
    assert table.loc["of none", "subtype_pval"] > 0.05 and table.loc["of none", "note"] == ""
    assert np.isnan(table.loc["short", "subtype_pval"])
    tests = get.signatures(normal, signature="of luminal")
    noted = tests["reason"].astype(str).str.contains("give it as a covariate")
    assert noted[tests["status"] == "tested"].all() and not noted[tests["status"] != "tested"].any()
    assert (
        not get.signatures(normal, signature="of none")["reason"].astype(str).str.contains("covariate").any()
    )

    tl.score_signatures(normal, sets, covariates=["subtype"])
    table = get.signatures(normal, level="signature").set_index("signature")
    assert table.loc["of luminal", "note"] == "", "it is adjusted for"
    assert table.loc["of luminal", "subtype_qval"] < 0.01


def test_a_published_set_says_what_it_is(normal):
    genes = [str(gene) for gene in normal.var_names[:30]]
    for covariates, told in (([], "not adjusted for subtype"), (["subtype"], "; adjusted for subtype")):
        tl.score_signatures(normal, {BONE_UP: genes, "mine": genes}, covariates=covariates)
        note = get.signatures(normal, level="signature").set_index("signature")["note"]
        assert note[BONE_UP].startswith("90 of 98 genes are in SMID_BREAST_CANCER_BASAL_DN: mostly a set of")
        assert told in note[BONE_UP] and "90 of 98" not in note["mine"]
        reasons = get.signatures(normal, signature=BONE_UP, contrast="bone_vs_rest")["reason"]
        assert reasons.astype(str).str.contains("mostly a set of subtypes").all()


def test_smid_sets_with_and_without_subtype(normal, smid):
    assert len(smid[LIVER_UP]) == 6
    names = [str(gene) for gene in normal.var_names]
    for k, gene in enumerate(gene for gene in [*smid[BONE_UP], *smid[LIVER_UP]] if gene not in names):
        names[500 + k] = gene
    normal.var_names = names
    measured = [gene for gene in smid[BONE_UP] if gene in names]
    raised(normal, "luminal", measured, by=0.7)
    tl.score_signatures(normal, smid)
    plain = get.signatures(normal, level="signature").set_index("signature")
    assert plain.loc[LIVER_UP, "status"] == "not_testable"
    assert plain.loc[LIVER_UP, "reason"].startswith("too few genes measured:")
    assert "10 needed" in plain.loc[LIVER_UP, "reason"]
    assert "mostly a set of subtypes" in plain.loc[BONE_UP, "note"]
    assert "patients differ by 'subtype'" in plain.loc[BONE_UP, "note"]
    tl.score_signatures(normal, smid, covariates=["subtype"])
    adjusted = get.signatures(normal, level="signature").set_index("signature")
    assert adjusted.loc[BONE_UP, "note"].endswith("adjusted for subtype")
    assert adjusted.loc[LIVER_UP, "status"] == "not_testable"


def test_what_cannot_be_assessed_says_why(normal):
    sets = {"a": [str(gene) for gene in normal.var_names[:20]]}

    def why(adata, **options):
        tl.score_signatures(adata, sets, **options)
        assert get.signatures(adata, level="signature")["subtype_pval"].isna().all()
        return str(adata.uns["signatures"]["subtype"]["why_not"])

    one = normal.copy()
    one.obs["subtype"] = "luminal"
    assert why(one) == "not testable: 'luminal' is the only one"
    one.obs["subtype"] = np.arange(one.n_obs) % 2
    assert why(one) == "not assessed: 'subtype' is missing for cells, or varies within a sample"
    with pytest.raises(InputValueError, match="varies within"):
        tl.score_signatures(one, sets, subtype_key="subtype")
    del one.obs["subtype"]
    assert why(one) == "not assessed: no column 'subtype'"
    with pytest.raises(MissingKeyError, match="'grade' not found"):
        tl.score_signatures(one, sets, subtype_key="grade")
    normal.obs["own"] = normal.obs["patient"].astype(str)
    assert why(normal, subtype_key="own") == "not testable: 8 patients of 8 subtypes are too few"

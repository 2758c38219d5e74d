from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from niche.errors import InputTypeError
from niche.recipes import CommunicationConfig, TumorStromaConfig, guess_config


def data(**columns: object) -> ad.AnnData:
    n = 8
    obs = {
        "sample": [f"S{i // 2}" for i in range(n)],
        "patient": [f"P{i // 4}" for i in range(n)],
        "site": ["bone"] * 4 + ["lung"] * 4,
        "cell_type_author": ["Cancer cell", "T cell"] * 4,
    }
    frame = pd.DataFrame(obs | columns, index=[f"c{i}" for i in range(n)])
    frame = frame[[name for name in frame if not frame[name].isna().all()]]
    genes = ["CXCL12", "CXCR4", "TP53"]
    return ad.AnnData(np.ones((n, 3), dtype=np.float32), obs=frame, var=pd.DataFrame(index=genes))


def test_usual_names_are_found_and_each_is_told() -> None:
    guess = guess_config(data(malignant_putative=[True, False] * 4))
    found = guess.config.input
    assert (found.sample, found.patient, found.organ) == ("sample", "patient", "site")
    assert (found.cell_type, found.malignant, found.tissue) == (
        "cell_type_author",
        "malignant_putative",
        None,
    )
    assert guess.missing == ()
    assert "organ taken from obs['site']" in guess.notes
    assert not any(note.startswith("sample taken") for note in guess.notes), "default names are no guesses"
    assert any("every sample is taken as a metastasis" in note for note in guess.notes)


def test_what_is_given_is_not_overruled() -> None:
    config = CommunicationConfig.model_validate({"input": {"organ": "patient"}})
    guess = guess_config(data(), config)
    assert guess.config.input.organ == "patient"
    assert guess.config.input.patient is None
    assert guess.missing == ("patient",)
    assert config.input.sample is None, "the config given is not changed"


def test_a_column_called_tissue_can_be_the_organ() -> None:
    adata = data(tissue=["bone"] * 4 + ["lung"] * 4)
    del adata.obs["site"]
    guess = guess_config(adata)
    assert (guess.config.input.organ, guess.config.input.tissue) == ("tissue", None)


def test_true_and_false_make_a_tissue_column_only_by_name() -> None:
    flag = [True] * 4 + [False] * 4
    assert guess_config(data(is_metastasis=flag)).config.input.tissue == "is_metastasis"
    assert guess_config(data(lesion=flag)).config.input.tissue is None


def test_one_metastatic_organ_is_seen_beside_its_primary() -> None:
    adata = data(tissue=["metastasis"] * 4 + ["primary"] * 4)
    guess = guess_config(adata)
    assert guess.config.communication.tissues == ["metastasis", "primary"]
    assert any("one metastatic organ" in note for note in guess.notes)
    asked = CommunicationConfig.model_validate({"communication": {"tissues": ["metastasis"]}})
    assert guess_config(adata, asked).config.communication.tissues == ["metastasis"]


def test_columns_that_cannot_be_it_are_passed_over() -> None:
    adata = data(malignant=np.linspace(0, 1, 8), organ=[None, *["bone"] * 7], compartment=["left"] * 8)
    found = guess_config(adata).config.input
    assert (found.malignant, found.organ, found.compartment) == (None, "site", None)


def test_a_compartment_column_makes_malignancy_unneeded() -> None:
    guess = guess_config(data(compartment=["tumor", "immune"] * 4, malignant=[True, False] * 4))
    assert (guess.config.input.compartment, guess.config.input.malignant) == ("compartment", None)
    assert guess.unrecognised == {}


def test_names_that_say_nothing_are_listed() -> None:
    adata = data(cell_type=["other", "T cell"] * 4)
    assert guess_config(adata).unrecognised == {"other": 4}


def test_cell_types_are_not_required_by_tumor_stroma() -> None:
    adata = data()
    del adata.obs["cell_type_author"]
    guess = guess_config(adata, TumorStromaConfig())
    assert isinstance(guess.config, TumorStromaConfig)
    assert guess.missing == ()
    assert guess_config(adata).missing == ("cell_type",)


def test_mouse_genes_are_noticed() -> None:
    adata = data()
    adata.var_names = ["Cxcl12", "Cxcr4", "Trp53"]
    guess = guess_config(adata)
    assert guess.config.organism == "mouse"
    assert guess_config(adata, CommunicationConfig(organism="human")).config.organism == "human"


def test_what_is_no_anndata() -> None:
    with pytest.raises(InputTypeError, match="must be an AnnData"):
        guess_config(pd.DataFrame())  # type: ignore[arg-type]


def test_columns_that_may_stand_beside_the_organ_are_named_and_not_used() -> None:
    columns = {"study": ["a"] * 4 + ["b"] * 4, "assay": ["cell"] * 8, "batch": ["x", "y"] * 4}
    guess = guess_config(data(**columns))
    told = [note for note in guess.notes if "compare.covariates" in note]
    assert told == ["no covariates of the comparison; compare.covariates can name them: study"]
    assert guess.config.compare.covariates == []
    for decided in (["study"], []):
        named = CommunicationConfig.model_validate({"compare": {"covariates": decided}})
        assert not any("compare.covariates" in note for note in guess_config(data(**columns), named).notes)


def test_labels_that_are_missing_are_told(demo: ad.AnnData) -> None:
    demo.obs["cell_type"] = demo.obs["cell_type"].astype(object)
    demo.obs.iloc[:7, demo.obs.columns.get_loc("cell_type")] = np.nan
    found = guess_config(demo)
    assert found.missing == ("cell_type",)
    (told,) = [note for note in found.notes if note.startswith("no cell type")]
    assert f"obs['cell_type'] may be it, but 7 of {demo.n_obs} cells have no label there" in told


def test_words_for_tissues_that_are_not_known_are_told(demo: ad.AnnData) -> None:
    demo.obs["tissue"] = demo.obs["tissue"].astype(str).replace({"metastasis": "LN", "primary": "PT"})
    (told,) = [note for note in guess_config(demo).notes if "taken as a metastasis" in note]
    assert "If obs['tissue'] says it" in told and "[input.tissue_map]" in told
    assert "'LN', 'PT'" in told


def test_genes_of_one_name_are_left_to_the_recipe(demo: ad.AnnData) -> None:
    demo.var_names = [demo.var_names[1], *demo.var_names[1:]]
    assert guess_config(demo).missing == ()

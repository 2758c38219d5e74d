"""Communication: within-sample averages, weights, statuses with reasons, null, and the door."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from same_tables import assert_same_table
from scipy import sparse

from niche import get, tl
from niche._slots import read
from niche._stats.fdr import benjamini_hochberg
from niche.errors import InputTypeError, InputValueError, MissingKeyError, NicheWarning

PAIRS = pd.DataFrame(
    {
        "ligand": ["CXCL12", "JAG1", "SPP1", "TGFB1", "FN1", "CCL2", "IL6", "NOSUCH", "CXCL12"],
        "receptor": [
            "CXCR4",
            "NOTCH1",
            "ITGAV_ITGB3",
            "TGFBR1_TGFBR2",
            "ITGA5_ITGB1",
            "CCR2",
            "IL6R_IL6ST",
            "CD44",
            "CXCR4_NOSUCH",
        ],
    }
)


def state(adata):
    """What must not change when an input is refused."""
    return list(adata.obs), list(adata.var), sorted(adata.uns), sorted(map(str, adata.layers)), adata.shape


@pytest.fixture
def run(tiny):
    def _run(**options):
        tl.communication(tiny, **({"resource": PAIRS} | options))
        return get.communication(tiny)

    return _run


def one(table, **where):
    found = table
    for name, value in where.items():
        found = found[found[name] == value]
    assert len(found) == 1, len(found)
    return found.iloc[0]


BONE = {"organ": "bone", "source": "Fibroblast", "target": "Cancer"}


def test_means_are_averaged_within_sample_then_patient(run, tiny):
    row = one(run(expr_prop=0.0), **BONE, ligand_complex="SPP1", receptor_complex="ITGAV_ITGB3")
    x = tiny.to_df()

    def mean(sample, cell_type, genes):
        mine = (tiny.obs["sample"] == sample) & (tiny.obs["cell_type"] == cell_type)
        return x.loc[mine.to_numpy(), genes].astype(float).mean().min()

    left = [mean(s, "Fibroblast", ["SPP1"]) for s in ("s1", "s2", "s3")]
    right = [mean(s, "Cancer", ["ITGAV", "ITGB3"]) for s in ("s1", "s2", "s3")]
    assert row["ligand_means"] == pytest.approx(((left[0] + left[1]) / 2 + left[2]) / 2, rel=1e-9)
    assert row["receptor_means"] == pytest.approx(((right[0] + right[1]) / 2 + right[2]) / 2, rel=1e-9)
    assert (row["n_samples"], row["n_patients"], row["status"]) == (3, 2, "tested")


def test_a_sample_with_too_few_cells_does_not_speak(run):
    table = run()
    assert (
        one(
            table,
            organ="bone",
            source="T cell",
            target="Cancer",
            ligand_complex="CXCL12",
            receptor_complex="CXCR4",
        )["n_samples"]
        == 2
    )
    liver = one(
        table,
        organ="liver",
        source="Fibroblast",
        target="Cancer",
        ligand_complex="CXCL12",
        receptor_complex="CXCR4",
    )
    assert (liver["n_samples"], liver["n_patients"]) == (1, 1)


def test_every_untestable_edge_says_why(run):
    table = run()
    absent = one(
        table,
        organ="bone",
        source="Hepatocyte",
        target="Cancer",
        ligand_complex="CXCL12",
        receptor_complex="CXCR4",
    )
    assert absent["status"] == "not_testable"
    assert absent["reason"] == "cell type structurally absent in this organ: source"
    assert np.isnan(absent["pval"]) and np.isnan(absent["ligand_means"])
    missing = one(table, **BONE, ligand_complex="NOSUCH")
    assert (missing["status"], missing["reason"]) == ("not_testable", "gene not measured: ligand")
    subunit = one(table, **BONE, receptor_complex="CXCR4_NOSUCH")
    assert (subunit["status"], subunit["reason"]) == ("not_testable", "subunit missing: receptor")
    assert set(table["status"]) <= {"tested", "not_expressed", "not_testable"}
    assert ((table["reason"] == "") == (table["status"] == "tested")).all()


def test_present_but_too_few_cells_is_not_absence(run):
    table = run(min_cells=13)
    few = one(
        table,
        organ="bone",
        source="T cell",
        target="Cancer",
        ligand_complex="CXCL12",
        receptor_complex="CXCR4",
    )
    assert few["reason"] == "cell type present but too few cells: source"


def test_types_never_met_in_one_sample(tiny):
    apart = tiny[~((tiny.obs["sample"] == "s4") & (tiny.obs["cell_type"] == "Fibroblast"))].copy()
    tl.communication(apart, resource=PAIRS)
    table = get.communication(apart, organ="liver", source="Fibroblast", target="Cancer")
    assert (
        table.loc[~table["reason"].str.contains("measured|subunit"), "reason"]
        == "no sample holds both cell types with enough cells"
    ).all()


def test_an_all_zero_gene_is_measured_and_not_expressed(tiny):
    values = tiny.X.tolil()
    values[:, tiny.var_names.get_loc("CXCL12")] = 0
    tiny.X = values.tocsr()
    tl.communication(tiny, resource=PAIRS)
    row = one(get.communication(tiny), **BONE, ligand_complex="CXCL12", receptor_complex="CXCR4")
    assert (row["status"], row["reason"]) == ("not_expressed", "measured and not expressed: ligand")
    assert row["ligand_means"] == 0 and np.isnan(row["lr_means"]) and np.isnan(row["pval"])


def test_p_values_equal_stratified_permutations(tiny):
    """Every simple edge of bone against 4,000 relabelings within its three samples."""
    tl.communication(tiny, resource=PAIRS, expr_prop=0.01, null="analytic")
    table = get.communication(tiny, organ="bone", status="tested")
    table = table[table["null"] == "analytic"]
    cells = tiny[tiny.obs["organ"] == "bone"]
    cells = cells[cells.obs["tissue"] == "metastasis"]
    x, rng = cells.to_df(), np.random.default_rng(0)
    labels, sample = cells.obs["cell_type"].to_numpy(), cells.obs["sample"].to_numpy()
    patient = {"s1": "p1", "s2": "p1", "s3": "p2"}
    n_perms = 4_000
    exceed = np.zeros(len(table))

    def statistics(label):
        mean = {
            (s, t): x[(sample == s) & (label == t)].to_numpy().mean(0)
            for s in patient
            for t in np.unique(labels)
        }
        out = []
        for row in table.itertuples():
            used = [
                s
                for s in patient
                if min(((sample == s) & (labels == t)).sum() for t in (row.source, row.target)) >= 10
            ]
            weight = {
                s: 1 / len({patient[u] for u in used}) / sum(patient[u] == patient[s] for u in used)
                for s in used
            }
            a, b = x.columns.get_loc(row.ligand_complex), x.columns.get_loc(row.receptor_complex)
            out.append(sum(weight[s] * (mean[s, row.source][a] + mean[s, row.target][b]) / 2 for s in used))
        return np.array(out)

    observed = statistics(labels)
    for _ in range(n_perms // 10):
        shuffled = labels.copy()
        for s in patient:
            mine = np.flatnonzero(sample == s)
            shuffled[mine] = rng.permutation(shuffled[mine])
        exceed += statistics(shuffled) >= observed - 1e-12
    empirical = (exceed + 1) / (n_perms // 10 + 1)
    error = 4 * np.sqrt(empirical * (1 - empirical) / (n_perms // 10)) + 0.01
    assert len(table) > 10
    assert (np.abs(table["pval"] - empirical) < error).all()


def test_complexes_are_marked_as_bounds_without_permutations(run):
    table = run(expr_prop=0.0, null="analytic")
    assert set(table.loc[table["status"] == "tested", "null"]) == {"analytic", "bound"}
    assert (table.loc[table["receptor_complex"] == "ITGA5_ITGB1", "null"].isin(["bound", "none"])).all()
    tested = table[table["status"] == "tested"]
    assert (tested["pval"] > 0).all() and (tested["pval"] <= 1).all()


def test_q_values_are_bh_within_the_organ_and_the_family_is_stored(run, tiny):
    table = run()
    for organ, part in table[table["status"] == "tested"].groupby("organ", observed=True):
        np.testing.assert_allclose(part["qval"], benjamini_hochberg(part["pval"].to_numpy()))
        family = dict(
            zip(
                read.strings(tiny.uns["communication"]["families"]["organ"]),
                tiny.uns["communication"]["families"]["n_tests"],
                strict=True,
            )
        )
        assert family[organ] == len(part)


def test_a_single_cell_type_in_the_samples_cannot_be_permuted(tiny):
    tumor = tiny[tiny.obs["cell_type"] == "Cancer"].copy()
    tl.communication(tumor, resource=PAIRS, senders="all", receivers="all", expr_prop=0.0)
    table = get.communication(tumor, organ="bone")
    assert not (table["status"] == "tested").any()
    assert table["reason"].astype(str).str.startswith("labels cannot be permuted").any()


def test_without_a_null_there_are_scores_and_no_p_values(run):
    table = run(null=None)
    assert "pval" not in table and "qval" not in table and "specificity_rank" not in table
    assert (table["null"] == "none").all()
    assert table.loc[table["status"] == "tested", "magnitude_rank"].notna().all()


def test_default_edges_run_between_tumor_and_host_both_ways(run):
    table = run()
    pairs = set(zip(table["source"], table["target"], strict=True))
    assert ("Cancer", "Fibroblast") in pairs and ("Fibroblast", "Cancer") in pairs
    assert ("Cancer", "Cancer") not in pairs and ("Fibroblast", "T cell") not in pairs


def test_senders_and_receivers_take_names_compartments_and_all(run):
    assert set(run(senders="immune", receivers="tumor")["source"]) == {"Macrophage", "T cell"}
    assert set(run(senders=["Fibroblast"], receivers="host")["source"]) == {"Fibroblast"}
    table = run(senders="all")
    assert (
        set(table["source"])
        == set(table["target"])
        == {"Cancer", "Fibroblast", "Hepatocyte", "Macrophage", "T cell"}
    )


def test_a_type_of_tumor_and_host_cells_is_split_and_unresolved_cells_are_counted(tiny):
    tiny.obs["compartment"] = tiny.obs["compartment"].astype(str)
    mixed = np.flatnonzero(tiny.obs["cell_type"] == "Fibroblast")
    tiny.obs.iloc[mixed[::2], tiny.obs.columns.get_loc("compartment")] = "tumor"
    tiny.obs.iloc[
        np.flatnonzero(tiny.obs["cell_type"] == "T cell"), tiny.obs.columns.get_loc("compartment")
    ] = "unresolved"
    tl.communication(tiny, resource=PAIRS)
    table = get.communication(tiny)
    assert {"Fibroblast", "Fibroblast (tumor)"} <= set(table["source"])
    assert "T cell" not in set(table["source"])
    assert tiny.uns["communication"]["n_unresolved"] == (tiny.obs["compartment"] == "unresolved").sum()


def test_lineage_level(tiny):
    tl.communication(tiny, resource=PAIRS, level="lineage")
    assert set(get.communication(tiny)["source"]) == {
        "malignant",
        "fibroblast-like",
        "myeloid",
        "lymphoid",
        "parenchymal",
    }


def test_primaries_are_left_out_unless_asked_and_named_apart(run):
    assert set(run()["organ"]) == {"bone", "liver"}
    assert set(run(tissues=("metastasis", "primary"))["organ"]) == {"bone", "liver", "breast (primary)"}
    with pytest.raises(
        InputValueError, match=r"no sample has a tissue out of 'normal'. Found: 'metastasis', 'primary'"
    ):
        run(tissues=["normal"])


def test_one_organ_is_described_with_a_warning(tiny):
    bone = tiny[tiny.obs["organ"] == "bone"].copy()
    with pytest.warns(NicheWarning, match="one organ only \\(bone\\)"):
        tl.communication(bone, resource=PAIRS)
    assert set(get.communication(bone)["organ"]) == {"bone"}


@pytest.mark.parametrize(
    "convert",
    [
        lambda x: x.toarray(),
        sparse.csc_matrix,
        lambda x: x.astype(np.float64),
        lambda x: x.astype(np.float64).toarray(),
    ],
)
def test_same_bits_for_every_kind_of_matrix(tiny, convert):
    tl.communication(tiny, resource=PAIRS)
    expected = get.communication(tiny)
    other = tiny.copy()
    other.X = convert(tiny.X)
    other.layers["counts"] = convert(tiny.layers["counts"])
    tl.communication(other, resource=PAIRS)
    assert_same_table(get.communication(other), expected)


def test_backed_and_threads_give_the_same_bits(tiny, tmp_path):
    tl.communication(tiny, resource=PAIRS, n_jobs=1)
    expected = tiny.uns["communication"]
    path = tmp_path / "a.h5ad"
    plain = tiny.copy()
    del plain.uns["communication"]
    plain.write_h5ad(path)
    backed = ad.read_h5ad(path, backed="r")
    tl.communication(backed, resource=PAIRS, n_jobs=2)
    for name, values in expected["edges"].items():
        np.testing.assert_array_equal(backed.uns["communication"]["edges"][name], values)
    np.testing.assert_array_equal(
        backed.uns["communication"]["aggregate"]["sums"], expected["aggregate"]["sums"]
    )


def test_float16_and_integer_counts_and_views_work(tiny):
    tiny.layers["counts"] = tiny.layers["counts"].astype(np.int64)
    tiny.X = tiny.X.toarray().astype(np.float16)
    view = tiny[tiny.obs["organ"] != "breast"]
    result = tl.communication(view, resource=PAIRS, copy=True)
    assert (get.communication(result)["status"] == "tested").any()
    assert "communication" not in view.uns


def test_copy_leaves_the_input_alone(tiny):
    before = state(tiny)
    result = tl.communication(tiny, resource=PAIRS, copy=True)
    assert state(tiny) == before and "communication" in result.uns


def test_counts_are_summed_for_pseudobulk_and_expm1_stands_in_without_them(tiny):
    tl.communication(tiny, resource=PAIRS)
    aggregate = tiny.uns["communication"]["aggregate"]
    assert aggregate["pseudobulk_kind"] == "counts"
    assert aggregate["library"].sum() == tiny.layers["counts"].sum()
    del tiny.layers["counts"]
    tl.communication(tiny, resource=PAIRS)
    aggregate = tiny.uns["communication"]["aggregate"]
    assert aggregate["pseudobulk_kind"] == "expm1"
    np.testing.assert_allclose(aggregate["library"], 1e4 * aggregate["n"], rtol=1e-4)


@pytest.mark.parametrize(
    ("change", "options", "error", "message"),
    [
        (lambda a: a.obs.drop(columns="organ", inplace=True), {}, MissingKeyError, r"'organ' not found.*Available: 'sample'"),
        (lambda a: a.obs.drop(columns="compartment", inplace=True), {}, MissingKeyError, "call_compartments"),
        (lambda a: setattr(a, "X", a.layers["counts"]), {}, InputValueError, r"normalize"),
        (lambda a: a.layers.update(counts=a.X), {}, InputValueError, r"layers\['counts'\] must hold raw counts"),
        (lambda a: a.X.data.__setitem__(5, np.nan), {}, InputValueError, "NaN"),
        (lambda a: a.X.data.__setitem__(5, -1.0), {}, InputValueError, "negative"),
        (lambda a: setattr(a, "var_names", [f"ENSG{i:011d}" for i in range(a.n_vars)]), {}, InputValueError, "Ensembl ids.*harmonize_genes"),
        (lambda a: setattr(a, "var_names", [f"x{i}" for i in range(a.n_vars)]), {}, InputValueError, "0 of .* genes of the resource"),
        (lambda a: a.obs.__setitem__("cell_type", [None, *list(a.obs["cell_type"])[1:]]), {}, InputValueError, "1 of .* cells have no label"),
        (lambda a: None, {"expr_prop": 1.5}, InputValueError, r"expr_prop must be a number in \[0, 1\]. Got 1.5"),
        (lambda a: None, {"min_cells": 0}, InputValueError, "min_cells must be an integer"),
        (lambda a: None, {"null": "exact"}, InputValueError, "null must be one of 'hybrid', 'analytic'"),
        (lambda a: None, {"resource": "nosuch"}, InputValueError, "consensus"),
        (lambda a: None, {"scores": ["nope"]}, InputValueError, "unknown scores"),
        (lambda a: None, {"senders": ["Neuron"]}, InputValueError, r"'Neuron' is neither.*Cell types: 'Cancer'"),
        (lambda a: None, {"key_added": "a/b"}, InputValueError, "without '/'"),
        (lambda a: None, {"layer": "log"}, MissingKeyError, r"\['counts'\]"),
        (lambda a: a.obs.__setitem__("compartment", "tumor"), {}, InputValueError, "no host cells"),
        (lambda a: a.obs.__setitem__("compartment", "unresolved"), {}, InputValueError, "every cell is unresolved"),
        (lambda a: None, {"n_jobs": 0}, InputValueError, "n_jobs must be"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_and_nothing_is_written(tiny, change, options, error, message):
    change(tiny)
    before = state(tiny)
    with pytest.raises(error, match=message):
        tl.communication(tiny, **({"resource": PAIRS} | options))
    assert state(tiny) == before


def test_not_an_anndata():
    with pytest.raises(InputTypeError, match="must be an AnnData"):
        tl.communication(pd.DataFrame())


def test_a_previous_symbol_of_the_resource_finds_its_current_gene(tiny):
    names = tiny.var_names.to_series().replace({"ACTB": "CRIPTO"})
    tiny.var_names = names.to_numpy()
    table = pd.DataFrame({"ligand": ["TDGF1"], "receptor": ["CXCR4"]})
    tl.communication(tiny, resource=table, expr_prop=0.0)
    found = get.communication(tiny, organ="bone", source="Fibroblast", target="Cancer")
    assert list(found["ligand_complex"]) == ["TDGF1"] and list(found["ligand"]) == ["CRIPTO"]
    assert list(found["status"]) == ["tested"]


def test_mouse_pairs_need_mouse_data(tiny):
    with pytest.raises(InputValueError, match="mouse"):
        tl.communication(tiny, resource="mouseconsensus")


def test_permutation_null_agrees_with_the_analytic_one_and_sharpens_bounds(tiny):
    options = {"expr_prop": 0.3, "senders": "all", "receivers": "all", "copy": True}
    analytic = get.communication(tl.communication(tiny, null="analytic", **options), status="tested")
    drawn = tl.communication(tiny, null="permutation", n_perms=4_000, **options)
    drawn = get.communication(drawn, status="tested")
    assert set(drawn["null"]) == {"permutation"}
    simple = (analytic["null"] == "analytic").to_numpy()
    for column in ("pval", "pval_ligand", "pval_receptor"):
        p, q = analytic.loc[simple, column].to_numpy(), drawn.loc[simple, column].to_numpy()
        error = 4 * np.sqrt(q * (1 - q) / 4_000) + 0.01
        assert (np.abs(p - q) < error).mean() > 0.99
    bound, exact = analytic.loc[~simple, "pval"].to_numpy(), drawn.loc[~simple, "pval"].to_numpy()
    assert (exact <= bound + 4 * np.sqrt(exact * (1 - exact) / 4_000) + 1e-3).all()
    assert np.median(exact) < np.median(bound)
    assert (drawn["pval"] >= 1 / 4_001).all()


def test_hybrid_permutes_where_the_law_is_not_trusted_and_only_there(tiny):
    rare = np.flatnonzero(tiny.var_names == "CXCL12")[0]
    values = tiny.X.tolil()
    values[:, rare] = 0
    cells = np.flatnonzero((tiny.obs["organ"] == "bone") & (tiny.obs["cell_type"] == "Fibroblast"))
    values[cells[:9], rare] = 2.5
    tiny.X = values.tocsr()
    tl.communication(tiny, expr_prop=0.05)
    table = get.communication(tiny, organ="bone", source="Fibroblast", target="Cancer", status="tested")
    null = dict(zip(table["ligand_complex"], table["null"], strict=True))
    assert null["CXCL12"] == "permutation"
    assert set(null.values()) >= {"analytic", "permutation"}
    assert table["qval"].between(0, 1, inclusive="right").all()


def test_permutations_have_the_same_bits_for_any_threads_and_follow_the_seed(tiny):
    options = {"resource": PAIRS, "null": "permutation", "n_perms": 200, "copy": True}
    first = tl.communication(tiny, n_jobs=1, **options).uns["communication"]["edges"]["pval"]
    second = tl.communication(tiny, n_jobs=2, **options).uns["communication"]["edges"]["pval"]
    other = tl.communication(tiny, rng=5, **options).uns["communication"]["edges"]["pval"]
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


@pytest.mark.parametrize(
    ("options", "message"), [({"n_perms": 0}, "n_perms must be an integer"), ({"rng": -1}, "rng must be")]
)
def test_bad_permutation_options(tiny, options, message):
    with pytest.raises((InputValueError, InputTypeError), match=message):
        tl.communication(tiny, resource=PAIRS, **options)
    assert "communication" not in tiny.uns

"""One tool on one simulated study in a process of its own: what differs between its organs.

``python organs_runners.py TOOL FILE OUT``: FILE holds raw counts of metastases; OUT receives one row per
organ against the rest and edge: ``contrast, source, target, ligand_complex, receptor_complex``, the
evidence that both sides differ (``both``: q or what the tool has; ``rank_both``: higher is stronger), that
any does (``any``, ``rank_any``), ``effect``, ``p_edge``, ``p_ligand``, ``p_receptor``, and who drives.
The truth in FILE is not read.
"""

from __future__ import annotations

import json
import sys
import time
import warnings

import anndata as ad
import numpy as np
import pandas as pd

EDGE = ["source", "target", "ligand_complex", "receptor_complex"]
COLUMNS = [
    "contrast", *EDGE, "both", "rank_both", "any", "rank_any", "effect", "p_edge", "p_ligand", "p_receptor",
    "driver", "driver_compartment", "ambient_suspect", "ambient_side", "magnitude",
]  # fmt: skip
LEVEL, EXPRESSED, CELLS, TINY = 0.05, 0.1, 10, 0.01
MIN_COUNT, N_PERMS = 5, 1000


def niche(file):
    """Patients as replicates; both sides on ``qval_joint``, the mean of the sides on ``qval``."""
    import niche
    from niche import get, pp, tl

    adata = ad.read_h5ad(file)
    pp.normalize(adata)
    pp.ambient(adata)
    tl.communication(adata, "cell_type", null="analytic")
    tl.compare_communication(adata)
    table = get.compare_communication(adata)
    table = table[table["contrast"].astype(str).str.endswith("_vs_rest")]
    out = table[["contrast", *EDGE, "driver", "driver_compartment"]].copy()
    out["ambient_suspect"] = table["call"] == "ambient-suspect"
    out["ambient_side"] = ~table["ambient_side"].isin(["", "not_assessed"])
    out["both"], out["rank_both"] = table["qval_joint"], -table["pval_joint"]
    out["any"], out["rank_any"] = table["qval"], -table["pval"]
    out["effect"], out["p_edge"] = table["log2fc"], table["pval"]
    out["p_ligand"], out["p_receptor"] = table["pval_ligand"], table["pval_receptor"]
    return out, niche.__version__


def liana(file):
    """Permutation of pooled cells per organ; an edge differs where this organ only, or all but it, has it.

    ``magnitude``: where ``lr_means`` differ twofold and the edge is significant on the higher side.
    """
    import liana as li

    adata = log_normalized(file)
    organs = sorted(adata.obs["organ"].unique())
    found = []
    for organ in organs:
        cells = adata[adata.obs["organ"] == organ].copy()
        li.mt.cellphonedb(
            cells, groupby="cell_type", resource_name="consensus", expr_prop=EXPRESSED, min_cells=CELLS,
            use_raw=False, n_perms=N_PERMS, groupby_pairs=ends(cells), verbose=False,
        )  # fmt: skip
        table = cells.uns["liana_res"].set_index(EDGE)
        found.append(table[["cellphone_pvals", "lr_means"]])
    wide = pd.concat(found, axis=1, keys=organs).swaplevel(axis=1)
    p, means = wide["cellphone_pvals"].fillna(1.0), wide["lr_means"].fillna(0.0)
    rows = []
    for organ in organs:
        here, others = p[organ], p.drop(columns=organ)
        only = (here <= LEVEL) & (others > LEVEL).all(axis=1)
        all_but = (here > LEVEL) & (others <= LEVEL).all(axis=1)
        rest = means.drop(columns=organ).mean(axis=1)
        higher = means[organ] > rest
        twofold = np.abs(np.log2((means[organ] + TINY) / (rest + TINY))) >= 1
        significant = np.where(higher, here <= LEVEL, (others <= LEVEL).any(axis=1))
        part = p.index.to_frame(index=False).assign(contrast=f"{organ}_vs_rest")
        part["both"] = part["any"] = np.where(only | all_but, 0.0, 1.0)
        part["magnitude"] = np.where(twofold & significant, 0.0, 1.0)
        part["rank_both"] = part["rank_any"] = (means[organ] - rest).abs().to_numpy()
        part["effect"] = (means[organ] - rest).to_numpy()
        rows.append(part)
    return pd.concat(rows, ignore_index=True), li.__version__


def wilcoxon(file):
    """Cells as replicates: rank sum test of every gene in each cell type, joined to pairs."""
    import scanpy as sc

    from niche import resources

    adata = log_normalized(file)
    pairs = measured(resources.ligand_receptor("consensus"), adata.var_names)
    genes = {gene for name in [*pairs["ligand"], *pairs["receptor"]] for gene in name.split("_")}
    adata = adata[:, sorted(genes)].copy()
    between, organs, rows = ends(adata), sorted(adata.obs["organ"].unique()), []
    for organ in organs:
        sides = {}
        for name in sorted(adata.obs["cell_type"].unique()):
            cells = adata[adata.obs["cell_type"] == name]
            sizes = cells.obs["organ"].value_counts()
            if sizes.get(organ, 0) < CELLS or sizes.sum() - sizes.get(organ, 0) < CELLS:
                continue
            cells = cells.copy()
            sc.tl.rank_genes_groups(cells, "organ", groups=[organ], reference="rest", method="wilcoxon")
            found = sc.get.rank_genes_groups_df(cells, group=organ).set_index("names")
            found["mean"] = np.asarray(cells.X.mean(axis=0)).ravel()[cells.var_names.get_indexer(found.index)]
            sides[name] = found.rename(columns={"pvals": "p", "scores": "stat", "logfoldchanges": "effect"})
        rows.append(joined(sides, between, pairs).assign(contrast=f"{organ}_vs_rest"))
    return evidence(pd.concat(rows, ignore_index=True)), sc.__version__


def deseq2(file):
    """Samples as replicates, each side by itself: pydeseq2 per cell type, then ``liana.multi.df_to_lr``."""
    import liana as li
    import pydeseq2
    from pydeseq2.dds import DeseqDataSet
    from pydeseq2.ds import DeseqStats

    adata = log_normalized(file)
    organs = sorted(adata.obs["organ"].unique())
    results = {organ: [] for organ in organs}
    for name in sorted(adata.obs["cell_type"].unique()):
        counts, design = pseudobulk(adata[adata.obs["cell_type"] == name])
        sizes = design["organ"].value_counts().reindex(organs, fill_value=0)
        if (sizes < 2).any():
            continue
        counts = counts.loc[:, often_counted(counts, int(sizes.min()))]
        dds = DeseqDataSet(
            counts=counts, metadata=design, design="~0+organ", refit_cooks=True, quiet=True, n_cpus=1
        )
        dds.deseq2()
        columns = list(dds.obsm["design_matrix"].columns)
        for organ in organs:
            # each other organ with the same weight, as in the truth
            weights = [1.0 if column.endswith(f"[{organ}]") else -1 / (len(organs) - 1) for column in columns]
            assert sum(weight == 1 for weight in weights) == 1, columns
            test = DeseqStats(dds, contrast=np.array(weights), quiet=True, n_cpus=1)
            test.summary()
            results[organ].append(test.results_df.assign(cell_type=name))
    rows = []
    for organ in organs:
        table = pd.concat(results[organ]).dropna(subset=["stat", "pvalue"])
        cells = adata[adata.obs["organ"] == organ].copy()
        found = li.multi.df_to_lr(
            cells, dea_df=table, groupby="cell_type", resource_name="consensus",
            stat_keys=["stat", "pvalue", "log2FoldChange"], complex_col="stat", expr_prop=EXPRESSED,
            min_cells=CELLS, use_raw=False, return_all_lrs=False, groupby_pairs=ends(cells), verbose=False,
        )  # fmt: skip
        part = found[EDGE].copy()
        for side in ("ligand", "receptor"):
            part[f"p_{side}"] = found[f"{side}_pvalue"].to_numpy()
            part[f"stat_{side}"] = found[f"{side}_stat"].to_numpy()
            part[f"effect_{side}"] = found[f"{side}_log2FoldChange"].to_numpy()
        rows.append(part.assign(contrast=f"{organ}_vs_rest").drop_duplicates(EDGE))
    return evidence(pd.concat(rows, ignore_index=True)), f"{li.__version__}, pydeseq2 {pydeseq2.__version__}"


def evidence(table):
    """Both sides by the larger p, any by twice the smaller; Benjamini-Hochberg over all edges and organs.

    Sides that point in opposite directions are no evidence that both differ in one direction.
    """
    left, right = table["p_ligand"].to_numpy(), table["p_receptor"].to_numpy()
    against = np.sign(table["stat_ligand"]) * np.sign(table["stat_receptor"]) < 0
    both = np.where(against, 1.0, np.maximum(left, right))
    one = np.minimum(1.0, 2 * np.minimum(left, right))
    moves_left, moves_right = left <= LEVEL, right <= LEVEL
    driver = np.select(
        [moves_left & moves_right & ~against, moves_left & ~moves_right, moves_right & ~moves_left],
        ["both", "ligand", "receptor"],
        "undetermined",
    )
    return table.assign(
        both=adjusted(both),
        rank_both=-both,
        rank_any=-one,
        effect=(table["effect_ligand"] + table["effect_receptor"]) / 2,
        driver=driver,
        **{"any": adjusted(one)},
    )


def adjusted(p):
    """Benjamini-Hochberg."""
    from scipy.stats import false_discovery_control

    q = np.full(len(p), np.nan)
    tested = ~np.isnan(p)
    q[tested] = false_discovery_control(p[tested])
    return q


def ends(adata):
    """Pairs of cell types of which one is the tumor's and one the host's."""
    types = adata.obs[["cell_type", "compartment"]].astype(str).drop_duplicates()
    tumor = types.loc[types["compartment"] == "tumor", "cell_type"]
    host = types.loc[types["compartment"] != "tumor", "cell_type"]
    both = [(a, b) for a in tumor for b in host] + [(b, a) for a in tumor for b in host]
    return pd.DataFrame(both, columns=["source", "target"])


def joined(sides, between, pairs):
    """Statistics of genes to those of pairs, complexes by the subunit with the lowest mean."""
    limiting = {}
    for name, table in sides.items():
        mean = table["mean"]
        for complexes in (pairs["ligand"], pairs["receptor"]):
            for complex_name in complexes.unique():
                if (name, complex_name) not in limiting:
                    limiting[name, complex_name] = mean.loc[complex_name.split("_")].idxmin()
    parts = []
    for source, target in between.itertuples(index=False):
        if source not in sides or target not in sides:
            continue
        part = pd.DataFrame({"source": source, "target": target, "ligand_complex": pairs["ligand"]})
        part["receptor_complex"] = pairs["receptor"].to_numpy()
        for side, name, complexes in (
            ("ligand", source, pairs["ligand"]),
            ("receptor", target, pairs["receptor"]),
        ):
            rows = sides[name].loc[[limiting[name, complex_name] for complex_name in complexes]]
            for column in ("p", "stat", "effect"):
                part[f"{column}_{side}"] = rows[column].to_numpy()
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def measured(pairs, genes):
    """Pairs with all subunits among the genes."""
    known = set(genes)
    keep = [
        known.issuperset([*ligand.split("_"), *receptor.split("_")])
        for ligand, receptor in zip(pairs["ligand"], pairs["receptor"], strict=True)
    ]
    return pairs.loc[keep, ["ligand", "receptor"]].reset_index(drop=True)


def pseudobulk(adata):
    """Sums of counts of samples with enough cells, and their organs."""
    kept = adata.obs["sample"].value_counts()
    names = sorted(kept.index[kept >= CELLS])
    rows = [
        np.asarray(adata.layers["counts"][(adata.obs["sample"] == name).to_numpy()].sum(axis=0)).ravel()
        for name in names
    ]
    organ = adata.obs[["sample", "organ"]].astype(str).drop_duplicates().set_index("sample")["organ"]
    counts = pd.DataFrame(
        np.array(rows).reshape(len(names), adata.n_vars), index=names, columns=adata.var_names
    )
    return counts.astype(int), pd.DataFrame({"organ": organ.loc[names].to_numpy()}, index=names)


def often_counted(counts, n_samples):
    """Genes with 5 counts, relative to the median library, in as many samples as the smallest organ has."""
    size = counts.sum(axis=1)
    per_million = counts.div(size, axis=0) * 1e6
    often = (per_million >= MIN_COUNT / size.median() * 1e6).sum(axis=0) >= n_samples
    return (often & (counts.sum(axis=0) >= 10)).to_numpy()


def log_normalized(file):
    """Counts per 10,000, log1p, as every tool asks for."""
    import scanpy as sc

    adata = ad.read_h5ad(file)
    sc.pp.normalize_total(adata, target_sum=1e4)
    sc.pp.log1p(adata)
    for column in ("organ", "cell_type", "sample"):
        adata.obs[column] = adata.obs[column].astype("category")
    return adata


TOOLS = {"niche": niche, "liana": liana, "wilcoxon": wilcoxon, "deseq2": deseq2}


def main(tool, file, out):
    warnings.simplefilter("ignore")
    start = time.process_time()
    table, version = TOOLS[tool](file)
    cpu = time.process_time() - start
    kept = ends(ad.read_h5ad(file, backed="r"))
    table = (
        table.reindex(columns=COLUMNS)
        .astype({"source": str, "target": str})
        .merge(kept, on=["source", "target"])
    )
    table.to_csv(out, sep="\t", index=False)
    print(json.dumps({"cpu": cpu, "rows": len(table), "version": version}))


if __name__ == "__main__":
    main(*sys.argv[1:])

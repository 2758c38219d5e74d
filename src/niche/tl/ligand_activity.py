"""Whether the receivers of a ligand respond to it: activity of its target genes, compared between organs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche._kernels.threads import limited_to
from niche._settings import settings
from niche._slots import fingerprint, keys, matrix, tables, validate, write
from niche.errors import InputValueError
from niche.tl._cell_types import cell_types
from niche.tl._communication_pass import organ_names
from niche.tl._communication_result import columns_read
from niche.tl._compare_input import METHODS, study_of_samples
from niche.tl._gene_sums import gene_sums
from niche.tl._ligand_network import check_installed, network_of
from niche.tl._ligand_responses import compare_responses, responses_of


def ligand_activity(
    adata: ad.AnnData,
    network: pd.DataFrame,
    groupby: str | None = None,
    *,
    covariates: str | Sequence[str] | None = (),
    patients: Literal["averaged", "consensus", "fixed"] = "averaged",
    level: Literal["cell_type", "lineage"] = "cell_type",
    min_targets: int = 10,
    min_cells: int = 10,
    tissues: Sequence[str] = ("metastasis",),
    sample_key: str | None = None,
    patient_key: str | None = None,
    organ_key: str | None = None,
    tissue_key: str | None = None,
    compartment_key: str | None = None,
    layer: str | None = None,
    key_added: str = keys.LIGAND_ACTIVITY,
    n_jobs: int | None = None,
    copy: bool = False,
) -> ad.AnnData | None:
    r"""Ask of every cell type and ligand whether the ligand's target genes move, organ by organ.

    An edge of :func:`niche.tl.communication` says that ligand and receptor are there. This says whether the
    receiver looks as if the signal arrived. ``niche.get.ligand_activity(adata, edges=True)`` joins the two.

    Parameters
    ----------
    adata
        Cells x genes with raw counts in ``layers["counts"]``, or log1p-normalised values in ``X`` (or
        ``layer``) where there are none.
    network
        Which genes a ligand acts on: a table of ``ligand`` (or ``source``), ``target`` and, if weighted,
        ``weight`` (negative where the ligand represses). Ligand-target priors such as NicheNet's, or any
        network of decoupler. Nothing is downloaded. Keep the strongest few hundred targets of a ligand: a
        dense matrix of priors tells ligands apart poorly.
    groupby
        Column of cell types, the receivers; default ``niche.settings.groupby``. A type that holds tumor and
        host cells is split, as in :func:`niche.tl.communication`; unresolved cells are left out.
    covariates
        Columns of ``obs``, one value per sample, numeric or categorical. A comparison that a covariate hides
        is not testable, and says so.
    patients
        How samples of one patient in several organs are treated, as in
        :func:`niche.tl.compare_communication`.
    level
        Receivers are cell types or lineages; take the one of the communication run that is joined.
    min_targets
        Targets of a ligand that must be measured deeply enough in the receiver.
    min_cells
        Cells of the receiver that a sample needs.
    tissues
        Tissues whose samples are used; primary and normal ones appear as ``"<organ> (primary)"`` and
        ``"<organ> (normal)"``.
    sample_key, patient_key, organ_key, tissue_key, compartment_key
        Columns of ``obs``; defaults in ``niche.settings``.
    layer
        Layer of log1p-normalised values instead of ``X``, where ``layers["counts"]`` is missing.
    key_added
        Where the result goes.
    n_jobs
        Threads; the result has the same bits for any number.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    AnnData or None
        Stored in ``uns[key_added]``, read by :func:`niche.get.ligand_activity`: ``ligands`` (targets given),
        ``cell_types``, ``n_targets`` (n_types x n_ligands measured), ``samples``, ``rows`` (sample, cell type
        and cells) with ``scores`` (n_rows x n_ligands), ``means`` (n_types n_ligands x n_groups),
        ``contrasts``, ``groups``, ``values`` (n_types n_ligands x n_contrasts arrays), ``status``, ``call``,
        ``reason``, ``families``, ``confounding``, ``params``, ``fingerprint``.

    Raises
    ------
    MissingKeyError
        A column or the layer does not exist.
    MissingPackageError
        decoupler is not installed.
    InputValueError
        A network that is empty, holds a link twice or none of the measured genes; one organ only; a
        covariate that varies within a sample or hides every comparison; values, labels or options that
        cannot be worked with.
    InputTypeError
        ``network`` is no DataFrame, not an AnnData, or an argument of the wrong type.

    Notes
    -----
    Counts are summed per sample and cell type. With counts c and the library N of the cell type times its TMM
    factor the profile of a sample is :math:`y_g = \log_2((c_g + 0.5) / (N + 1) \cdot 10^6)` less its mean
    over all samples of the cell type, over the genes whose median expected count from the fraction in all
    samples together is at least 3 in every organ. The activity of a ligand with weights :math:`w_g` (0 for
    genes that are no targets) is decoupler's univariate linear model,

    .. math:: y_g = \beta_0 + \beta_1 w_g + \varepsilon_g, \qquad t = \hat\beta_1 / \mathrm{SE}(\hat\beta_1).

    So an activity is one *relative to the other samples of the same cell type*. Its t takes genes as
    independent, which they are not: it is never read as a p-value. Patients are the replicates: activities
    of the samples of a patient in an organ are averaged, and compared between organs by the linear model,
    contrasts, correlation within patients and numbers of patients of
    :func:`niche.tl.compare_communication`, with precision :math:`1 / (\tau^2 + 1 / m)` for m samples.
    Variances are not moderated. q-values are over all receivers and ligands.

    Ligands that share targets (cytokines of one pathway) rise together, and so does what another cause moves:
    a raised activity supports an edge, it does not prove it.

    References
    ----------
    Univariate linear model: Badia-i-Mompel et al. 2022, doi:10.1093/bioadv/vbac016. Ligand-target priors:
    Browaeys et al. 2020, doi:10.1038/s41592-019-0667-5.

    Examples
    --------
    >>> import niche
    >>> import pandas as pd
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> genes = adata.var_names[adata.layers["counts"].sum(axis=0).A1.argsort()[::-1][:300]]
    >>> network = pd.DataFrame({"ligand": ["TGFB1"] * 60 + ["IL6"] * 5, "target": genes[:65]})
    >>> niche.tl.ligand_activity(adata, network, "cell_type")
    >>> table = niche.get.ligand_activity(adata, receiver="Malignant", contrast="bone_vs_rest")
    >>> table.set_index("ligand").loc["IL6", "reason"]
    'too few targets measured: 5 of 5, 10 needed'
    """
    params: dict[str, Any] = {
        name: value for name, value in locals().items() if name not in ("adata", "network", "copy", "n_jobs")
    }
    validate.anndata(adata)
    validate.choice(patients, "patients", METHODS)
    validate.choice(level, "level", ("cell_type", "lineage"))
    validate.number(min_targets, "min_targets", low=2, high=1e9, integer=True)
    validate.number(min_cells, "min_cells", low=1, high=1e9, integer=True)
    validate.flag(copy, "copy")
    write.slot_name(key_added)
    threads = settings.threads(n_jobs)
    links = network_of(network, adata.var_names)
    check_installed()
    samples = validate.samples(adata, sample_key, patient_key, organ_key, tissue_key)
    types = cell_types(adata, groupby, compartment_key, level=level, need_compartment=False)
    organs, organ_of_sample = organ_names(samples, tissues)
    if len(organs) < 2:
        raise InputValueError(
            f"nothing to compare: {validate.shown(organs)} is the only organ, and an activity is relative to "
            "other samples. Add primary or normal tissue with tissues=, or an organ."
        )
    listed = list(tables.names(covariates, "covariates"))
    study = study_of_samples(adata, listed, samples, organs, organ_of_sample, patients)
    has_counts = matrix.has_counts(adata)
    read_from = keys.COUNTS if has_counts else layer
    values = matrix.resolve(adata, read_from, "counts" if has_counts else "lognorm")

    with limited_to(threads):
        sums = gene_sums(values, samples, types, threads, has_counts=has_counts)
        found = responses_of(sums, len(types.names), links, organ_of_sample, min_cells, min_targets)
        tests, means = compare_responses(
            found, sums, links, study, organ_of_sample, min_cells, min_targets, patients
        )

    params |= {"groupby": groupby or settings.groupby, "covariates": listed}
    for name in ("sample_key", "patient_key", "organ_key", "tissue_key", "compartment_key"):
        params[name] = params[name] or getattr(settings, name)
    payload = tests.payload() | {
        "ligands": {"name": links.ligands, "n_targets": links.n_targets},
        "cell_types": {"name": types.names, "compartment": types.compartment},
        "n_targets": np.maximum(found.measured, 0), "means": means, "scores": found.scores,
        "rows": {name: sums.aggregate[name] for name in ("sample", "cell_type", "n")},
        "samples": {
            "name": list(samples.cells.names), "patient": list(samples.patient),
            "tissue": list(samples.tissue), "organ_code": organ_of_sample,
        },
        "kind": values.kind,
    }  # fmt: skip
    columns = dict.fromkeys([*columns_read(adata, params), *listed])
    target = adata.copy() if copy else adata
    write.result(
        target, key_added, params=params, payload=payload,
        fingerprint=fingerprint.compute(adata, obs=columns, layers=[read_from]),
    )  # fmt: skip
    return target if copy else None

"""Draw every plot of niche from the demo into docs/generated/gallery, for the gallery page.

``python docs/gallery.py`` before the pages are built; without it the page lists the plots without pictures.
Nothing of it is committed.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import niche
from niche import pl
from niche.errors import NicheError

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.figure import Figure

PICTURES = Path(__file__).parent / "generated" / "gallery"
GROUPS = {
    "The study": ("design", "confounding", "umap"),
    "What the cells are": ("malignant_evidence", "cnv", "stability", "composition", "ambient"),
    "Signals within an organ": ("communication", "axes_heatmap"),
    "Signals between organs": (
        "effects", "volcano", "paired", "organ_edges", "circle", "pathways", "loo", "multiverse",
    ),
    "Programs of the tumor": ("programs", "usage", "variance", "program_ambient"),
    "Seed and soil": ("tropism", "mediators"),
    "Models, patients and tissue": ("species", "sublines", "growth", "relapse", "spatial"),
}  # fmt: skip
"""Plots by what they show; plots that are not named here come last."""
OPTIONS: dict[str, dict[str, object]] = {
    "axes_heatmap": {"organ": "bone"},
    "mediators": {"n_top": 15},
    "umap": {"color": ["organ", "compartment"]},
}
"""What a plot is drawn with, where that is not its default."""


def species() -> Figure:
    """Human tumors in mice."""
    adata = niche.datasets.simulate_xenograft(1, animals_per_organ=1, n_genes=1500)
    niche.pp.split_species(adata)
    return niche.pl.species(adata)


def sublines() -> Figure:
    """Sublines of a cell line, selected for an organ."""
    adata = niche.datasets.simulate_sublines(4, n_genes=800)
    niche.tl.compare_sublines(adata, replicate_key="culture")
    return niche.pl.sublines(adata)


def growth() -> Figure:
    """Light of tumors in mice."""
    table = niche.datasets.simulate_bioluminescence(1)
    rates = niche.tl.growth_rates(table, group="group")
    return niche.pl.growth(table, rates)


def relapse() -> Figure:
    """First relapses of patients."""
    table = niche.datasets.simulate_relapse(0)
    curves = niche.tl.relapse(table, group="group", competing="death", level="incidence")
    return niche.pl.relapse(curves, organs=["bone", "brain"], time_label="years")


def spatial() -> Figure:
    """Sections of tissue."""
    adata = niche.datasets.simulate_spatial(0, patients=1, organs=["liver"], side=20)
    niche.pp.normalize(adata)
    niche.tl.spatial_communication(adata, resource=adata.uns["truth"]["pairs"])
    return niche.pl.spatial(adata)


OTHERS: dict[str, Callable[[], Figure]] = {
    "species": species, "sublines": sublines, "growth": growth, "relapse": relapse, "spatial": spatial,
}  # fmt: skip
"""Plots of studies of other kinds than the demo, with all that leads to them."""
_HEAD = """# Gallery

Every plot of `niche.pl`, drawn from the demo, a small simulated study, or from another one that is simulated
on the spot. Each returns its Axes or Figure and
takes what it shows from the stored results: it computes nothing. What cannot be tested is drawn as such.
"""


def groups() -> dict[str, list[str]]:
    """Names of all plots by heading."""
    found = {heading: list(names) for heading, names in GROUPS.items()}
    named = [name for names in found.values() for name in names]
    more = [name for name in pl.__all__ if name not in named and _draws(name)]
    return found | ({"More": more} if more else {})


def _draws(name: str) -> bool:
    thing = getattr(pl, name)
    return inspect.isfunction(thing) and "Figure" in str(inspect.signature(thing).return_annotation)


def draw(adata: AnnData, name: str) -> Figure:
    """The figure of one plot."""
    drawn = OTHERS[name]() if name in OTHERS else getattr(pl, name)(adata, **OPTIONS.get(name, {}))
    return drawn if hasattr(drawn, "savefig") else drawn.figure


def study() -> AnnData:
    """The demo with everything that is plotted."""
    adata = niche.recipes.organotropism(niche.datasets.demo(), {"programs": {"k": [6], "n_starts": 10}})
    niche.tl.infer_cnv(adata, reference=["Fibroblast", "T cell"])
    niche.tl.call_compartments(adata, labels={"Malignant": "tumor"}, key_added="compartments")
    niche.pp.integrate(adata)
    niche.tl.cluster(adata)
    return niche.recipes.multiverse(adata, {"vary": {"leave_out_patients": False}})


def page() -> str:
    """The gallery page, with the pictures that are there."""
    lines = [_HEAD]
    for heading, names in groups().items():
        lines.append(f"## {heading}\n")
        for name in names:
            options = ", ".join(f"{key}={value!r}" for key, value in OPTIONS.get(name, {}).items())
            first = inspect.getdoc(getattr(pl, name)).split("\n\n")[0]
            lines.append(f"### {name}\n\n{{func}}`niche.pl.{name}`: {' '.join(first.split())}\n")
            code = f"niche.pl.{name}(adata{', ' if options else ''}{options})"
            lines.append(f"```python\n{_code(name) if name in OTHERS else code}\n```\n")
            if (PICTURES / f"{name}.png").exists():
                lines.append(f"![{name}](gallery/{name}.png)\n")
    return "\n".join(lines)


def _code(name: str) -> str:
    """The lines that draw a plot of a study of another kind."""
    body = inspect.getsource(OTHERS[name]).split('"""\n')[1]
    return textwrap.dedent(body).replace("return ", "").rstrip()


def main() -> None:
    """Draw all, and say what could not be drawn."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    adata = study()
    for name in [name for names in groups().values() for name in names]:
        try:
            draw(adata, name).savefig(PICTURES / f"{name}.png", dpi=110, bbox_inches="tight")
        except NicheError as why:
            print(f"{name}: {why}")


if __name__ == "__main__":
    main()

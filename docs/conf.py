"""Sphinx configuration."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "src"), str(HERE)]

import gallery  # noqa: E402

import niche  # noqa: E402

project = "niche"
author = "The niche developers"
copyright = "2026, The niche developers"
version = release = niche.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates"]
suppress_warnings = ["mystnb.unknown_mime_type"]

autosummary_generate = True
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_preprocess_types = False
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_typehints_format = "short"

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the notebooks are committed with their outputs, and executed in the tests

html_theme = "sphinx_book_theme"
html_title = f"niche {version}"
html_theme_options = {
    "show_toc_level": 2,
    "home_page_in_toc": True,
    "use_download_button": False,
    "use_fullscreen_button": False,
}

# The tutorials live beside their sources; the pages are built from copies.
pages = HERE / "generated" / "tutorials"
pages.mkdir(parents=True, exist_ok=True)
for notebook in sorted((HERE.parent / "tutorials").glob("*.ipynb")):
    shutil.copyfile(notebook, pages / notebook.name)

(HERE / "generated" / "gallery.md").write_text(gallery.page(), encoding="utf-8")

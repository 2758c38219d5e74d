"""The gallery shows every plot, and each can be drawn from the results it is shown with."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import get_args

import anndata as ad
import pytest
from matplotlib.figure import Figure
from walk import public_functions, type_hints

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def gallery(root: Path) -> ModuleType:
    """docs/gallery.py."""
    spec = importlib.util.spec_from_file_location("gallery", root / "docs" / "gallery.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_plot_is_in_it_once(gallery: ModuleType) -> None:
    plots = [
        name.removeprefix("pl.")
        for name, plot in public_functions("pl").items()
        if Figure in (type_hints(plot)["return"], *get_args(type_hints(plot)["return"]))
    ]
    assert {"volcano", "circle", "composition", "paired"} <= set(plots)
    listed = [name for names in gallery.groups().values() for name in names]
    assert sorted(listed) == sorted(plots)
    assert set(gallery.OPTIONS) <= set(plots)
    page = gallery.page()
    for name in plots:
        assert f"{{func}}`niche.pl.{name}`: " in page


def test_plots_can_be_drawn(gallery: ModuleType, corridor: ad.AnnData) -> None:
    for names in gallery.GROUPS.values():
        for name in names:
            figure = gallery.draw(corridor, name)
            assert figure.axes, name
            width, height = figure.get_size_inches()
            assert 2 < width < 20 and 1 < height < 40, name


@pytest.mark.validation
def test_pictures_of_the_whole_study(gallery: ModuleType, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(gallery, "PICTURES", tmp_path)
    gallery.main()
    assert capsys.readouterr().out == ""
    assert {path.stem for path in tmp_path.glob("*.png")} == {
        n for names in gallery.GROUPS.values() for n in names
    }
    assert "![volcano](gallery/volcano.png)" in gallery.page()

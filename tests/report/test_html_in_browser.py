from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless Chromium of its own, with an empty profile."""
    selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed (extra: test)")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("chromium and chromedriver are not installed (Debian: chromium chromium-driver)")
    options = selenium.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = selenium.Chrome(options=options, service=selenium.ChromeService(driver))
    yield started
    started.quit()


@pytest.fixture(scope="module")
def opened(browser: Any, report_file: Path) -> Any:
    browser.get_log("performance")
    browser.get(report_file.as_uri())
    return browser


def test_the_console_stays_empty(opened: Any) -> None:
    assert opened.get_log("browser") == []


def test_every_image_is_decoded(opened: Any) -> None:
    widths = opened.execute_script(
        "return Promise.all([...document.images].map(i => i.decode().then(() => i.naturalWidth)))"
    )
    assert len(widths) >= 8
    assert min(widths) > 50


def test_nothing_is_requested(opened: Any) -> None:
    requested = opened.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert [name for name in requested if not name.startswith("data:")] == []


@pytest.mark.parametrize("width", [1200, 500])
def test_the_page_does_not_scroll_sideways(opened: Any, width: int) -> None:
    opened.set_window_size(width, 900)
    wide, shown = opened.execute_script(
        "const d = document.documentElement; return [d.scrollWidth, d.clientWidth]"
    )
    assert wide <= shown


def test_text_stands_out(opened: Any) -> None:
    """Contrast of at least 4.5 to 1 for every piece of text (WCAG 2.1 AA)."""
    script = """
      const rgb = s => s.match(/[\\d.]+/g).map(Number);
      const light = c => { const v = c.slice(0, 3).map(x => { x /= 255;
        return x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4 });
        return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2] };
      const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
        if (c.length < 4 || c[3] > 0) return c } return [255, 255, 255] };
      let low = 99;
      for (const e of document.querySelectorAll('body *')) {
        if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
        const [a, b] = [light(rgb(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
        low = Math.min(low, (a + 0.05) / (b + 0.05));
      }
      return low"""
    assert opened.execute_script(script) >= 4.5

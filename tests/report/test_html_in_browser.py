from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--force-prefers-reduced-motion",
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(opened: Any, scheme: str) -> None:
    """Contrast of at least 4.5 to 1 for every piece of text (WCAG 2.1 AA)."""
    opened.execute_script("document.documentElement.style.colorScheme = arguments[0]", scheme)
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


def test_the_page_turns_dark_and_back(opened: Any) -> None:
    opened.execute_script("document.documentElement.style.colorScheme = 'light'")
    button = _button(opened, "page")
    colours = []
    for _ in range(3):
        colours.append(opened.execute_script("return getComputedStyle(document.body).backgroundColor"))
        button.click()
    assert colours[0] == colours[2] == "rgb(255, 255, 255)" != colours[1]


def test_nothing_bars_a_reader(opened: Any) -> None:
    """No violation that axe-core calls serious or critical; contrast has its own test, over every text."""
    axe = pytest.importorskip("axe_core_python", reason="axe-core-python is not installed (extra: test)")
    opened.execute_script((Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    opened.set_script_timeout(110)
    passed, violations = opened.execute_async_script(
        """const done = arguments[0];
           const rules = { 'color-contrast': { enabled: false } };
           axe.run({ rules, resultTypes: ['violations'] }).then(r => done([r.passes.length, r.violations.map(
             v => [v.impact, v.id, v.nodes.length, v.nodes[0].html.slice(0, 200)])]))"""
    )
    assert passed > 10
    assert [violation for violation in violations if violation[0] in ("serious", "critical")] == []


def test_tables_sort_by_number_with_empty_cells_last(opened: Any) -> None:
    table, column = opened.execute_script(
        """for (const table of document.querySelectorAll('table.sortable')) {
             const head = [...table.tHead.rows[0].cells];
             const i = head.findIndex(c => c.textContent === 'q');
             const keys = [...table.tBodies[0].rows].map(r => r.cells[i] && r.cells[i].dataset.sort);
             if (i > 0 && keys.includes('') && new Set(keys).size > 3) {
               for (let e = table; (e = e.parentElement); ) if (e.tagName === 'DETAILS') e.open = true;
               return [table, i];
             }
           }"""
    )
    read = """return [...arguments[0].tBodies[0].rows].map(r => r.cells[arguments[1]].dataset.sort)"""
    button = table.find_elements("css selector", "thead th")[column].find_element("css selector", "button")
    before = opened.execute_script(read, table, column)
    for order in ("ascending", "descending"):
        opened.execute_script("arguments[0].focus()", button)
        button.send_keys("\n")
        state = _wait(
            lambda order=order: opened.execute_script(
                "return arguments[0].ariaSort === arguments[1]", button.find_element("xpath", ".."), order
            )
        )
        assert state
        wanted = sorted((float(key) for key in before if key), reverse=order == "descending")
        after = _wait(
            lambda wanted=wanted: (
                (keys := opened.execute_script(read, table, column))
                and [float(k) for k in keys if k] == wanted
                and keys
            )
        )
        assert after
        assert after[len(wanted) :] == [""] * before.count("")


def test_tables_can_be_searched(opened: Any) -> None:
    field = opened.find_elements("css selector", "input[type=search]")[0]
    line = field.find_element("xpath", "..")
    table = line.find_element("xpath", "following-sibling::*[1]").find_element("css selector", "table")
    rows = table.find_elements("css selector", "tbody tr")
    texts = [opened.execute_script("return arguments[0].textContent.toLowerCase()", row) for row in rows]
    word = texts[0].split()[0]
    field.send_keys(word)
    shown = [not row.get_property("hidden") for row in rows]
    assert shown == [word in text for text in texts]
    assert line.find_element("css selector", "output").text == f"{sum(shown)} of {len(rows)} rows"
    field.clear()
    field.send_keys("no row holds this")
    assert all(row.get_property("hidden") for row in rows)
    field.clear()
    field.send_keys(" ")
    assert not any(row.get_property("hidden") for row in rows)


def test_sections_fold_and_a_link_unfolds_its_own(opened: Any) -> None:
    state = "return [...document.querySelectorAll('main > section > details')].map(d => d.open)"
    assert all(opened.execute_script(state))
    fold = _button(opened, "sections")
    fold.click()
    assert not any(opened.execute_script(state))
    opened.find_elements("css selector", "nav a")[2].click()
    assert [i for i, open_ in enumerate(opened.execute_script(state)) if open_] == [2]
    fold.click()
    fold.click()
    assert all(opened.execute_script(state))


def test_the_page_prints_every_section(opened: Any) -> None:
    fold = _button(opened, "sections")
    fold.click()
    folded = len(opened.execute_cdp_cmd("Page.printToPDF", {})["data"])
    fold.click()
    assert folded == pytest.approx(len(opened.execute_cdp_cmd("Page.printToPDF", {})["data"]), rel=0.02)


def _button(opened: Any, ends: str) -> Any:
    (found,) = [b for b in opened.find_elements("css selector", ".controls button") if b.text.endswith(ends)]
    return found


def _wait(reached: Any, seconds: float = 5.0) -> Any:
    """What `reached` gives, once it gives something; sorting runs a moment after the click."""
    end = time.monotonic() + seconds
    while not (found := reached()) and time.monotonic() < end:
        time.sleep(0.05)
    return found

"""The look of a report is tested with :func:`niche.power`; here what it holds when nothing can be tested."""

from __future__ import annotations

import niche


def test_nothing_testable_shows_dashes_and_reasons():
    report = niche.power({"bone": 1, "lung": 1}, max_patients=3)
    assert (report.table["status"] == "not_testable").all()
    assert "1 patient in the organ, 2 are needed to test" in repr(report)
    assert report.curve["min_detectable_log2fc"].notna().all(), "the curve says what more patients would give"

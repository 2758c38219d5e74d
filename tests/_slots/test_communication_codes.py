from __future__ import annotations

import numpy as np

from niche._slots import communication_codes as codes


def test_every_reason_has_a_status_and_only_tested_has_none():
    assert len(codes.STATUS_OF_REASON) == len(codes.REASONS) < 256
    statuses = [codes.STATUSES[code] for code in codes.STATUS_OF_REASON]
    for reason, status in zip(codes.REASONS, statuses, strict=True):
        assert (reason == "") == (status == codes.TESTED)
        assert ("not expressed" in reason) == (status == codes.NOT_EXPRESSED)


def test_sided_reasons_name_the_right_side():
    found = codes.sided(
        codes.ABSENT, np.array([True, False, True, False]), np.array([False, True, True, False])
    )
    sides = [codes.REASONS[code].rpartition(": ")[2] for code in found]
    assert sides == ["source", "target", "source and target", ""]
    for base, words in (
        (codes.EXPRESSION, "not expressed"),
        (codes.MEASURED, "not measured"),
        (codes.SUBUNIT, "subunit"),
        (codes.ABSENT, "absent"),
        (codes.TOO_FEW, "too few"),
    ):
        assert all(words in codes.REASONS[base + k] for k in range(3))
    assert "one cell type only" in codes.REASONS[codes.NO_NULL] and "no sample" in codes.REASONS[codes.APART]

from __future__ import annotations

import gzip

import pytest

from niche import resources
from niche.errors import InputTypeError, InputValueError
from niche.resources.gmt import file_digest

LINES = "HOMING\tnotes\tCXCR4\tCCR7\tCXCR4\n\nDORMANCY\t\tLIFR\t\tSOCS3\t\n"


@pytest.mark.parametrize("as_text", [True, False])
def test_reads_sets_in_order_without_repeats(tmp_path, as_text):
    path = tmp_path / "sets.gmt"
    path.write_text(LINES)
    sets = resources.read_gmt(str(path) if as_text else path)
    assert sets == {"HOMING": ["CXCR4", "CCR7"], "DORMANCY": ["LIFR", "SOCS3"]}
    assert list(sets) == ["HOMING", "DORMANCY"]


def test_reads_gzip_and_windows_lines(tmp_path):
    path = tmp_path / "sets.gmt.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbfHOMING\tnotes\tCXCR4\r\n"))
    assert resources.read_gmt(path) == {"HOMING": ["CXCR4"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no gene set"),
        ("HOMING\tnotes\n", "line 1: expected a name, a description and at least one gene"),
        ("A\tx\tCXCR4\n\tx\tCCR7\n", "line 2: expected a name"),
        ("A\tx\tCXCR4\nA\tx\tCCR7\n", "line 2: the gene set 'A' occurs twice, first in line 1. Rename one"),
        ("CXCR4 CCR7\n", "separated by tabs"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, message):
    path = tmp_path / "sets.gmt"
    path.write_text(text)
    with pytest.raises(InputValueError, match=message):
        resources.read_gmt(path)


def test_no_file_and_no_text(tmp_path):
    with pytest.raises(InputValueError, match="There is no file"):
        resources.read_gmt(tmp_path / "none.gmt")
    path = tmp_path / "picture.gmt"
    path.write_bytes(b"\x89PNG\xff\xfe\x00")
    with pytest.raises(InputValueError, match="not a text file"):
        resources.read_gmt(path)
    path.write_bytes(b"\x1f\x8b broken")
    with pytest.raises(InputValueError, match="not a text file"):
        resources.read_gmt(path)
    with pytest.raises(InputTypeError, match="path must be a string or a Path"):
        resources.read_gmt(3)


def test_a_digest_tells_files_apart_and_nothing_of_other_forms(tmp_path):
    path = tmp_path / "sets.gmt"
    path.write_text(LINES)
    first = file_digest(path)
    assert first == file_digest(str(path))
    path.write_text(LINES.replace("CCR7", "CCR5"))
    assert file_digest(path) != first
    assert file_digest(None) == file_digest({"HOMING": ["CXCR4"]}) == ""

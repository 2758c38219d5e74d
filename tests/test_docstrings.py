"""Every public function says what it takes, returns and raises, and its examples run."""

from __future__ import annotations

import doctest
import inspect
import re
from pathlib import Path

import pytest
from walk import Public, parameters

SECTIONS = (
    "Parameters", "Attributes", "Returns", "Yields", "Raises", "Warns", "See Also", "Notes", "References",
    "Examples",
)  # fmt: skip
NEEDS_DOWNLOAD = ("datasets.",)


def sections(thing: object) -> dict[str, str]:
    """The numpydoc sections of a docstring; the text before them under the empty name."""
    lines = (inspect.getdoc(thing) or "").splitlines()
    found: dict[str, list[str]] = {"": []}
    name = ""
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if line in SECTIONS and set(below) == {"-"}:
            name = line
            found[name] = []
        elif set(line) != {"-"} or not line:
            found[name].append(line)
    return {title: "\n".join(text).strip("\n") for title, text in found.items()}


def documented(section: str) -> dict[str, str]:
    """Names at the left margin of a section (``a, b : type``) and the text below each."""
    found: dict[str, list[str]] = {}
    names: list[str] = []
    for line in section.splitlines():
        if line and not line.startswith(" "):
            names = [name.strip() for name in re.split(r"\s:\s|\s:$", line)[0].split(",")]
            found |= {name: [] for name in names}
        else:
            for name in names:
                found[name].append(line.strip())
    return {name: " ".join(text).strip() for name, text in found.items()}


def test_summary_is_one_sentence(public_object: Public) -> None:
    name, thing = public_object
    if not (inspect.isfunction(thing) or inspect.isclass(thing)):
        pytest.skip(f"{name} is a value, described on the API page")
    summary = sections(thing)[""].splitlines()[:1]
    assert summary and summary[0].endswith("."), f"{name}: the docstring starts with one full sentence"


def test_parameters(public_function: Public) -> None:
    name, function = public_function
    wanted = list(parameters(function))
    if not wanted:
        assert "Parameters" not in sections(function)
        return
    found = documented(sections(function).get("Parameters", ""))
    assert list(found) == wanted, f"{name}: document exactly its parameters, in their order"
    silent = [parameter for parameter, text in found.items() if not text]
    assert not silent, f"{name}: nothing is said about {silent}"


def test_returns(public_function: Public) -> None:
    name, function = public_function
    found = sections(function).get("Returns", "").strip()
    assert found, f"{name}: no section Returns"
    first, *rest = found.splitlines()
    assert not first.endswith(".") and len(first) < 60, (
        f"{name}: Returns starts with a type, text is indented"
    )
    assert all(not line or line.startswith(" ") for line in rest), f"{name}: Returns: the text is indented"


def test_raises(public_function: Public) -> None:
    name, function = public_function
    if "adata" not in parameters(function):
        return
    import niche.errors

    found = documented(sections(function).get("Raises", ""))
    assert found, f"{name}: no section Raises"
    for error, text in found.items():
        known = issubclass(getattr(niche.errors, error, object), niche.errors.NicheError)
        assert known, f"{name}: {error} is not an error of niche"
        assert text, f"{name}: when is {error} raised?"


def test_examples(public_object: Public, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, thing = public_object
    if inspect.isclass(thing) and "Examples" not in sections(thing):
        pytest.skip(f"{name} is a class shown in the examples of the functions that use it")
    if not (inspect.isfunction(thing) or inspect.isclass(thing)):
        pytest.skip(f"{name} is a value")
    monkeypatch.chdir(tmp_path)
    text = sections(thing).get("Examples", "")
    example = doctest.DocTestParser().get_doctest(text, {}, name, None, None)
    assert example.examples, f"{name}: no example"
    skipped = [line for line in example.examples if line.options.get(doctest.SKIP)]
    if skipped:
        assert name.startswith(NEEDS_DOWNLOAD), f"{name}: its example is not run"
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    said: list[str] = []
    runner.run(example, out=said.append)
    assert runner.failures == 0, "".join(said)

from __future__ import annotations

import warnings

import pytest

from niche import errors


def test_every_error_is_also_what_a_caller_would_catch():
    for error, builtin in (
        (errors.MissingKeyError, KeyError),
        (errors.MissingPackageError, ImportError),
        (errors.InputValueError, ValueError),
        (errors.InputTypeError, TypeError),
        (errors.StaleResultError, ValueError),
    ):
        with pytest.raises(builtin) as caught:
            raise error("column 'a' not found")
        assert isinstance(caught.value, errors.NicheError)
        assert str(caught.value) == "column 'a' not found"


def test_warnings_point_at_the_callers_line():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        errors.warn("look here")
    assert caught[0].filename == __file__
    assert issubclass(caught[0].category, errors.NicheWarning)

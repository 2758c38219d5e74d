"""Which software a report was made with."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from niche._version import __version__

_PACKAGES = (
    "anndata",
    "scanpy",
    "numpy",
    "scipy",
    "pandas",
    "numba",
    "scikit-learn",
    "leidenalg",
    "matplotlib",
)


def versions() -> dict[str, str]:
    """Return the versions of niche, Python and the packages the results depend on.

    Returns
    -------
    dict
        Version by name; packages that are not installed are left out.

    Examples
    --------
    >>> import niche
    >>> niche.report.versions()["niche"] == niche.__version__
    True
    """
    found = {"niche": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found

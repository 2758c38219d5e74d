"""Package-wide defaults, read when a function is called and not when it is imported."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path

from niche.errors import InputTypeError, InputValueError


@dataclass
class Settings:
    """Defaults that functions resolve at call time; change them once per session.

    Attributes
    ----------
    sample_key, patient_key, organ_key, tissue_key, compartment_key, subtype_key, subline_key, groupby
        Columns of ``adata.obs``.
    data_dir
        Folder with local copies of public data sets; the environment variable ``NICHE_DATA_DIR``
        is used while it is ``None``.
    n_jobs
        Threads; ``None`` uses every core. Results do not depend on it.

    Examples
    --------
    >>> import niche
    >>> niche.settings.organ_key
    'organ'
    """

    sample_key: str = "sample"
    patient_key: str = "patient"
    organ_key: str = "organ"
    tissue_key: str = "tissue"
    compartment_key: str = "compartment"
    subtype_key: str = "subtype"
    subline_key: str = "subline"
    groupby: str = "cell_type"
    data_dir: Path | None = None
    n_jobs: int | None = None

    def __setattr__(self, name: str, value: object) -> None:
        known = [field.name for field in fields(self)]
        if name not in known:
            raise InputValueError(f"niche.settings has no field {name!r}. Fields: {', '.join(known)}.")
        if name == "data_dir":
            value = None if value is None else Path(str(value)).expanduser()
        elif name == "n_jobs":
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
                raise InputValueError(f"settings.n_jobs must be a positive integer or None. Got {value!r}.")
        elif not isinstance(value, str) or not value:
            raise InputTypeError(f"settings.{name} must be the name of an obs column. Got {value!r}.")
        super().__setattr__(name, value)

    def threads(self, n_jobs: int | None = None) -> int:
        """Return the number of threads for a call: its own argument, else ours, else every core."""
        chosen = self.n_jobs if n_jobs is None else n_jobs
        if chosen is None or chosen == -1:
            return os.cpu_count() or 1
        if not isinstance(chosen, int) or isinstance(chosen, bool) or chosen < 1:
            raise InputValueError(f"n_jobs must be a positive integer, -1 or None. Got {chosen!r}.")
        return chosen

    def local_data(self) -> Path | None:
        """Return the folder of local copies of public data, or ``None``."""
        if self.data_dir is not None:
            return self.data_dir
        found = os.environ.get("NICHE_DATA_DIR")
        return Path(found).expanduser() if found else None


settings = Settings()

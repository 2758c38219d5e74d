"""What takes long to make, made by one of the test processes for all of them."""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

Made = TypeVar("Made")
PATIENCE_SECONDS = 600.0


def once(name: str, make: Callable[[], Made], factory: pytest.TempPathFactory) -> Made:
    """What ``make`` returns: made here where there is one process, else by the first that asks for it.

    The others wait and read the very same object from a pickle in the folder of this run; where the first
    fails, or takes longer than they wait, they make it themselves.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return make()
    file = factory.getbasetemp().parent / f"{name}.pickle"
    started = file.with_suffix(".started")
    try:
        started.touch(exist_ok=False)
    except FileExistsError:
        made = _read(file, file.with_suffix(".failed"))
        return make() if made is None else made
    try:
        made = make()
        draft = file.with_suffix(".draft")
        draft.write_bytes(pickle.dumps(made))
        draft.replace(file)
    except BaseException:
        file.with_suffix(".failed").touch()
        raise
    return made


def _read(file: Path, failed: Path) -> Made | None:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end and not failed.exists():
        if file.exists():
            return pickle.loads(file.read_bytes())
        time.sleep(0.2)
    return None

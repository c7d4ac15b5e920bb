"""Whether publishers live; ends them and their ffmpegs at once, without asking either, nor
MediaMTX."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from portal.publish.explain import parse_status


def end_publisher(status: Path) -> bool:
    """Kill the one that writes `status`, and its ffmpeg. Whether there was one. Blocking for less
    than a millisecond.

    For what cannot wait: a picture that must not be seen any more, even when ffmpeg, the
    publisher or MediaMTX hangs. The camera is closed when this returns, or as soon as the kernel
    has ended ffmpeg. MediaMTX starts a new publisher after 5 s unless its path is deleted.
    """
    with contextlib.suppress(OSError):
        told = parse_status(status.read_text("utf-8", errors="replace"))
        if not _is_publisher(told.pid, status):
            return False
        is_its_ffmpeg = _parent(told.ffmpeg) == told.pid
        os.kill(told.pid, signal.SIGKILL)  # first: it would start another
        if is_its_ffmpeg:
            os.kill(told.ffmpeg, signal.SIGKILL)
        return True
    return False


def end_publishers(state_dir: Path) -> None:
    """All of this site's: camera, previews, microphone. Some milliseconds."""
    for status in state_dir.glob("publisher.*"):
        end_publisher(status)


def has_publisher(status: Path) -> bool:
    """Whether the one that wrote `status` lives. Blocking."""
    with contextlib.suppress(OSError):
        told = parse_status(status.read_text("utf-8", errors="replace"))
        return _is_publisher(told.pid, status)
    return False


def _is_publisher(pid: int, status: Path) -> bool:
    """A number that the kernel gave to another process since is left alone."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return pid > 0 and os.fsencode(status) in words
    return False


def _parent(pid: int) -> int:
    with contextlib.suppress(OSError, ValueError, IndexError):
        # After the name, which may hold anything, in brackets: state, parent.
        return int(Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[1])
    return 0

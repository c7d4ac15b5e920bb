"""A publisher's argument list as MediaMTX's `runOnInit` wants it: one line. Pure."""

from __future__ import annotations

import hashlib
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from portal.mediamtx.credentials import PUBLISH_USER
from portal.mediamtx.settings import DOLLAR_VARIABLE, PUBLISH_PASSWORD_VARIABLE

_PUBLISHER = Path(__file__).with_name("publisher.py")


# Of a USB camera: stream-on takes 0.6 s, a slow one's 2 s. A second try may wake one that hangs.
USB_FIRST_FRAME_S = 5.0


def publisher_line(argv: Sequence[str], *, parent: int, status: Path, device: str = "") -> str:
    """Run by file and without site-packages: up in 40 ms, with 10 MB. `device` is the camera's
    node, where it has one: without it ffmpeg is not started."""
    command = [sys.executable, "-I", "-S", str(_PUBLISHER)]
    options = ["--parent", str(parent), "--status", str(status), "--tag", tag(argv)]
    if device:
        options += ["--device", device, "--first-frame", f"{USB_FIRST_FRAME_S:g}"]
    return in_one_line([*command, *options, "--", *argv])


def publish_url(url: str) -> str:
    """With the publisher's user, and a password that only the publisher itself fills in: a line
    that MediaMTX's API tells, or that a log repeats, holds none."""
    return url.replace("://", f"://{PUBLISH_USER}:${PUBLISH_PASSWORD_VARIABLE}@", 1)


def in_one_line(argv: Sequence[str]) -> str:
    """Quoted for MediaMTX, which splits as a shell does, and expands variables even in quotes."""
    return shlex.join(argv).replace("$", f"${{{DOLLAR_VARIABLE}}}")


def tag(argv: Sequence[str]) -> str:
    """Short name of a command, by which its status is told from an older one's."""
    return hashlib.sha256("\0".join(argv).encode(errors="surrogateescape")).hexdigest()[:12]

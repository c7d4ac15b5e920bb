"""What the publisher of one path says of itself, and whether it still speaks."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from pathlib import Path

from portal.cameras import v4l2
from portal.model import Camera
from portal.publish.ending import end_publisher
from portal.publish.explain import Explanation, PublisherStatus, parse_status

# A publisher that brings no picture says something anew at least each 40 s, or it hangs.
SILENT_S = 45.0
_PATIENT_FAILURES = 3  # the first may find the camera still held by the ffmpeg before


class PublisherWatch:
    """By its status file. Calls block for less than a millisecond."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # What it said last, and since when it has said that, or had a picture.
        self._said: tuple[PublisherStatus | None, float] = (None, 0.0)

    def read(self) -> PublisherStatus | None:
        try:
            return parse_status(self.path.read_text("utf-8", errors="replace"))
        except OSError:
            return None

    def written_at(self) -> int:
        """0 for never."""
        try:
            return self.path.stat().st_mtime_ns
        except OSError:
            return 0

    def forget(self) -> None:
        """What an older publisher wrote."""
        with contextlib.suppress(OSError):  # a disk that became read-only does not stop the picture
            self.path.unlink(missing_ok=True)

    def saw_picture(self) -> None:
        """Then it need not say anything."""
        self._said = (None, time.monotonic())

    def hangs(self, status: PublisherStatus) -> bool:
        """It should have said something else since. Asked while there is no picture."""
        if status != self._said[0]:
            self._said = (status, time.monotonic())
        return status.state != "gone" and time.monotonic() - self._said[1] > SILENT_S

    def end(self) -> None:
        """Whatever state it is in."""
        self.saw_picture()
        end_publisher(self.path)


def is_alive(status: PublisherStatus) -> bool:
    try:
        os.kill(status.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return status.pid > 0


def is_fault(status: PublisherStatus) -> bool:
    """Worth a word: a silent camera at once, since each try takes seconds."""
    at_once = status.state == "gone" or status.why.startswith("no new frame")
    return at_once or status.failures >= _PATIENT_FAILURES


def with_names(meant: Explanation, camera: Camera) -> Explanation:
    """With who holds the camera, or the group that may open it. Blocking: it reads /proc."""
    number = {"busy": errno.EBUSY, "denied": errno.EACCES}.get(meant.cause)
    if number is None or camera.source != "usb":
        return meant
    return Explanation(str(v4l2.explained(OSError(number, ""), camera.device)), meant.cause)

"""What the publisher of one path says of itself, and whether it still speaks."""

from __future__ import annotations

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
# One whose ffmpeg sends nothing ends it after 3 s, or hangs as well.
DRY_S = 5.0
# Between two looks: what is longer is not their time, such as a MediaMTX that did not answer.
_LOOK_S = 2.0
_PATIENT_FAILURES = 3  # the first may find the camera still held by the ffmpeg before


class PublisherWatch:
    """By its status file. Calls block for less than a millisecond."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # What it said last, and since when it has said that, or had a picture.
        self._said: tuple[PublisherStatus | None, float] = (None, 0.0)
        self._forgotten = 0  # when that was written which could not be removed
        self._received: int | None = None
        self._looked_at = 0.0
        self._dry_s = 0.0

    def read(self) -> PublisherStatus | None:
        if self._forgotten and self._forgotten == self.written_at():
            return None
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
        try:
            self.path.unlink(missing_ok=True)
        except OSError:  # a disk that became read-only does not stop the picture
            self._forgotten = self.written_at()

    def saw_picture(self) -> None:
        """Then it need not say anything."""
        self._said = (None, time.monotonic())

    def runs_dry(self, received: int | None) -> bool:
        """Nothing has arrived for too long on a path that is still ready. Asked at each look with
        the bytes so far, None where MediaMTX does not count them."""
        now = time.monotonic()
        since_look_s, self._looked_at = now - self._looked_at, now
        if received is None or received != self._received:
            self._received, self._dry_s = received, 0.0
        else:
            self._dry_s += min(since_look_s, _LOOK_S)
        return self._dry_s > DRY_S

    def hangs(self, status: PublisherStatus) -> bool:
        """It should have said something else since. Asked while there is no picture."""
        if status != self._said[0]:
            self._said = (status, time.monotonic())
        patience_s = DRY_S if status.state in {"sending", "healthy"} else SILENT_S
        return status.state != "gone" and time.monotonic() - self._said[1] > patience_s

    def end(self) -> None:
        """Whatever state it is in."""
        self.saw_picture()
        self._received = None
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

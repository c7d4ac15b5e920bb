"""The traces of encoding hardware on this machine, and what would make a verdict on it void."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from portal.config import VideoSection
from portal.publish.codecs import BY_SETTING, Encoder

# Where several work: the order in which they are taken.
_ORDER = ("h264_nvenc", "h264_vaapi", "h264_v4l2m2m", "h264_omx")


class Machine:
    """Where the traces of hardware are. Blocking: some milliseconds."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def candidates(self, setting: str) -> list[Encoder]:
        """Those whose device nodes exist; with a setting other than "auto" that one alone."""
        names = _ORDER if setting == "auto" else (BY_SETTING.get(setting, ""),)
        return [Encoder(name=name, device=self._named(name)) for name in names if self._nodes(name)]

    def fingerprint(self, ffmpeg: str, video: VideoSection) -> str:
        """Changes when a verdict may no longer hold."""
        parts = [os.uname().release, self._model(), ffmpeg, *map(str, _stamp(ffmpeg))]
        parts += [str(video.width), str(video.height), str(video.fps)]
        for name in _ORDER:
            parts += [name, *self._nodes(name)]
        return hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()[:16]

    def _nodes(self, name: str) -> list[str]:
        dev = self._root / "dev"
        match name:
            case "h264_vaapi":
                return sorted(str(path) for path in (dev / "dri").glob("renderD*"))
            case "h264_nvenc":
                return sorted(str(path) for path in dev.glob("nvidia[0-9]*"))
            case "h264_v4l2m2m":
                return self._codecs()
            case "h264_omx":
                return [str(path) for path in (dev / "vchiq",) if path.exists()]
        return []

    def _codecs(self) -> list[str]:
        """V4L2 nodes that hang on no USB port, by what their driver calls them: a camera that is
        plugged in is no new machine."""
        nodes = (self._root / "sys/class/video4linux").glob("video*")
        inner = [node for node in nodes if "/usb" not in os.path.realpath(node)]
        return sorted(f"{node.name} {_text(node / 'name')}" for node in inner)

    def _named(self, name: str) -> str:
        """The node that ffmpeg must be told; the others it finds."""
        return self._nodes(name)[0] if name == "h264_vaapi" else ""

    def _model(self) -> str:
        model = _text(self._root / "proc/device-tree/model")
        return model or _text(self._root / "sys/class/dmi/id/product_name")


def _stamp(program: str) -> tuple[int, int]:
    with contextlib.suppress(OSError):
        found = Path(program).stat()
        return found.st_size, found.st_mtime_ns
    return 0, 0


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace").strip("\0\n ")
    except OSError:
        return ""

"""A camera at an exact rate whose frames carry the wall clock: `python -m bench.source SOCKET
[WIDTH HEIGHT FPS]` serves raw yuyv422 (what a USB camera gives) to whoever connects to the Unix
socket; 1280x720 at 30 fps unless told.

Each connection starts at a random phase of the frame interval. A reader that is late misses frames,
as it would with a real camera; it never gets old ones. SIGUSR1 freezes the picture of whoever is
connected, as a camera does whose firmware hangs: the same frame again and again, until it is opened
anew.
"""

from __future__ import annotations

import contextlib
import random
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench import stamp

PIXEL_FORMAT = "yuyv422"
_SCROLL_PX = 4  # per frame; even, so that chroma pairs stay together


@dataclass(frozen=True, slots=True)
class Mode:
    """Width and height are multiples of 40; the stamp takes 320x80."""

    width: int = 1280
    height: int = 720
    fps: int = 30


def ffmpeg_input(path: Path, mode: Mode = Mode()) -> list[str]:
    """ffmpeg's input arguments for the camera that listens at `path`."""
    return [
        *("-f", "rawvideo", "-pixel_format", PIXEL_FORMAT),
        *("-video_size", f"{mode.width}x{mode.height}", "-framerate", str(mode.fps)),
        # Missed frames leave a hole, as with a real camera; counted ones would let the clock lag.
        *("-use_wallclock_as_timestamps", "1"),
        *("-i", f"unix://{path}"),
    ]


def background(mode: Mode) -> NDArray[np.uint8]:
    """One scene twice as wide as the picture, that repeats: soft shapes with a camera's noise."""
    rng = np.random.default_rng(7)
    coarse = rng.integers(40, 200, size=(mode.height // 40, mode.width // 40, 2))
    scene = np.repeat(np.repeat(coarse, 40, axis=0), 40, axis=1).astype(np.int16)
    scene[..., 1] = scene[..., 1] // 4 + 96  # faint colours
    scene[..., 0] += rng.integers(-6, 7, size=(mode.height, mode.width))
    once = scene.clip(16, 235).astype(np.uint8)
    return np.concatenate([once, once], axis=1)


class Camera:
    """What the sensor sees, and whether the firmware hangs."""

    def __init__(self, mode: Mode) -> None:
        self._mode = mode
        self._scene = background(mode)
        self._is_frozen = False

    def freeze(self, _number: int, _frame: object) -> None:
        self._is_frozen = True

    def serve(self, connection: socket.socket) -> None:
        """Send frames until the reader leaves."""
        mode = self._mode
        self._is_frozen = False
        frame = np.empty((mode.height, mode.width, 2), dtype=np.uint8)
        start = time.monotonic() + random.random() / mode.fps  # noqa: S311 - a phase, not a secret
        tick = 0
        while True:
            if not self._is_frozen:
                offset = tick * _SCROLL_PX % mode.width
                frame[:] = self._scene[:, offset : offset + mode.width]
                frame[: stamp.HEIGHT_PX, : stamp.WIDTH_PX, 1] = 128
            wait_s = start + tick / mode.fps - time.monotonic()
            if wait_s > 0:
                time.sleep(wait_s)
            if not self._is_frozen:
                luma = stamp.encode(time.time_ns() // 1000)
                frame[: stamp.HEIGHT_PX, : stamp.WIDTH_PX, 0] = luma
            connection.sendall(frame.data)
            tick = max(tick + 1, int((time.monotonic() - start) * mode.fps))


def main() -> None:
    path = Path(sys.argv[1])
    camera = Camera(Mode(*map(int, sys.argv[2:])))
    signal.signal(signal.SIGUSR1, camera.freeze)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        while True:
            connection, _ = listener.accept()
            # What the kernel allows: fewer switches between us and ffmpeg for each frame.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
            with connection, contextlib.suppress(OSError):
                camera.serve(connection)


if __name__ == "__main__":
    main()

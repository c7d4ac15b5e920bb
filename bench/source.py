"""A camera of 1280x720 at exactly 30 fps whose frames carry the wall clock: `python -m bench.source
SOCKET` serves raw yuyv422 (what a USB camera gives) to whoever connects to the Unix socket.

Each connection starts at a random phase of the frame interval. A reader that is late misses frames,
as it would with a real camera; it never gets old ones.
"""

from __future__ import annotations

import contextlib
import random
import socket
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench import stamp

WIDTH, HEIGHT, FPS = 1280, 720, 30
PIXEL_FORMAT = "yuyv422"
_SCROLL_PX = 4  # per frame; even, so that chroma pairs stay together


def ffmpeg_input(path: Path) -> list[str]:
    """ffmpeg's input arguments for the camera that listens at `path`."""
    return [
        *("-f", "rawvideo", "-pixel_format", PIXEL_FORMAT),
        *("-video_size", f"{WIDTH}x{HEIGHT}", "-framerate", str(FPS)),
        # Missed frames leave a hole, as with a real camera; counted ones would let the clock lag.
        *("-use_wallclock_as_timestamps", "1"),
        *("-i", f"unix://{path}"),
    ]


def background() -> NDArray[np.uint8]:
    """One scene twice as wide as the picture, that repeats: soft shapes with a camera's noise."""
    rng = np.random.default_rng(7)
    coarse = rng.integers(40, 200, size=(HEIGHT // 40, WIDTH // 40, 2))
    scene = np.repeat(np.repeat(coarse, 40, axis=0), 40, axis=1).astype(np.int16)
    scene[..., 1] = scene[..., 1] // 4 + 96  # faint colours
    scene[..., 0] += rng.integers(-6, 7, size=(HEIGHT, WIDTH))
    once = scene.clip(16, 235).astype(np.uint8)
    return np.concatenate([once, once], axis=1)


def serve(connection: socket.socket, scene: NDArray[np.uint8]) -> None:
    """Send frames until the reader leaves."""
    frame = np.empty((HEIGHT, WIDTH, 2), dtype=np.uint8)
    start = time.monotonic() + random.random() / FPS  # noqa: S311 - a phase, not a secret
    tick = 0
    while True:
        offset = tick * _SCROLL_PX % WIDTH
        frame[:] = scene[:, offset : offset + WIDTH]
        frame[: stamp.HEIGHT_PX, : stamp.WIDTH_PX, 1] = 128
        wait_s = start + tick / FPS - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)
        luma = stamp.encode(time.time_ns() // 1000)
        frame[: stamp.HEIGHT_PX, : stamp.WIDTH_PX, 0] = luma
        connection.sendall(frame.data)
        tick = max(tick + 1, int((time.monotonic() - start) * FPS))


def main() -> None:
    path = Path(sys.argv[1])
    scene = background()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        while True:
            connection, _ = listener.accept()
            # What the kernel allows: fewer switches between us and ffmpeg for each frame.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
            with connection, contextlib.suppress(OSError):
                serve(connection, scene)


if __name__ == "__main__":
    main()

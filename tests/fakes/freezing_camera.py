"""A camera with a sensor's noise before a still scene, which freezes on demand while ffmpeg lives:
the same frame again and again, at the full rate."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np

from portal.config import VideoSection
from portal.model import Camera
from portal.process import ChildProcess
from portal.publish.encoder import encoder_argv

WIDTH, HEIGHT, RATE = 640, 360, 30


class FreezingCamera:
    """`source` are ffmpeg's input arguments."""

    def __init__(self, pipe: Path, *, noise: float = 2.0) -> None:
        self.source = (
            *("-re", "-f", "rawvideo", "-pix_fmt", "gray", "-video_size", f"{WIDTH}x{HEIGHT}"),
            *("-framerate", str(RATE), "-i", str(pipe)),
        )
        self.frozen = threading.Event()
        self._pipe = pipe
        self._closing = threading.Event()
        self._random = np.random.default_rng(1)
        across, down = np.meshgrid(np.linspace(0, 1, WIDTH), np.linspace(0, 1, HEIGHT))
        self._scene = (128 + 60 * np.sin(9 * across) * np.cos(5 * down)).astype(np.int16)
        self._noise = self._random.normal(0, noise, 4 * WIDTH * HEIGHT).astype(np.int16)

    def _look(self) -> bytes:
        """Never the same one twice."""
        at = self._random.integers(3 * WIDTH * HEIGHT)
        noise = self._noise[at : at + WIDTH * HEIGHT].reshape(HEIGHT, WIDTH)
        return (self._scene + noise).astype(np.uint8).tobytes()

    def film(self) -> None:
        """Until ffmpeg has gone."""
        with contextlib.suppress(BrokenPipeError), self._pipe.open("wb", buffering=0) as pipe:
            frame, began, sent = self._look(), time.monotonic(), 0
            while not self._closing.is_set():
                if not self.frozen.is_set():
                    frame = self._look()
                data = memoryview(frame)
                while data:
                    data = data[pipe.write(data) :]
                sent += 1
                time.sleep(max(0.0, began + sent / RATE - time.monotonic()))

    def close(self) -> None:
        self._closing.set()
        # Whoever waits for a reader that never came is let go.
        os.close(os.open(self._pipe, os.O_RDONLY | os.O_NONBLOCK))


@contextlib.asynccontextmanager
async def freezing_camera(address: str, *, noise: float = 2.0) -> AsyncIterator[FreezingCamera]:
    """Published as a portal does, whose keyframes let a frozen picture seem to move."""
    with tempfile.TemporaryDirectory() as folder:
        pipe = Path(folder) / "camera"
        os.mkfifo(pipe)
        camera = FreezingCamera(pipe, noise=noise)
        filming = asyncio.create_task(asyncio.to_thread(camera.film), name="camera")
        argv = encoder_argv(
            Camera(id="freezing", name="Freezing", source="ffmpeg", input=camera.source),
            video=VideoSection(width=WIDTH, height=HEIGHT, fps=RATE, bitrate_kbps=1200),
            title="",
            ffmpeg="ffmpeg",
            rtsp_url=f"rtsp://{address}:8554/cam",
        )
        ffmpeg = await ChildProcess.spawn(argv, name="ffmpeg")
        try:
            yield camera
        finally:
            await ffmpeg.stop()
            camera.close()
            await filming

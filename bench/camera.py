"""A camera with stamps for as long as a block lasts, and what ffmpeg and a site are told of it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.servers import READY_TIMEOUT_S, running
from bench.source import Mode, ffmpeg_input
from portal.process import ChildProcess

_HD = Mode()


@dataclass(frozen=True, slots=True)
class StampedCamera:
    """Listens at `socket`."""

    socket: Path
    mode: Mode
    process: ChildProcess

    @property
    def section(self) -> str:
        """Its `[[cameras]]` of portal.toml."""
        quoted = ", ".join(f'"{word}"' for word in ffmpeg_input(self.socket, self.mode))
        return f'[[cameras]]\nname = "stamped"\nsource = "ffmpeg"\ninput = [{quoted}]\n'

    def freeze(self) -> None:
        """Its firmware hangs: the same picture until it is opened again."""
        os.kill(self.process.pid, signal.SIGUSR1)


@asynccontextmanager
async def stamped_camera(
    folder: Path, mode: Mode = _HD, *, program: str = "bench.source"
) -> AsyncIterator[StampedCamera]:
    """It listens when this yields. `program`: a module that is started as `bench.source` is."""
    socket = folder / "camera"
    size = map(str, (mode.width, mode.height, mode.fps))
    argv = [sys.executable, "-m", program, str(socket), *size]
    async with running(argv, name="camera") as process:
        async with asyncio.timeout(READY_TIMEOUT_S):
            while not socket.exists():
                assert process.returncode is None, process.last_lines
                await asyncio.sleep(0.02)
        yield StampedCamera(socket, mode, process)

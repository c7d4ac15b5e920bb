"""The compositor on this box's screen: started, asked whether it answers, ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from portal.config import KioskSection
from portal.errors import KioskError
from portal.kiosk import wayland
from portal.kiosk.compositors import announced, choose_compositor, launch_of
from portal.kiosk.connectors import read_connectors
from portal.kiosk.cursor import hide_cursor
from portal.kiosk.launching import dies_with_us
from portal.kiosk.profile import memory_dir, own_folder
from portal.process import ChildProcess

_LOG = logging.getLogger(__name__)

# A graphics driver that is just being loaded at boot takes seconds.
_START_S = 20.0


class Compositor:
    """`open()` starts it and knows its display; `close()` ends it. Chosen once."""

    def __init__(self, kiosk: KioskSection) -> None:
        self._kiosk = kiosk
        self.name = choose_compositor(kiosk.compositor)
        self._process: ChildProcess | None = None
        self._folder: Path | None = None
        self._display: asyncio.Future[str] | None = None
        self._cursor: dict[str, str] = {}
        self.is_turned = False

    async def open(self) -> None:
        """Raises `KioskError` or `ProcessError` when none comes up."""
        runtime = memory_dir()
        self._folder = own_folder("compositor")
        cage_help = await _help_of("cage") if self.name == "cage" else ""
        outputs = tuple(connector.name for connector in read_connectors())
        launch = launch_of(
            self.name, self._kiosk, self._folder, cage_help=cage_help, outputs=outputs
        )
        for name, text in launch.files.items():
            (self._folder / name).write_text(text)
        self._cursor = hide_cursor(self._folder)
        self.is_turned = launch.is_turned
        display = asyncio.get_running_loop().create_future()
        self._display = display

        def hear(line: str) -> None:
            _LOG.debug("%s: %s", self.name, line)
            if (found := announced(line)) and not display.done():
                display.set_result(found)

        self._process = await ChildProcess.spawn(
            [*dies_with_us(), *launch.argv],
            name=self.name,
            env={**os.environ, **self._cursor, "XDG_RUNTIME_DIR": str(runtime)},
            on_line=hear,
        )
        if self.name == "weston":  # is told its name instead of announcing one
            display.set_result("portal-kiosk")
        try:
            async with asyncio.timeout(_START_S):
                await self._until_it_answers()
        except TimeoutError:
            raise KioskError(f"{self.name} does not answer after {_START_S:.0f} s") from None

    async def _until_it_answers(self) -> None:
        assert self._process is not None  # noqa: S101 - open() made both
        assert self._display is not None  # noqa: S101
        while True:
            if self._process.returncode is not None:
                code = await self._process.wait()
                said = self._process.last_lines[-1:] or ("it said nothing",)
                raise KioskError(f"{self.name} did not start ({code}): {said[0]}")
            if self._display.done() and await self.answers(within_s=2.0):
                return
            await asyncio.sleep(0.05)

    @property
    def socket(self) -> Path:
        assert self._display is not None  # noqa: S101 - only of an open compositor
        return memory_dir() / self._display.result()

    @property
    def pid(self) -> int:
        return 0 if self._process is None else self._process.pid

    def env(self, base: Mapping[str, str]) -> dict[str, str]:
        """The environment of a program on this screen."""
        env = {
            **base,
            **self._cursor,
            "XDG_RUNTIME_DIR": str(memory_dir()),
            "WAYLAND_DISPLAY": self.socket.name,
        }
        env.pop("DISPLAY", None)
        return env

    async def answers(self, *, within_s: float) -> bool:
        return await wayland.answers(self.socket, within_s=within_s)

    async def ended(self) -> str:
        """Wait for its end; how it came, in words."""
        assert self._process is not None  # noqa: S101 - only an open one is waited for
        return await self._process.ended()

    async def close(self) -> None:
        """Idempotent."""
        if self._process is not None:
            await self._process.stop(grace_s=1.0)
            self._process = None
        if self._display is not None:
            if self._display.done():  # what a killed one leaves, and no other would remove
                for left in (self.socket, self.socket.with_name(self.socket.name + ".lock")):
                    with contextlib.suppress(OSError):
                        left.unlink()
            self._display = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


async def _help_of(program: str) -> str:
    process = await ChildProcess.spawn([program, "-h"], name=program)
    await process.wait()
    await process.stop()
    return "\n".join(process.last_lines)

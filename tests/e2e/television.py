"""A television without hardware: a headless compositor whose one window is the kiosk's whole
screen. What it shows can be photographed, and it can be given another size."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from PIL import Image

from portal.process import ChildProcess
from tests.e2e.ordinary_user import OrdinaryUser

_NAME = "HEADLESS-1"
_MAGENTA = "#ff00ff"  # where nothing covers the screen


@dataclass(frozen=True, slots=True)
class Television:
    """`env` makes a program's window appear on it; nested compositors too."""

    user: OrdinaryUser
    env: dict[str, str]
    process: ChildProcess

    async def photograph(self) -> Image.Image:
        """What it shows now."""
        raw = await self._run("grim", "-t", "ppm", "-")
        return Image.open(io.BytesIO(raw)).convert("RGB")

    async def resize(self, width: int, height: int) -> None:
        """Another resolution, as after a switch of the input."""
        await self._run("swaymsg", "output", _NAME, "mode", f"{width}x{height}")

    async def close_window(self) -> None:
        await self._run("swaymsg", "kill")

    async def windows(self) -> str:
        return (await self._run("swaymsg", "-t", "get_tree")).decode()

    async def _run(self, *command: str) -> bytes:
        process = await asyncio.create_subprocess_exec(
            *self.user.words,
            *command,
            env=self.env,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), timeout=20)
        assert process.returncode == 0, (command, out[-300:], err[-300:])
        return out


@asynccontextmanager
async def television(user: OrdinaryUser, width: int, height: int) -> AsyncIterator[Television]:
    told: asyncio.Queue[str] = asyncio.Queue()
    settings = user.give(
        "sway.conf",
        f"output {_NAME} mode --custom {width}x{height}\n"
        f"output * bg {_MAGENTA} solid_color\n"
        "default_border none\nxwayland disable\nfocus_follows_mouse no\n"
        "exec sh -c 'echo TV $WAYLAND_DISPLAY $SWAYSOCK'\n",
    )
    headless = {
        "WLR_BACKENDS": "headless",
        "WLR_RENDERER": "pixman",
        "WLR_LIBINPUT_NO_DEVICES": "1",
    }
    process = await ChildProcess.spawn(
        [*user.words, "sway", "-c", str(settings)],
        name="sway",
        env={**user.env, **headless},
        on_line=told.put_nowait,
    )
    try:
        try:
            async with asyncio.timeout(40):
                # sway writes its log in pieces: the line may come within one of those.
                while not (found := re.search(r"TV (\S+) (\S+)$", await told.get())):
                    pass
        except TimeoutError:
            raise AssertionError(process.last_lines) from None
        env = {
            **user.env,
            "WAYLAND_DISPLAY": found[1],
            "SWAYSOCK": found[2],
            "WLR_BACKENDS": "wayland",
            "WLR_RENDERER": "pixman",
            "PORTAL_WESTON_OPTIONS": "--use-pixman --sprawl",
        }
        yield Television(user, env, process)
    finally:
        await process.stop()

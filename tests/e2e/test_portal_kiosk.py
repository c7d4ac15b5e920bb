"""`portal kiosk` on the real thing: a compositor, Chromium with its sandbox, an ordinary user."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from bench.source import Mode
from tests.e2e.ordinary_user import OrdinaryUser
from tests.e2e.screen_box import FPS, daemon, kiosk_config, other_site, screen
from tests.e2e.television import television

pytestmark = pytest.mark.timeout(150)


_LANDSCAPE = Mode(1280, 720, FPS)


@dataclass(frozen=True, slots=True)
class Setup:
    """A television of `size`, hung up `turned` degrees clockwise, shows a picture of `mode`."""

    compositor: str
    size: tuple[int, int]
    mode: Mode = _LANDSCAPE
    turned: int = 0

    def __str__(self) -> str:
        return f"{self.compositor}-{self.size[0]}x{self.size[1]}-{self.turned}"


@pytest.mark.parametrize(
    "setup",
    [
        Setup("cage", (1920, 1080)),
        Setup("cage", (1280, 720)),
        Setup("cage", (1920, 1080), Mode(720, 1280, FPS), turned=90),
        Setup("weston", (1920, 1080)),
    ],
    ids=str,
)
async def test_the_remote_picture_fills_the_screen_to_its_corners(
    setup: Setup, tmp_path: Path, loopback: str, other_loopback: str, user: OrdinaryUser
) -> None:
    more = f'compositor = "{setup.compositor}"\nrotate = {setup.turned}\n'
    config = kiosk_config(user, loopback, other_loopback, more)
    async with (
        television(user, *setup.size) as tv,
        other_site(tmp_path, other_loopback, loopback, setup.mode),
        daemon(config),
        screen(tv, config, setup.mode, turned=setup.turned) as kiosk,
    ):
        print(f"{setup}: picture after {await kiosk.until_live():.1f} s")
        async with asyncio.timeout(10):  # one that is just starting closes its sandbox last
            while not all(map(_is_sandboxed, kiosk.chromium("renderer"))):  # noqa: ASYNC110 - it tells no event
                await asyncio.sleep(0.1)
        # Stamps are white at the very corners, once the title is gone: not a pixel of another
        # thing is around the picture.
        async with asyncio.timeout(30):
            while not _has_white_corners(await kiosk.picture()):  # noqa: ASYNC110 - a screen tells no event
                await asyncio.sleep(0.2)


def _is_sandboxed(process: psutil.Process) -> bool:
    """Its system calls are filtered, and it sees no other process: Chromium's whole sandbox."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return False
    is_filtered = re.search(r"^Seccomp:\s+2$", status, re.MULTILINE) is not None
    pids = re.search(r"^NSpid:\s+(.*)$", status, re.MULTILINE)
    return is_filtered and pids is not None and len(pids[1].split()) > 1


def _has_white_corners(picture: Image.Image) -> bool:
    seen = np.asarray(picture.convert("L"))
    return all(seen[row, column] > 220 for row, column in ((0, -1), (-1, 0), (-1, -1)))


async def test_another_resolution_of_the_television_is_filled_again(
    tmp_path: Path, loopback: str, other_loopback: str, user: OrdinaryUser
) -> None:
    mode = Mode(1280, 720, FPS)
    config = kiosk_config(user, loopback, other_loopback)
    async with (
        television(user, 1280, 720) as tv,
        other_site(tmp_path, other_loopback, loopback, mode),
        daemon(config),
        screen(tv, config, mode) as kiosk,
    ):
        await kiosk.until_live()
        browser = kiosk.browser()
        await tv.resize(1920, 1080)
        async with asyncio.timeout(10):
            while (await tv.photograph()).size != (1920, 1080):
                pass
        assert await kiosk.until_live() < 10
        assert browser.is_running(), "nothing was restarted for it"

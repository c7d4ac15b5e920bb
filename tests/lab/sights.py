"""What is seen of the box in the machine from outside: by readers, on a screen, in its words."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from playwright.async_api import Browser, Page
from playwright.async_api import Error as PlaywrightError

from portal.errors import PictureError
from portal.probe import open_reader, probe
from tests.lab.picture import bars

_FRAME_TIMEOUT_S = 15.0  # two emulated cores, shared with whatever the host does


def camera_state(state: dict[str, Any]) -> str:
    return str(state["camera"]["state"])


def camera_id(state: dict[str, Any]) -> str:
    """Of the camera that is published, or would be."""
    return str(state["camera"]["camera"]["id"])


async def is_dark(whep: str) -> bool:
    """Whether a reader is refused, without a single frame."""
    result = await probe(whep)
    return not result.is_live and result.frames == 0


async def moving_bars(whep: str, *, different: int = 5) -> tuple[str, ...]:
    """The bars of a picture of which `different` frames differ. Raises `PictureError`."""
    seen: set[bytes] = set()
    found: tuple[str, ...] = ()
    deadline = time.monotonic() + _FRAME_TIMEOUT_S
    async with open_reader(whep, frame_timeout_s=_FRAME_TIMEOUT_S) as frames:
        async for frame in frames:
            found = bars(frame.rgb)
            seen.add(frame.luma.tobytes())
            if len(seen) >= different:
                return found
            if time.monotonic() > deadline:
                break
    raise PictureError(f"the picture does not move: {len(seen)} different frames")


async def until_seen(whep: str, wanted: tuple[str, ...], *, within_s: float = 60.0) -> None:
    """Read again and again until the picture has these bars, and moves."""
    deadline = time.monotonic() + within_s
    last: object = None
    while True:
        try:
            last = await moving_bars(whep)
        except PictureError as exc:
            last = exc
        if last == wanted:
            return
        assert time.monotonic() < deadline, f"not seen within {within_s:g} s: {wanted}; {last!r}"
        await asyncio.sleep(0.2)


async def open_kiosk(browser: Browser, url: str) -> Page:
    """Tried until the daemon serves it."""
    page = await browser.new_page(viewport={"width": 640, "height": 360})
    deadline = time.monotonic() + 60
    while True:
        try:
            await page.goto(url)
        except PlaywrightError as exc:
            if "ERR_CONNECTION_REFUSED" not in str(exc) or time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)
        else:
            return page


async def until_true(
    what: str, question: Callable[[], Awaitable[bool]], *, within_s: float = 30.0
) -> None:
    """Ask until it is so."""
    deadline = time.monotonic() + within_s
    while not await question():
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        await asyncio.sleep(0.2)

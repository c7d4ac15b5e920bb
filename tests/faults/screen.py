"""The screen of a site: real Chromium in its machine; each decoded frame is read and dated."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from playwright.async_api import Error as BrowserError
from playwright.async_api import Page, async_playwright

from bench.measure import age_ms
from portal.kiosk import chromium_flags
from tests.e2e.conftest import HEADLESS
from tests.faults.watching import POLL_S, Frame, Watching
from tests.network import Machine

_PROBE = Path(__file__).parents[2] / "bench" / "page_probe.js"
# The page tells each frame: half a second is seven of them.
_GAP_S = 0.5


class Screen(Watching):
    """Collects frames, over reloads of the page."""

    def __init__(self, page: Page) -> None:
        super().__init__(gap_s=_GAP_S)
        self.page = page
        self.loads = 0
        self._origin = 0.0

    async def collect(self) -> None:
        while True:
            with contextlib.suppress(BrowserError):  # between two pages
                await self._take()
            await asyncio.sleep(POLL_S)

    async def _take(self) -> None:
        found = await self.page.evaluate(
            """() => window.__bench
                && {origin: performance.timeOrigin, frames: __bench.frames.splice(0)}"""
        )
        if found is None:
            return
        if found["origin"] != self._origin:
            self._origin = found["origin"]
            self.loads += 1
        for presented, stamp, *_ in found["frames"]:
            wall_ms = self._origin + presented
            age = age_ms(wall_ms, stamp) / 1000 if stamp >= 0 else None
            self.frames.append(Frame(wall_ms / 1000, age))

    async def says(self) -> str:
        """The page's state and words."""
        with contextlib.suppress(BrowserError):
            return str(
                await self.page.evaluate(
                    "document.documentElement.dataset.state + ': ' + document.body.innerText"
                )
            )
        return "the page does not answer"


@contextlib.asynccontextmanager
async def screen(machine: Machine, folder: Path) -> AsyncIterator[Screen]:
    """The kiosk page of the machine's daemon; the page is loaded again until it answers."""
    executable = shutil.which("chromium")
    assert executable, "chromium is not installed: make packages"
    wrapper = folder / "chromium"
    wrapper.write_text(f'#!/bin/sh\nexec {shlex.join(machine.inside([executable]))} "$@"\n')
    wrapper.chmod(0o755)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=wrapper,
            args=[*HEADLESS, *chromium_flags()],
            ignore_default_args=["--mute-audio"],
        )
        try:
            page = await browser.new_page(viewport={"width": 640, "height": 360})
            await page.add_init_script(path=_PROBE)
            await _open(page)
            async with Screen(page).collecting() as shown:
                yield shown
        finally:
            await browser.close()


async def _open(page: Page) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                await page.goto("http://127.0.0.1:8080/kiosk/", wait_until="commit")
            except BrowserError:
                await asyncio.sleep(0.2)
            else:
                return

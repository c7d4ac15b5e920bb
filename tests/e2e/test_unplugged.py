"""A camera that is pulled out there is said so here, at once."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from playwright.async_api import Browser
from playwright.async_api import Error as BrowserError

from portal.process import ChildProcess
from tests.e2e.conftest import site_config
from tests.fakes.usb_camera import FakeUsbBus

pytestmark = pytest.mark.timeout(90)


async def test_pulling_a_usb_camera_changes_the_other_screen_within_a_second(
    browser: Browser, tmp_path: Path, loopback: str, other_loopback: str
) -> None:
    there = site_config("dublin", "Dublin", loopback, peer="new-york", peer_address=other_loopback)
    (tmp_path / "there.toml").write_text(there.replace('"pattern"', '"usb"'))
    (tmp_path / "here.toml").write_text(
        site_config("new-york", "New York", other_loopback, peer="dublin", peer_address=loopback)
    )

    def command(name: str) -> list[str]:
        return [sys.executable, "-m", "portal", "--config", str(tmp_path / f"{name}.toml"), "run"]

    def env(name: str) -> dict[str, str]:
        return {**os.environ, "PORTAL_STATE_DIR": str(tmp_path / f"{name}-state")}

    async with FakeUsbBus.around(command("there"), tmp_path, env=env("there")) as bus:
        here = await ChildProcess.spawn(command("here"), name="new-york", env=env("here"))
        try:
            page = await browser.new_page(viewport={"width": 1280, "height": 720})
            while True:
                try:
                    await page.goto(f"http://{other_loopback}:8080/kiosk/")
                    break
                except BrowserError:
                    assert here.returncode is None, here.last_lines
            await page.wait_for_selector(":root[data-state=unplugged]", timeout=20_000)
            took: list[float] = []
            while len(took) < 3 and min(took, default=2) >= 1:  # what disturbs one disturbs not all
                await bus.plug(port="1-2")
                await page.wait_for_selector(":root:not([data-state=unplugged])", timeout=20_000)

                await bus.unplug(port="1-2")
                began = time.monotonic()
                await page.wait_for_selector(":root[data-state=unplugged]", timeout=20_000)
                took.append(time.monotonic() - began)
            assert min(took) < 1, took
            assert "Dublin" in await page.inner_text("body")
        finally:
            await here.stop(grace_s=5)

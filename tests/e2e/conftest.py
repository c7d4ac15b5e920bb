"""A real browser, and the real demo of two sites, shared by the tests of a module."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from portal.kiosk import chromium_flags
from tests.e2e.ordinary_user import OrdinaryUser, ordinary_user

# A machine that runs other tests beside is slow to paint; what holds at once is seen at once.
expect.set_options(timeout=15_000)

# facts of headless Chromium in a test: root needs --no-sandbox, which the appliance must not use.
HEADLESS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
def user() -> Iterator[OrdinaryUser]:
    """Who runs `portal kiosk`."""
    with ordinary_user() as found:
        yield found


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium with the flags of the kiosk."""
    executable = shutil.which("chromium")
    assert executable, "chromium is not installed: make packages"
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=executable,
            args=[*HEADLESS, *chromium_flags()],
            ignore_default_args=["--mute-audio"],
        )
        yield chromium
        await chromium.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSite:
    """What `portal demo --json` says of a site."""

    name: str
    title: str
    kiosk: str
    admin: str
    whep: str
    player: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningDemo:
    """The demo's process and its two sites."""

    process: psutil.Process
    sites: tuple[RunningSite, RunningSite]

    def daemon(self, site: RunningSite) -> psutil.Process:
        return next(
            child
            for child in self.process.children()
            if f"{site.name}.toml" in " ".join(child.cmdline())
        )

    def mediamtx(self, site: RunningSite) -> psutil.Process:
        address = site.whep.split("/")[2].split(":")[0]
        return next(
            child
            for child in self.process.children(recursive=True)
            if child.name() == "mediamtx"
            and any(connection.laddr.ip == address for connection in child.net_connections("tcp"))
        )

    def ffmpeg(self, site: RunningSite) -> psutil.Process:
        return next(
            child
            for child in self.mediamtx(site).children(recursive=True)
            if child.name().startswith("ffmpeg")
        )


def site_config(name: str, title: str, address: str, *, peer: str, peer_address: str) -> str:
    """A demo site at half size: four pictures are encoded and decoded on the test's two cores."""
    return f"""
        [site]
        name = "{name}"
        title = "{title}"
        address = "{address}"
        [video]
        width = 640
        height = 360
        bitrate_kbps = 1200
        [[cameras]]
        name = "pattern"
        source = "pattern"
        [[peers]]
        name = "{peer}"
        address = "{peer_address}"
        [discovery]
        enabled = false
    """


@pytest.fixture
def demo_configs(tmp_path: Path, loopback: str, other_loopback: str) -> tuple[Path, Path]:
    """Two sites on addresses of their own."""
    paths = (tmp_path / "dublin.toml", tmp_path / "new-york.toml")
    paths[0].write_text(
        site_config("dublin", "Dublin", loopback, peer="new-york", peer_address=other_loopback)
    )
    paths[1].write_text(
        site_config("new-york", "New York", other_loopback, peer="dublin", peer_address=loopback)
    )
    return paths


@pytest_asyncio.fixture
async def demo(demo_configs: tuple[Path, Path]) -> AsyncIterator[RunningDemo]:
    """`portal demo --json`, both pictures live."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "portal",
        "demo",
        "--json",
        "--config-a",
        str(demo_configs[0]),
        "--config-b",
        str(demo_configs[1]),
        stdout=asyncio.subprocess.PIPE,
        stderr=None,
        env=dict(os.environ),
    )
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), timeout=60)
        assert line, "the demo ended before both pictures were live"
        first, second = (RunningSite(**site) for site in json.loads(line)["sites"])
        yield RunningDemo(process=psutil.Process(process.pid), sites=(first, second))
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), timeout=30) == 0


async def thumbnail(page: Page) -> list[int]:
    """The kiosk's picture decoded, as 16x9 RGB values in a row; [] when there is none."""
    pixels: list[int] = await page.evaluate(
        """() => {
            const video = document.querySelector('#picture');
            if (!video || video.readyState < 2) return [];
            const canvas = document.createElement('canvas');
            canvas.width = 16; canvas.height = 9;
            const context = canvas.getContext('2d', {willReadFrequently: true});
            context.drawImage(video, 0, 0, 16, 9);
            const data = context.getImageData(0, 0, 16, 9).data;
            return Array.from({length: 144 * 3}, (_, i) => data[Math.floor(i / 3) * 4 + i % 3]);
        }"""
    )
    return pixels

"""The product's main job: two sites see each other, and come back from whatever dies."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import aiohttp
import numpy as np
import psutil
import pytest
from playwright.async_api import Browser, Page

from portal.probe import open_reader
from tests.e2e.conftest import RunningDemo, RunningSite, thumbnail
from tests.tries import best_of_three

pytestmark = pytest.mark.timeout(240)


async def published(site: RunningSite) -> np.ndarray:
    """What the site publishes, decoded by a reader of its own: 16x9 RGB."""
    async with open_reader(site.whep) as frames:
        async for frame in frames:
            picture = frame.rgb.astype(float)
            rows, columns = picture.shape[0] // 9 * 9, picture.shape[1] // 16 * 16
            blocks = picture[:rows, :columns].reshape(9, rows // 9, 16, columns // 16, 3)
            return np.asarray(blocks.mean(axis=(1, 3)))
    raise AssertionError("no frame was decoded")


async def moving(page: Page, *, within_s: float) -> float:
    """Seconds until the page's decoded picture is seen to change."""
    began = time.monotonic()
    before: list[int] = []
    while time.monotonic() - began < within_s:
        now = await thumbnail(page)
        if before and now and now != before:
            return time.monotonic() - began
        before = now
        await asyncio.sleep(0.15)
    state = await page.evaluate("document.documentElement.dataset.state")
    raise AssertionError(f"the picture does not move; the page says {state!r}")


async def open_kiosk(browser: Browser, site: RunningSite) -> Page:
    page = await browser.new_page(viewport={"width": 640, "height": 360})
    await page.goto(site.kiosk)
    await page.wait_for_selector(":root[data-state=live]", timeout=30_000)
    return page


async def test_each_screen_shows_the_other_site_and_moves(
    demo: RunningDemo, browser: Browser
) -> None:
    pictures = [await published(site) for site in demo.sites]
    apart = float(np.abs(pictures[0] - pictures[1]).mean())
    for number, site in enumerate(demo.sites):
        page = await open_kiosk(browser, site)
        await moving(page, within_s=20)
        seen = np.array(await thumbnail(page), dtype=float).reshape(9, 16, 3)
        to_own = float(np.abs(seen - pictures[number]).mean())
        to_other = float(np.abs(seen - pictures[1 - number]).mean())
        assert to_other < to_own / 2, f"{site.name}: {to_other=} {to_own=} {apart=}"
        await page.close()


async def until_replaced(killed: psutil.Process, find: Callable[[], psutil.Process]) -> None:
    """Wait until another process does what the killed one did."""
    async with asyncio.timeout(40):
        while True:
            with contextlib.suppress(StopIteration, psutil.Error):
                if find().pid != killed.pid:
                    return
            await asyncio.sleep(0.02)


async def test_the_picture_comes_back_after_each_process_is_killed(
    demo: RunningDemo, browser: Browser
) -> None:
    here, there = demo.sites
    page = await open_kiosk(browser, here)
    took = {}
    for name, find in (
        ("ffmpeg", demo.ffmpeg),
        ("MediaMTX", demo.mediamtx),
        ("daemon", demo.daemon),
    ):
        await moving(page, within_s=20)
        began = time.monotonic()
        killed = find(there)
        killed.send_signal(signal.SIGKILL)
        await until_replaced(killed, partial(find, there))
        await moving(page, within_s=40)
        took[name] = time.monotonic() - began
    print("seconds until the picture moves again:", {k: round(v, 1) for k, v in took.items()})


async def test_a_site_that_pauses_is_not_seen_until_it_resumes(
    demo: RunningDemo, browser: Browser
) -> None:
    here, there = demo.sites
    page = await open_kiosk(browser, here)
    async with aiohttp.ClientSession() as session:
        for paused, state in ((True, "paused"), (False, "live")):
            async with session.post(
                f"{there.admin}api/v1/camera", json={"paused": paused}
            ) as response:
                assert response.status == 200
            await page.wait_for_selector(f":root[data-state={state}]", timeout=20_000)
    await moving(page, within_s=20)


async def test_a_daemon_that_dies_never_stops_the_picture(
    demo: RunningDemo, browser: Browser
) -> None:
    here, there = demo.sites
    page = await open_kiosk(browser, here)
    await moving(page, within_s=20)
    server = demo.mediamtx(there)
    await page.evaluate(
        """() => {
            const video = document.querySelector('#picture');
            let last = performance.now();
            const look = (now) => {
                window.longest = Math.max(window.longest, now - last);
                return window.longest;
            };
            window.fromNow = () => { window.longest = 0; last = performance.now(); };
            window.untilNow = () => look(performance.now());
            const tick = () => {
                look(performance.now());
                last = performance.now();
                video.requestVideoFrameCallback(tick);
            };
            window.fromNow();
            video.requestVideoFrameCallback(tick);
        }"""
    )

    async def longest_ms() -> float:
        await page.evaluate("fromNow()")
        for site in demo.sites:
            killed = demo.daemon(site)
            killed.send_signal(signal.SIGKILL)
            await until_daemon_serves(site, after=killed)
        longest: float = await page.evaluate("untilNow()")
        print(f"the picture stood for {longest:.0f} ms at most")
        return longest

    await best_of_three(longest_ms, below=1000)
    assert server.is_running()
    assert demo.mediamtx(there).pid == server.pid
    await page.wait_for_selector(":root[data-state=live]", timeout=20_000)


async def until_daemon_serves(site: RunningSite, *, after: psutil.Process) -> None:
    deadline = time.monotonic() + 40
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < deadline:
            try:
                async with session.get(f"{site.admin}api/v1/state") as response:
                    state = await response.json()
                    if not after.is_running() and state["camera"]["state"] == "live":
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)
    raise AssertionError(f"{site.name}'s daemon did not come back")


def processes_at(*addresses: str) -> list[str]:
    """Everything that runs for the sites at these addresses, whoever its parent is by now."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            command = " ".join(process.cmdline())
            listens = {connection.laddr.ip for connection in process.net_connections("inet")}
            if listens & {*addresses} or any(f"{address}:" in command for address in addresses):
                found.append(f"{process.pid} {command}")
    return found


@pytest.mark.parametrize("how", ["by itself", "by Ctrl-C"])
async def test_the_demo_ends_and_leaves_nothing(
    how: str, demo_configs: tuple[Path, Path], loopback: str, other_loopback: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "portal",
        "demo",
        "--json",
        *(["--seconds", "1"] if how == "by itself" else []),
        "--config-a",
        str(demo_configs[0]),
        "--config-b",
        str(demo_configs[1]),
        stdout=asyncio.subprocess.PIPE,
        env=dict(os.environ),
    )
    assert process.stdout is not None
    out = await asyncio.wait_for(process.stdout.readline(), timeout=90)
    assert [site["title"] for site in json.loads(out)["sites"]] == ["Dublin", "New York"]
    if how == "by Ctrl-C":
        while_it_runs = " ".join(processes_at(loopback, other_loopback))
        assert "mediamtx" in while_it_runs
        assert "ffmpeg" in while_it_runs
        process.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(process.wait(), timeout=30) == 0
    # Orphans are nobody's children: the guard of every test would not see them.
    assert processes_at(loopback, other_loopback) == []

"""The microphone from end to end: two real daemons, the sender's choice, both screens."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Browser, Page

from tests.e2e.conftest import RunningDemo, RunningSite
from tests.e2e.ears import level, until_label, until_level

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def demo_configs(demo_configs: tuple[Path, Path]) -> tuple[Path, Path]:
    """Dublin plays what it hears; New York has a microphone, and plays nothing."""
    here, there = demo_configs
    here.write_text(here.read_text() + "\n[kiosk]\nsound = true\n")
    there.write_text(
        there.read_text()
        + "\n[microphone]\nenabled = true\ninput = ['-f', 'lavfi', '-i', 'sine=1000']\n"
    )
    return demo_configs


async def open_kiosk(browser: Browser, site: RunningSite) -> Page:
    page = await browser.new_page(viewport={"width": 640, "height": 360})
    await page.goto(site.kiosk)
    await page.wait_for_selector(":root[data-state=live]", timeout=20_000)
    return page


async def mute(site: RunningSite, muted: bool) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{site.admin}api/v1/microphone", json={"muted": muted}) as response,
    ):
        assert response.status == 200


async def test_a_muted_site_reads_it_on_both_screens_and_is_heard_again(
    demo: RunningDemo, browser: Browser
) -> None:
    _, there = demo.sites
    ours, theirs = [await open_kiosk(browser, site) for site in demo.sites]
    await until_level(ours, True)
    assert await level(theirs) == 0

    began = time.monotonic()
    await mute(there, True)
    await until_level(ours, False)
    print(f"muted to silent on the other screen {time.monotonic() - began:.2f} s")
    await until_label(ours, "there", "New York is muted")
    await until_label(theirs, "here", "You are muted")
    print(f"muted to read on both screens {time.monotonic() - began:.2f} s")
    await ours.wait_for_selector(":root[data-state=live]", timeout=10_000)

    began = time.monotonic()
    await mute(there, False)
    await until_level(ours, True)
    print(f"unmuted to heard {time.monotonic() - began:.2f} s")
    await until_label(ours, "there", "")
    await until_label(theirs, "here", "")

    await mute(there, True)
    demo.daemon(there).kill()
    await is_still_muted(there)
    assert await level(ours) == 0
    await until_label(ours, "there", "New York is muted")
    await ours.close()
    await theirs.close()


async def is_still_muted(site: RunningSite) -> None:
    """The next daemon knows it, and never listens before."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(30):
        while True:
            await asyncio.sleep(0.1)
            try:
                async with session.get(f"{site.admin}api/v1/state") as response:
                    state = await response.json()
            except aiohttp.ClientError:
                continue
            assert state["microphone"] != "on"
            if (state["microphone"], state["camera"]["state"]) == ("muted", "live"):
                return

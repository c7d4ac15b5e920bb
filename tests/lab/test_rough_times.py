"""What only a whole machine suffers: a rough network, a clock that jumps, memory that runs out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import inf

import pytest
from playwright.async_api import Browser, Page

from tests.lab.conftest import ScreenSite
from tests.lab.guest_site import GuestSite
from tests.lab.picture import shows_the_camera
from tests.lab.sights import camera_state, open_kiosk
from tests.tries import best_of_three

pytestmark = pytest.mark.timeout(900)

# netem's words, and the share of frames that has to come through nevertheless: lost packets are
# sent again, and a keyframe comes five times a second. A session that ended up on TCP does not get
# through a fifth lost: there only what comes after counts.
NETWORKS = {
    "loss 5%": 0.7,
    "loss 10%": 0.5,
    "loss 20%": 0.0,
    "delay 100ms 100ms distribution normal": 0.3,
    "rate 1mbit": 0.8,
}
_WATCH_S = 8.0


async def frames_in(page: Page, seconds: float) -> int:
    """Decoded meanwhile, over sessions, as the page counts them."""
    count = "window.portal.report()?.frames ?? 0"
    before = int(await page.evaluate(count))
    await asyncio.sleep(seconds)
    return int(await page.evaluate(count)) - before


@asynccontextmanager
async def network(site: GuestSite, netem: str) -> AsyncIterator[None]:
    """On everything that leaves the machine, but for its control."""
    nic = await site.run("ip -o link | sed -n 's/^[0-9]*: \\([^:]*\\):.*52:54:00:00:00:01.*/\\1/p'")
    await site.run(f"modprobe sch_netem; tc qdisc add dev {nic} root netem {netem}")
    try:
        yield
    finally:
        await site.run(f"tc qdisc del dev {nic} root")


async def test_a_rough_network_leaves_a_picture_and_its_end_a_good_one(
    site: GuestSite, screen_site: ScreenSite, browser: Browser
) -> None:
    await site.plug()
    page = await open_kiosk(browser, screen_site.kiosk)
    await shows_the_camera(page)
    for netem, least in NETWORKS.items():

        async def missing(netem: str = netem, least: float = least) -> float:
            """Of the share that has to come; a host that is busy with something else takes too."""
            clean = await frames_in(page, _WATCH_S)
            async with network(site, netem):
                await asyncio.sleep(3)
                seen = await frames_in(page, _WATCH_S)
            print(f"{netem}: {seen} of {clean} frames in {_WATCH_S:g} s")
            began = time.monotonic()
            await shows_the_camera(page)
            print(f"  clean again: live after {time.monotonic() - began:.1f} s")
            return least - seen / clean if clean else inf

        await best_of_three(missing, below=0.001)


@pytest.mark.parametrize("jump", ["+1 hour", "-1 hour"])
async def test_a_clock_that_jumps_by_an_hour_disturbs_nothing(
    site: GuestSite, screen_site: ScreenSite, browser: Browser, jump: str
) -> None:
    await site.plug()
    page = await open_kiosk(browser, screen_site.kiosk)
    await shows_the_camera(page)
    before = await site.state()
    try:
        await site.run(f"date -s '{jump}'")
        await shows_the_camera(page)
        await asyncio.sleep(12)  # several beats of link, media server and publisher
        await shows_the_camera(page)
        after = await site.state()
        assert after["site"]["started_at"] == before["site"]["started_at"]
        assert after["media_server"]["pid"] == before["media_server"]["pid"]
        linked = before["link"]["state"]
        await site.until("linked", lambda now: now["link"]["state"] == linked, within_s=30)
    finally:
        back = "-1 hour" if jump.startswith("+") else "+1 hour"
        await site.run(f"date -s '{back}'")


async def test_a_machine_without_memory_gets_its_picture_back(
    site: GuestSite, screen_site: ScreenSite, browser: Browser
) -> None:
    await site.plug()
    page = await open_kiosk(browser, screen_site.kiosk)
    await shows_the_camera(page)
    # A program that takes all there is; the kernel ends it, or whatever it finds first.
    await site.run(
        "timeout 60 systemd-run --quiet --pipe --property=OOMScoreAdjust=500 python3 -c"
        " 'held = []\nwhile True: held.append(bytearray(b\"x\") * 16_000_000)' || true",
        timeout_s=120,
    )
    began = time.monotonic()
    await shows_the_camera(page)
    print(f"live {time.monotonic() - began:.1f} s after memory was there again")
    await site.until("camera live", lambda now: camera_state(now) == "live", within_s=60)

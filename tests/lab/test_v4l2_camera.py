"""The whole chain with nothing faked: a V4L2 device of Debian's own kernel, its udev events, the
package under systemd, and the picture decoded outside the machine."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from playwright.async_api import Browser

from portal.probe import open_reader
from tests.lab.conftest import ScreenSite
from tests.lab.guest_site import GuestSite
from tests.lab.holdings import ffmpeg_has_ended
from tests.lab.picture import BARS, bars, shows_the_camera
from tests.lab.sights import camera_state, is_dark, open_kiosk, until_true
from tests.tries import best_of_three

# The machine boots, and imports take seconds under emulation on a loaded host.
pytestmark = pytest.mark.timeout(400)


async def test_a_camera_is_seen_outside_once_the_kernel_announces_it(site: GuestSite) -> None:
    await site.until("no camera", lambda now: camera_state(now) == "absent", within_s=30)
    assert await is_dark(site.whep)

    await site.plug()
    state = await site.until("camera live", lambda now: camera_state(now) == "live", within_s=120)

    assert state["camera"]["camera"]["device"] == "/dev/video0"
    digests = set()
    async with open_reader(site.whep, frame_timeout_s=15) as frames:
        async for frame in frames:
            assert (frame.width, frame.height) == (320, 180)
            assert bars(frame.rgb) == BARS
            digests.add(frame.luma.tobytes())
            if len(digests) >= 10:
                break
    assert len(digests) >= 10, "the picture does not move"


async def test_the_other_screen_shows_it_says_when_it_is_unplugged_and_shows_it_again(
    site: GuestSite, screen_site: ScreenSite, browser: Browser
) -> None:
    page = await open_kiosk(browser, screen_site.kiosk)
    await page.wait_for_selector(":root[data-state=unplugged]", timeout=60_000)

    await site.plug()
    await shows_the_camera(page)

    await site.pull()
    await page.wait_for_selector(":root[data-state=unplugged]", timeout=30_000)
    await site.until("camera absent", lambda now: camera_state(now) == "absent", within_s=30)
    assert await is_dark(site.whep)
    await until_true("ffmpeg ended", lambda: ffmpeg_has_ended(site))

    await site.plug()
    await shows_the_camera(page)


async def test_the_picture_reaches_a_screen_over_tcp_where_udp_is_blocked(
    site: GuestSite, screen_site: ScreenSite, browser: Browser
) -> None:
    await site.run(
        "nft add table inet lab"
        " && nft add chain inet lab in '{ type filter hook input priority 0; }'"
        " && nft add rule inet lab in udp dport 8189 drop"
    )
    try:
        await site.plug()
        await shows_the_camera(await open_kiosk(browser, screen_site.kiosk))
    finally:
        await site.run("nft delete table inet lab")


async def test_the_picture_does_not_stop_while_systemd_restarts_a_crashed_daemon(
    site: GuestSite,
) -> None:
    await site.plug()
    # The encoder shares two emulated cores with a starting daemon.
    await best_of_three(partial(longest_gap_over_a_crash, site), below=5.0)


async def longest_gap_over_a_crash(site: GuestSite) -> float:
    before = await site.until("camera live", lambda now: camera_state(now) == "live", within_s=120)
    watching = asyncio.Event()
    enough = asyncio.Event()

    async def longest() -> float:
        last, gap = 0.0, 0.0
        async with open_reader(site.whep, frame_timeout_s=15) as frames:
            async for frame in frames:
                gap = max(gap, frame.received_at - last if last else 0.0)
                last = frame.received_at
                watching.set()
                if enough.is_set():
                    return gap
        raise AssertionError("the picture ended")

    reader = asyncio.create_task(longest())
    try:
        await asyncio.wait_for(watching.wait(), timeout=60)
        await site.run("systemctl kill --kill-whom=main --signal=KILL portal.service")
        after = await site.until(
            "the next daemon shows the camera live",
            lambda now: (
                now["site"]["started_at"] != before["site"]["started_at"]
                and camera_state(now) == "live"
            ),
            within_s=90,
        )
        enough.set()
        gap = await asyncio.wait_for(reader, timeout=60)
    finally:
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
    assert after["media_server"]["pid"] == before["media_server"]["pid"]
    return gap

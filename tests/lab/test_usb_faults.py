"""Webcams that misbehave: wedged, silent, forbidden. It is told in words, and ends by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.lab.guest_site import ANY_USB_CAMERA, GuestSite
from tests.lab.holdings import holdings
from tests.lab.sights import camera_state, until_seen, until_true
from tests.lab.uvc.camera import UsbCamera, plugged

pytestmark = pytest.mark.timeout(500)

# 10 s of patience with a camera that sends nothing, twice, on two emulated cores.
LIVE_S, TOLD_S = 90, 120

# What a person adds so that the portal may restart a camera that hangs.
_MAY_RESTART = (
    'ACTION=="add", SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device",'
    ' RUN+="/bin/chgrp video /sys%p/authorized", RUN+="/bin/chmod g+w /sys%p/authorized"'
)
_FORBIDDEN = 'SUBSYSTEM=="video4linux", GROUP="root", MODE="0600"'


@pytest.fixture
def settings() -> str:
    return ANY_USB_CAMERA


def is_fault(cause: str) -> Any:
    return lambda now: camera_state(now) == "fault" and now["camera"]["cause"] == cause


def is_live(now: dict[str, Any]) -> bool:
    return camera_state(now) == "live"


async def test_a_wedged_camera_is_restarted_once_and_its_picture_comes_back(
    site: GuestSite,
) -> None:
    async with udev_rule(site, _MAY_RESTART), plugged(UsbCamera(), site.address) as camera:
        await site.until("live", is_live, within_s=LIVE_S)
        configured = camera.device.configured
        camera.is_wedged = True
        await site.until("no picture", lambda now: not is_live(now), within_s=30)
        await site.until("live again", is_live, within_s=TOLD_S)
        await until_seen(site.whep, camera.bars)
        assert camera.device.configured == configured + 1
        assert not camera.is_wedged


async def test_a_camera_that_stays_wedged_is_explained_and_not_restarted_again_and_again(
    site: GuestSite,
) -> None:
    camera = UsbCamera()
    camera.is_wedged = camera.stays_wedged = True
    async with udev_rule(site, _MAY_RESTART), plugged(camera, site.address):
        await site.until("restarted", lambda _: camera.device.configured > 1, within_s=TOLD_S)
        await site.until("there again", is_fault("silent"), within_s=TOLD_S)
        state = await site.until("told", is_fault("wedged"), within_s=TOLD_S)
        assert "plug it in again" in state["camera"]["detail"]
        # ffmpeg hangs in a camera that answers so: it has to be ended, each time.
        assert (await holdings(site)).processes.count("ffmpeg") <= 1
        assert camera.device.configured == 2

        # As the words say: pulled and plugged in again, it works.
        await camera.pull()
        camera.is_wedged = camera.stays_wedged = False
        await camera.plug(site.address, 0)
        await until_seen(site.whep, camera.bars, within_s=LIVE_S)


async def test_a_silent_camera_is_told_and_shown_again_when_it_speaks(site: GuestSite) -> None:
    camera = UsbCamera()
    camera.is_silent = True
    async with plugged(camera, site.address):
        state = await site.until("told", lambda now: camera_state(now) == "fault", within_s=TOLD_S)
        assert "sends no pictures" in state["camera"]["detail"]
        camera.is_silent = False
        await until_seen(site.whep, camera.bars, within_s=TOLD_S)


async def test_a_camera_that_falls_silent_while_it_is_watched_is_back_when_it_speaks(
    site: GuestSite,
) -> None:
    async with plugged(UsbCamera(), site.address) as camera:
        await site.until("live", is_live, within_s=LIVE_S)
        camera.is_silent = True
        # "Live" with a picture that stands still is what must never be.
        await site.until("not live", lambda now: not is_live(now), within_s=30)
        camera.is_silent = False
        await until_seen(site.whep, camera.bars, within_s=TOLD_S)


async def test_a_camera_that_freezes_is_opened_anew(site: GuestSite) -> None:
    async with plugged(UsbCamera(), site.address) as camera:
        await until_seen(site.whep, camera.bars, within_s=LIVE_S)
        camera.is_frozen = True

        async def moves() -> bool:
            return not camera.is_frozen

        await until_true("opened anew", moves, within_s=LIVE_S)
        await until_seen(site.whep, camera.bars, within_s=LIVE_S)


async def test_a_forbidden_camera_is_told_and_shown_once_the_rights_are_right(
    site: GuestSite,
) -> None:
    async with udev_rule(site, _FORBIDDEN), plugged(UsbCamera(), site.address) as camera:
        await site.run("for i in $(seq 100); do test -c /dev/video0 && break; sleep 0.1; done")
        state = await site.until(
            "told",
            lambda now: "video" in str([now["camera"]["detail"], now["faults"]]),
            within_s=TOLD_S,
        )
        assert not is_live(state)
        await site.run("chgrp video /dev/video0 && chmod 660 /dev/video0")
        await until_seen(site.whep, camera.bars, within_s=LIVE_S)


@asynccontextmanager
async def udev_rule(site: GuestSite, rule: str) -> AsyncIterator[None]:
    """In force for what is plugged in from now on."""
    file = "/etc/udev/rules.d/99-lab.rules"
    site.machine.write(file, rule + "\n")
    await site.run("udevadm control --reload")
    try:
        yield
    finally:
        await site.run(f"rm -f {file}; udevadm control --reload")

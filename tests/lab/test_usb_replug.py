"""Webcams that come and go: the same camera is known again, twins are told apart, nothing leaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.lab.guest_site import ANY_USB_CAMERA, GuestSite
from tests.lab.holdings import ffmpeg_has_ended, holdings
from tests.lab.sights import camera_id, camera_state, until_seen, until_true
from tests.lab.uvc.camera import UsbCamera, plugged
from tests.lab.uvc.descriptors import CameraModel

pytestmark = pytest.mark.timeout(400)

REPLUGS = 20
# 1.5 s and 0.2 s on a quiet host.
LIVE_S, GONE_S = 90, 30


@pytest.fixture
def settings() -> str:
    return ANY_USB_CAMERA


@pytest.mark.timeout(900)
async def test_twenty_replugs_in_a_row_leave_nothing_behind(site: GuestSite) -> None:
    camera = UsbCamera()
    try:
        resident = []
        for number in range(REPLUGS):
            await camera.plug(site.address, number % 3)
            await site.until("live", lambda now: camera_state(now) == "live", within_s=LIVE_S)
            if number == 0:
                await until_seen(site.whep, camera.bars)
            await camera.pull()
            await site.until("absent", lambda now: camera_state(now) == "absent", within_s=GONE_S)
            if number == 2:
                await until_true("ffmpeg ended", lambda: ffmpeg_has_ended(site))
                first = await holdings(site)
            resident.append((await holdings(site)).resident_kb)

        async def holds_no_more() -> bool:
            # A request of the test may be open at either moment.
            last = await holdings(site)
            print(f"held after 3 and after {REPLUGS} replugs: {first}, {last}; resident {resident}")
            return (
                last.processes == first.processes
                and last.paths == first.paths
                and last.descriptors <= first.descriptors + 3
                and last.resident_kb < first.resident_kb * 1.1
            )

        await until_true("as after three", holds_no_more)
    finally:
        await camera.pull()


async def test_a_camera_is_known_again_in_another_port_under_another_node(site: GuestSite) -> None:
    async with plugged(UsbCamera(view=4), site.address, 1) as camera:
        first = await site.until("live", lambda now: camera_state(now) == "live", within_s=LIVE_S)
        async with held_open(site, first["camera"]["camera"]["device"]):
            await camera.pull()
            await site.until("absent", lambda now: camera_state(now) == "absent", within_s=GONE_S)
            await camera.plug(site.address, 7)
            again = await site.until(
                "live", lambda now: camera_state(now) == "live", within_s=LIVE_S
            )
            await until_seen(site.whep, camera.bars)
    assert again["camera"]["camera"]["device"] != first["camera"]["camera"]["device"]
    assert camera_id(again) == camera_id(first)


@pytest.mark.parametrize(
    ("serials", "follows"),
    [
        pytest.param(("LAB10001", "LAB10002"), "camera", id="serials"),
        pytest.param(("0001", "0001"), "port", id="one serial for all"),
        pytest.param((None, None), "port", id="no serial"),
    ],
)
async def test_twins_stay_apart_when_they_are_swapped(
    site: GuestSite, serials: tuple[str | None, str | None], follows: str
) -> None:
    one = UsbCamera(CameraModel(serial=serials[0]), view=0)
    other = UsbCamera(CameraModel(serial=serials[1]), view=3)
    try:
        await one.plug(site.address, 0)
        before = await site.until("live", lambda now: camera_state(now) == "live", within_s=LIVE_S)
        await other.plug(site.address, 1)
        before = await site.until("both", lambda now: len(now["cameras"]) == 2, within_s=GONE_S)
        ids = {camera["id"] for camera in before["cameras"]}
        assert len(ids) == 2
        assert len({camera["name"] for camera in before["cameras"]}) == 2
        await until_seen(site.whep, one.bars)

        for camera in (one, other):
            await camera.pull()
        await site.until("none", lambda now: not now["cameras"], within_s=GONE_S)
        for camera, port in ((other, 0), (one, 1)):
            await camera.plug(site.address, port)
        after = await site.until(
            "both, one live",
            lambda now: len(now["cameras"]) == 2 and camera_state(now) == "live",
            within_s=LIVE_S,
        )
        assert {camera["id"] for camera in after["cameras"]} == ids
        assert camera_id(after) == camera_id(before)
        await until_seen(site.whep, one.bars if follows == "camera" else other.bars)
    finally:
        await one.pull()
        await other.pull()


async def test_one_camera_keeps_its_picture_while_the_other_is_pulled(site: GuestSite) -> None:
    one = UsbCamera(CameraModel(serial="LAB10001"), view=0)
    other = UsbCamera(CameraModel(serial="LAB10002"), view=3)
    async with plugged(one, site.address, 0):
        before = await site.until("live", lambda now: camera_state(now) == "live", within_s=LIVE_S)
        async with plugged(other, site.address, 1):
            await site.until("both", lambda now: len(now["cameras"]) == 2, within_s=GONE_S)
            assert camera_id(await site.state()) == camera_id(before)
            since = (await site.state())["camera"]["since"]
        after = await site.until("one", lambda now: len(now["cameras"]) == 1, within_s=GONE_S)
        assert camera_state(after) == "live"
        assert after["camera"]["since"] == since, "the picture was interrupted"
        await until_seen(site.whep, one.bars)


@asynccontextmanager
async def held_open(site: GuestSite, node: str) -> AsyncIterator[None]:
    """Somebody keeps the node open: the kernel does not give its number away."""
    pid = await site.run(f"sleep 300 <{node} >/dev/null 2>&1 & echo $!")
    try:
        yield
    finally:
        await asyncio.shield(site.run(f"kill {pid}"))

"""A USB webcam that encodes H.264 itself: looked at by the kernel's own driver, then copied."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.lab.guest_site import ANY_USB_CAMERA, GuestSite
from tests.lab.sights import camera_state, until_seen
from tests.lab.uvc.camera import UsbCamera, plugged
from tests.lab.uvc.descriptors import CameraModel, PixelFormat

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def settings() -> str:
    return ANY_USB_CAMERA


async def test_its_own_h264_is_sent_as_it_is_and_looked_at_once(site: GuestSite) -> None:
    await site.until("no camera", lambda now: camera_state(now) == "absent", within_s=30)
    camera = UsbCamera(
        CameraModel(formats=(PixelFormat.MJPG, PixelFormat.H264), serial="LABH264"), view=1
    )
    began = time.monotonic()
    async with plugged(camera, site.address):
        state = await site.until("copied", is_copied, within_s=120)
        print(f"first plug, with the look: {time.monotonic() - began:.1f} s")
        assert state["camera"]["delivers"].startswith("H264 320x180")
        assert state["camera"]["note"] == ""
        await until_seen(site.whep, camera.bars)
        assert "-c:v copy" in await site.run(
            "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep --only-matching -e '-c:v copy'"
        )
        await camera.pull()
        await site.until("absent", lambda now: camera_state(now) == "absent", within_s=30)
        began = time.monotonic()
        await camera.plug(site.address, 5)
        await site.until("copied", is_copied, within_s=60)
        print(f"again: {time.monotonic() - began:.1f} s")
        await until_seen(site.whep, camera.bars)


def is_copied(state: dict[str, Any]) -> bool:
    if camera_state(state) == "live":
        assert state["camera"]["encoder"] == "copy", state["camera"]["note"]
    return camera_state(state) == "live"

"""The controls of a USB webcam, by the kernel's uvcvideo: what was set comes back in any port."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.controls_api import controls_api
from tests.lab.guest_site import ANY_USB_CAMERA, GuestSite
from tests.lab.sights import until_seen, until_true
from tests.lab.uvc.camera import UsbCamera, plugged

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def settings() -> str:
    return ANY_USB_CAMERA


async def test_a_webcam_has_its_settings_again_in_another_port_and_its_picture(
    site: GuestSite,
) -> None:
    async with controls_api(site) as api, plugged(UsbCamera(), site.address) as camera:
        found = await has_camera(site)
        (listed,) = await api.cameras()
        controls = {one["name"]: one for one in listed["controls"]}
        assert controls.keys() == {
            "brightness",
            "contrast",
            "power_line_frequency",
            "zoom_absolute",
        }
        assert (controls["brightness"]["minimum"], controls["brightness"]["maximum"]) == (-64, 64)
        assert [entry["label"] for entry in controls["power_line_frequency"]["menu"]][:3] == [
            "Disabled",
            "50 Hz",
            "60 Hz",
        ]

        status, answer = await api.set(
            found["id"], brightness=-20, power_line_frequency="60 Hz", zoom_absolute=250
        )
        assert status == 200, answer
        assert settings_of(camera) == {-20, 32, 2, 250}

        await camera.pull()
        await site.until("no camera", lambda now: not now["cameras"], within_s=30)
        await camera.plug(site.address, 5)
        assert (await has_camera(site))["id"] == found["id"]

        async def has_its_settings() -> bool:
            return settings_of(camera) == {-20, 32, 2, 250}

        await until_true("its settings", has_its_settings, within_s=30)
        await until_seen(site.whep, camera.bars, within_s=150)
        assert not (await site.state())["faults"]


async def has_camera(site: GuestSite) -> dict[str, Any]:
    state = await site.until("a camera", lambda now: bool(now["cameras"]), within_s=60)
    found: dict[str, Any] = state["cameras"][0]
    return found


def settings_of(camera: UsbCamera) -> set[int]:
    return {*camera.device.settings.values()}

"""A button of Debian's own kernel (uinput) pauses the camera and resumes it."""

from __future__ import annotations

import asyncio

import pytest

from tests.lab.guest_site import VIVID, GuestSite
from tests.lab.sights import camera_state, is_dark

pytestmark = pytest.mark.timeout(400)

# linux/uinput.h: a device with KEY_PAUSE (119), pressed and let go at each line of standard input.
_BUTTON = """
import fcntl, os, struct, sys, time
device = os.open("/dev/uinput", os.O_WRONLY)
fcntl.ioctl(device, 0x40045564, 1)  # UI_SET_EVBIT, EV_KEY
fcntl.ioctl(device, 0x40045565, 119)  # UI_SET_KEYBIT
fcntl.ioctl(device, 0x405C5503, struct.pack("4H80sI", 3, 1, 1, 1, b"Lab button", 0))
fcntl.ioctl(device, 0x5501)  # UI_DEV_CREATE
open("/run/button", "w").close()
while os.path.exists("/run/button"):
    if os.path.exists("/run/press"):
        os.unlink("/run/press")
        for value in (1, 0):
            os.write(device, struct.pack("llHHi", 0, 0, 1, 119, value))
            os.write(device, struct.pack("llHHi", 0, 0, 0, 0, 0))
    time.sleep(0.05)
"""


@pytest.fixture
def settings() -> str:
    return f'{VIVID}\n[button]\nkey = "KEY_PAUSE"\n'


async def test_a_button_that_is_plugged_in_later_pauses_the_camera_and_resumes_it(
    site: GuestSite,
) -> None:
    await site.plug()
    await site.until("live", lambda now: camera_state(now) == "live", within_s=120)
    await site.run("modprobe uinput")
    await asyncio.to_thread(site.machine.write, "/run/button.py", _BUTTON)
    await site.run("systemd-run --quiet --unit=lab-button python3 /run/button.py")
    try:
        await asyncio.to_thread(
            site.machine.wait_for, "journalctl -u portal -b | grep -q 'Lab button'", timeout_s=60
        )
        await site.run("touch /run/press")
        await site.until("paused", lambda now: camera_state(now) == "paused", within_s=60)
        assert await is_dark(site.whep)
        await site.run("touch /run/press")
        await site.until("resumed", lambda now: camera_state(now) == "live", within_s=60)
    finally:
        await site.run("rm -f /run/button")

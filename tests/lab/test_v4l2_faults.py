"""Errors that a driver can have, injected by vivid: the picture comes back by itself."""

from __future__ import annotations

import pytest

from tests.lab.guest_site import GuestSite
from tests.lab.picture import BARS
from tests.lab.sights import camera_state, until_seen

pytestmark = pytest.mark.timeout(400)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param("inject_fatal_streaming_error", id="the stream ends with an error"),
        pytest.param("disconnect", id="the driver says the device is gone"),
        pytest.param("inject_v4l2_buf_flag_error", id="a buffer is marked as broken"),
        pytest.param("inject_vidioc_qbuf_error", id="a buffer is not taken back"),
    ],
)
async def test_the_picture_comes_back_after(site: GuestSite, fault: str) -> None:
    await site.plug()
    await site.until("live", lambda now: camera_state(now) == "live", within_s=90)
    await until_seen(site.whep, BARS)
    await site.run(f"v4l2-ctl --device /dev/video0 --set-ctrl {fault}=1")
    await until_seen(site.whep, BARS)
    await site.until("live", lambda now: camera_state(now) == "live", within_s=60)


async def test_a_device_that_does_not_start_at_once_is_tried_again(site: GuestSite) -> None:
    await site.run("systemctl stop portal.service mediamtx.service", timeout_s=60)
    await site.plug()
    await site.run("udevadm settle && v4l2-ctl -d /dev/video0 -c inject_vidioc_streamon_error=1")
    await site.run("systemctl start portal.service", timeout_s=150)
    await until_seen(site.whep, BARS, within_s=90)

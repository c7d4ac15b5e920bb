"""A sound card of Debian's own kernel: heard outside, not opened while muted, gone, busy."""

from __future__ import annotations

from functools import partial

import aiohttp
import pytest

from tests.integration.hearing import listening
from tests.integration.media import until
from tests.lab.guest_site import GuestSite
from tests.lab.sights import camera_state, until_true

pytestmark = pytest.mark.timeout(900)

# What is played into the loopback card's first device is heard at its second.
EAR, MOUTH = "CARD=Loopback,DEV=1,SUBDEV=0", "plughw:CARD=Loopback,DEV=0,SUBDEV=0"
STATUS = "cat /proc/asound/Loopback/pcm1c/sub0/status"
TONE = (
    "systemd-run --unit=tone --collect ffmpeg -nostdin -v error -re -f lavfi"
    f" -i sine=frequency=440:sample_rate=48000 -f alsa {MOUTH}"
)
# Whoever has opened it holds it.
OTHER = (
    "systemd-run --unit=other --collect sh -c"
    " 'exec sleep 900 < /dev/snd/pcm$(readlink /proc/asound/Loopback | sed s/card/C/)D1c'"
)


@pytest.fixture
def settings() -> str:
    return f"""
[[cameras]]
name = "pattern"
source = "pattern"

[microphone]
enabled = true
device = "hw:{EAR}"
"""


async def mute(site: GuestSite, muted: bool) -> None:
    url = f"http://{site.address}:8080/api/v1/microphone"
    async with (
        aiohttp.ClientSession() as http,
        http.post(url, json={"muted": muted}) as response,
    ):
        assert response.status == 200, await response.text()


async def is_closed(site: GuestSite) -> bool:
    return await site.run(STATUS) == "closed"


async def is_open(site: GuestSite) -> bool:
    return not await is_closed(site)


async def microphone_is(site: GuestSite, wanted: str, says: str = "") -> None:
    """With the camera live beside it."""
    await site.until(
        f"microphone {wanted} {says}",
        lambda now: (
            now["microphone"] == wanted
            and camera_state(now) == "live"
            and (not says or any(says in fault["message"] for fault in now["faults"]))
        ),
        within_s=180,
    )


async def test_a_sound_card_is_heard_outside_and_is_closed_while_muted(site: GuestSite) -> None:
    try:
        await microphone_is(site, "off", "is not there")

        await site.run("modprobe snd-aloop")
        await microphone_is(site, "on")
        await site.run(TONE)
        async with listening(site.whep.replace("/cam/", "/cam/sound/")) as heard:
            await until(lambda: heard.loud_since(0) > 50, within_s=120)
            await until(lambda: abs(heard.pitch() - 440) <= 10)

        await mute(site, True)
        await microphone_is(site, "muted")
        await until_true("nobody listens", partial(is_closed, site), within_s=60)

        await site.run(f"systemctl stop tone; {OTHER}")
        await until_true("another listens", partial(is_open, site), within_s=120)
        await mute(site, False)
        await microphone_is(site, "off", "another program uses the microphone")
        await site.run("systemctl stop other")
        await microphone_is(site, "on")

        await site.run("echo snd_aloop.0 > /sys/bus/platform/drivers/snd_aloop/unbind")
        await microphone_is(site, "off", "is not there")
    finally:
        await site.run("systemctl stop tone other; modprobe -r snd-aloop || true")

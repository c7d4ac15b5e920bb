"""A whole box in the umockdev test bed: a USB camera is picked up, published and released."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.fakes.usb_camera import C920, FakeUsbBus
from tests.integration.media import below, until
from tests.integration.test_daemon import until_state

pytestmark = pytest.mark.timeout(120)

FFMPEG = Path(__file__).parents[1] / "fakes" / "camera_ffmpeg.py"
CONFIG = f"""
    [site]
    name = "dublin"
    address = "{{address}}"
    [video]
    width = 320
    height = 180
    fps = 15
    bitrate_kbps = 300
    ffmpeg = "{FFMPEG}"
    [discovery]
    enabled = false
"""


async def test_a_camera_that_hangs_is_restarted_and_its_picture_comes_back(
    tmp_path: Path, loopback: str, state_dir: Path
) -> None:
    config = tmp_path / "portal.toml"
    config.write_text(CONFIG.format(address=loopback))
    command = [sys.executable, "-m", "portal", "--config", str(config), "run"]
    env = {**os.environ, "PORTAL_STATE_DIR": str(state_dir)}
    async with FakeUsbBus.around(command, tmp_path, env=env) as bus:
        await until_state(loopback, {"camera": "absent", "media_server": "ready"})
        await bus.plug(C920)
        await until_state(loopback, {"camera": "live"})
        assert await bus.authorised() == "1"
        await bus.fail("EPROTO")
        async with asyncio.timeout(30):
            while True:
                if await bus.authorised() == "101":
                    break
                await asyncio.sleep(0.1)
        state = await until_state(loopback, {"camera": "live"})
        assert not state["faults"]


async def test_a_camera_is_published_as_it_is_plugged_released_and_taken_up_again(
    tmp_path: Path, loopback: str, state_dir: Path
) -> None:
    config = tmp_path / "portal.toml"
    config.write_text(CONFIG.format(address=loopback))
    command = [sys.executable, "-m", "portal", "--config", str(config), "run"]
    env = {**os.environ, "PORTAL_STATE_DIR": str(state_dir)}
    async with FakeUsbBus.around(command, tmp_path, env=env) as bus:
        await until_state(loopback, {"camera": "absent", "media_server": "ready"})

        await bus.plug(C920)
        state = await until_state(loopback, {"camera": "live"})
        camera = state["camera"]["camera"]
        assert (camera["name"], camera["device"]) == ("HD Pro Webcam C920", "/dev/video0")

        await bus.unplug()
        await until_state(loopback, {"camera": "absent"})
        await until(lambda: not below(bus.child.pid, "ffmpeg"))

        await bus.plug(C920, port="1-4", node=8)
        state = await until_state(loopback, {"camera": "live"})
        assert state["camera"]["camera"]["device"] == "/dev/video8"
        assert state["camera"]["camera"]["id"] == camera["id"]

"""A whole box in the umockdev test bed: a USB camera is picked up, published and released."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from portal.probe import open_reader
from tests.fakes.usb_camera import C920, FakeCamera, FakeUsbBus
from tests.integration.media import below, until
from tests.integration.test_daemon import until_state

pytestmark = pytest.mark.timeout(120)

OTHER = FakeCamera(vendor="1bcf", model="2281", serial="", product="USB Camera")
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


@asynccontextmanager
async def box(tmp_path: Path, address: str, state_dir: Path) -> AsyncIterator[FakeUsbBus]:
    """Up, and without a camera."""
    config = tmp_path / "portal.toml"
    config.write_text(CONFIG.format(address=address))
    command = [sys.executable, "-m", "portal", "--config", str(config), "run"]
    env = {**os.environ, "PORTAL_STATE_DIR": str(state_dir)}
    async with FakeUsbBus.around(command, tmp_path, env=env) as bus:
        await until_state(address, {"camera": "absent", "media_server": "ready"})
        yield bus


async def test_a_camera_that_hangs_is_restarted_and_its_picture_comes_back(
    tmp_path: Path, loopback: str, state_dir: Path
) -> None:
    async with box(tmp_path, loopback, state_dir) as bus:
        await bus.plug(C920)
        await until_state(loopback, {"camera": "live"})
        assert await bus.authorised() == "1"
        await bus.fail("EPROTO")
        async with asyncio.timeout(30):
            while True:
                if await bus.authorised() == "101":
                    break
                await asyncio.sleep(0.1)
        async with aiohttp.ClientSession(f"http://{loopback}:8080") as http:
            await until_so(http, lambda now: now["camera"]["state"] == "live" and not now["faults"])


async def test_a_camera_is_published_as_it_is_plugged_released_and_taken_up_again(
    tmp_path: Path, loopback: str, state_dir: Path
) -> None:
    async with box(tmp_path, loopback, state_dir) as bus:
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


async def test_another_camera_takes_over_gives_back_and_can_be_chosen_and_looked_at(
    tmp_path: Path, loopback: str, state_dir: Path
) -> None:
    async with (
        box(tmp_path, loopback, state_dir) as bus,
        aiohttp.ClientSession(f"http://{loopback}:8080") as http,
    ):
        await bus.plug(C920, port="1-2")
        await until_published(http, "/dev/video0")
        await bus.plug(OTHER, port="1-3")
        state = await until_so(http, lambda now: len(now["cameras"]) == 2)
        first, second = (camera["id"] for camera in state["cameras"])

        await bus.unplug(port="1-2")
        await until_published(http, "/dev/video2")
        await bus.plug(C920, port="1-2")
        await until_published(http, "/dev/video0")

        async with http.post("/api/v1/cameras/choose", json={"id": second}) as answer:
            assert answer.status == 200
        await until_published(http, "/dev/video2")
        async with open_reader(f"http://{loopback}:8080/whep/camera/{first}") as reader:
            assert (await anext(reader)).width == 320
            await until_published(http, "/dev/video2")


async def until_so(
    http: aiohttp.ClientSession, holds: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            async with http.get("/api/v1/state") as answer:
                state: dict[str, Any] = await answer.json()
            if holds(state):
                return state
            await asyncio.sleep(0.05)


async def until_published(http: aiohttp.ClientSession, device: str) -> None:
    """Live, and from that device."""
    began = time.monotonic()

    def is_live(now: dict[str, Any]) -> bool:
        camera = now["camera"]
        return bool(camera["state"] == "live" and camera["camera"]["device"] == device)

    await until_so(http, is_live)
    print(f"{device} live after {time.monotonic() - began:.2f} s")

"""USB cameras come and go, as a real pyudev and real V4L2 questions see it in umockdev."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.usb_camera import C920, FakeCamera, FakeUsbBus
from tests.tries import best_of_three

WATCH = [sys.executable, "-m", "tests.fakes.watch_cameras"]
NO_SERIAL = FakeCamera(serial="0001", product="USB Camera", vendor="1bcf", model="2281")


class Watched:
    """What an inventory in the test bed has said so far."""

    def __init__(self) -> None:
        self.bus: FakeUsbBus
        self.said: list[dict[str, Any]] = []
        self._more = asyncio.Event()

    def hear(self, line: str) -> None:
        if line.startswith("{"):
            self.said.append(json.loads(line))
            self._more.set()

    async def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The latest word, once it is so."""
        async with asyncio.timeout(20):
            while not (self.said and holds(self.said[-1])):
                self._more.clear()
                await self._more.wait()
        return self.said[-1]

    async def devices(self, *expected: str) -> list[dict[str, Any]]:
        said = await self.until(
            lambda now: [camera["device"] for camera in now["cameras"]] == [*expected]
        )
        cameras: list[dict[str, Any]] = said["cameras"]
        return cameras


@asynccontextmanager
async def watched(tmp_path: Path, config: str = "") -> AsyncIterator[Watched]:
    watched = Watched()
    path = tmp_path / "portal.toml"
    path.write_text(config)
    command = [*WATCH, str(path), str(tmp_path)]
    async with FakeUsbBus.around(command, tmp_path, on_line=watched.hear) as bus:
        watched.bus = bus
        # The fault that no udev daemon runs is the sign that it listens.
        await watched.until(lambda now: bool(now["faults"]))
        yield watched


async def test_a_plugged_camera_is_listed_with_its_formats_and_an_unplugged_one_is_gone(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path) as here:
        await here.bus.plug(C920)
        (camera,) = await here.devices("/dev/video0")
        assert camera["id"] == "046d-082d-8A1B2C3D"
        assert camera["name"] == "HD Pro Webcam C920"
        offered = [
            (form["pixel_format"], form["width"], form["height"], tuple(form["rates"]))
            for form in camera["formats"]
        ]
        assert offered == [
            (form.pixel_format, form.width, form.height, form.rates) for form in C920.formats
        ]
        await here.bus.unplug()
        said = await here.until(lambda now: not now["cameras"])
        assert not said["faults"]


async def test_a_replugged_camera_has_its_id_in_another_port_under_another_number(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path) as here:
        await here.bus.plug(C920, port="1-2")
        (before,) = await here.devices("/dev/video0")
        await here.bus.unplug(port="1-2")
        await here.devices()
        await here.bus.plug(C920, port="1-4", node=6)
        (after,) = await here.devices("/dev/video6")
        assert after["id"] == before["id"]


async def test_two_equal_cameras_stay_apart(tmp_path: Path) -> None:
    async with watched(tmp_path) as here:
        await here.bus.plug(NO_SERIAL, port="1-2")
        await here.bus.plug(NO_SERIAL, port="1-3")
        left, right = await here.devices("/dev/video0", "/dev/video2")
        assert left["id"] != right["id"]
        assert left["name"] != right["name"]

        await here.bus.unplug(port="1-2")
        await here.bus.unplug(port="1-3")
        await here.devices()
        await here.bus.plug(NO_SERIAL, port="1-3")
        (back,) = await here.devices("/dev/video0")
        assert back["id"] == right["id"]


async def remembered(state_dir: Path, *cameras: dict[str, Any]) -> None:
    """Wait until it is on the disk where these cameras are."""
    path = state_dir / "cameras.json"
    places = {(camera["id"], camera["port"]) for camera in cameras}
    async with asyncio.timeout(20):
        while True:
            known = json.loads(path.read_text())["known"] if path.exists() else []
            if {(one["id"], one["port"]) for one in known} == places:
                return
            await asyncio.sleep(0.02)


async def test_two_equal_cameras_stay_apart_over_a_restart_whichever_is_seen_first(
    tmp_path: Path,
) -> None:
    same = FakeCamera(serial="ABCD1234")
    async with watched(tmp_path) as here:
        await here.bus.plug(same, port="1-2")
        await here.bus.plug(same, port="1-3")
        left, right = await here.devices("/dev/video0", "/dev/video2")
        await remembered(tmp_path, left, right)
    async with watched(tmp_path) as here:
        await here.bus.plug(same, port="1-3")
        (back,) = await here.devices("/dev/video0")
        assert back["id"] == right["id"]
        await here.bus.plug(same, port="1-2")
        await here.devices("/dev/video2", "/dev/video0")  # the chosen one goes first
        assert here.said[-1]["cameras"][0]["id"] == left["id"]


async def test_a_camera_without_a_serial_is_the_same_in_another_port_after_a_restart(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path) as here:
        await here.bus.plug(NO_SERIAL, port="1-2")
        (before,) = await here.devices("/dev/video0")
        await here.bus.unplug(port="1-2")
        await here.devices()
        await here.bus.plug(NO_SERIAL, port="1-4", node=6)
        (moved,) = await here.devices("/dev/video6")
        assert moved["id"] == before["id"]
        await remembered(tmp_path, moved)
    async with watched(tmp_path) as here:
        await here.bus.plug(NO_SERIAL, port="1-7")
        (after,) = await here.devices("/dev/video0")
        assert after["id"] == before["id"]
        assert after["port"] == "1-7"


async def test_the_chosen_camera_is_published_again_when_it_returns(tmp_path: Path) -> None:
    async with watched(tmp_path) as here:
        await here.bus.plug(C920, port="1-2")
        await here.bus.plug(NO_SERIAL, port="1-3")
        _, other = await here.devices("/dev/video0", "/dev/video2")
        (tmp_path / "choice").write_text(other["id"])
        await here.devices("/dev/video2", "/dev/video0")
        await here.bus.unplug(port="1-3")
        said = await here.until(lambda now: now["published"] == "/dev/video0")
        assert not said["faults"]
        await here.bus.plug(NO_SERIAL, port="1-3")
        await here.until(lambda now: now["published"] == "/dev/video2")


async def test_where_none_may_take_over_nothing_is_published_while_the_chosen_one_is_away(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path, "[capture]\ntake_over = false\n") as here:
        await here.bus.plug(C920, port="1-2")
        await here.bus.plug(NO_SERIAL, port="1-3")
        await here.devices("/dev/video0", "/dev/video2")
        await here.bus.unplug(port="1-2")
        said = await here.until(lambda now: len(now["cameras"]) == 1)
        assert said["published"] is None
        assert [fault["key"] for fault in said["faults"]] == ["unplugged"]
        await here.bus.plug(C920, port="1-5", node=8)
        await here.until(lambda now: now["published"] == "/dev/video8")


async def test_a_camera_s_own_microphone_is_found_and_goes_with_it(tmp_path: Path) -> None:
    async with watched(tmp_path) as here:
        await here.bus.plug(FakeCamera(microphone="C920"), port="1-2")
        await here.bus.plug(NO_SERIAL, port="1-3")
        said = await here.until(
            lambda now: len(now["cameras"]) == 2 and bool(now["cameras"][0]["microphone"])
        )
        assert [camera["microphone"] for camera in said["cameras"]] == ["hw:CARD=C920", ""]
        await here.bus.unplug(port="1-2")
        await here.devices("/dev/video2")


async def test_the_configured_camera_comes_first_and_the_test_picture_fills_in(
    tmp_path: Path,
) -> None:
    config = (
        '[[cameras]]\nname = "door"\nmatch = "1bcf:2281"\n'
        '[[cameras]]\nname = "test"\nsource = "pattern"\n'
    )
    async with watched(tmp_path, config) as here:
        await here.devices("")
        await here.bus.plug(C920, port="1-1")
        await here.bus.plug(NO_SERIAL, port="1-2")
        door, _ = await here.devices("/dev/video2", "")
        assert door["name"] == "door"


async def test_a_busy_camera_is_listed_with_a_fault_until_it_answers(tmp_path: Path) -> None:
    async with watched(tmp_path) as here:
        await here.bus.plug(C920, errno="EBUSY")
        said = await here.until(lambda now: bool(now["faults"] and now["cameras"]))
        assert said["cameras"][0]["formats"] == []
        assert "/dev/video0 is in use" in said["faults"][0]["message"]

        await here.bus.fail("")
        said = await here.until(lambda now: not now["faults"])
        assert said["cameras"][0]["formats"]


async def test_a_camera_whose_rights_are_still_being_set_is_listed_without_a_fault(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path) as here:
        await here.bus.plug(NO_SERIAL, port="1-3")  # the first question to a device takes longest
        await here.devices("/dev/video0")

        async def faults() -> float:
            before = len(here.said)
            await here.bus.plug(C920, errno="EACCES")
            await asyncio.sleep(0.4)
            await here.bus.fail("")
            await here.devices("/dev/video0", "/dev/video2")
            await here.until(lambda now: bool(now["cameras"][1]["formats"]))
            await here.bus.unplug()
            await here.devices("/dev/video0")
            raised = [fault for said in here.said[before:] for fault in said["faults"]]
            return len([fault for fault in raised if fault["key"].startswith("camera:")])

        await best_of_three(faults, below=1)


@pytest.mark.timeout(120)
async def test_twenty_replugs_in_a_row_end_as_they_began(tmp_path: Path) -> None:
    async with watched(tmp_path) as here:
        for _ in range(20):
            await here.bus.plug(C920)
            await here.devices("/dev/video0")  # umockdev's queue holds ten events
            await here.bus.unplug()
            await here.devices()
        await here.bus.plug(C920)
        (camera,) = await here.devices("/dev/video0")
        assert camera["formats"]
        assert len({camera["id"] for said in here.said for camera in said["cameras"]}) == 1


async def test_portal_cameras_lists_what_is_there(tmp_path: Path, loopback: str) -> None:
    """The command line, in the test bed, with a camera that was there before it started; no portal
    runs that it could ask."""
    config = tmp_path / "portal.toml"
    config.write_text(f'[site]\naddress = "{loopback}"\n')
    wait = (
        "import pathlib,sys,time\nwhile not pathlib.Path('/dev/video0').exists(): time.sleep(.05)\n"
    )
    run = "from portal.cli import cli; cli(['--config', sys.argv[1], 'cameras'])"
    lines: list[str] = []
    command = [sys.executable, "-c", wait + run, str(config)]
    env_free = FakeUsbBus.around(command, tmp_path, on_line=lines.append)
    async with env_free as bus:
        await bus.plug(C920)
        await bus.child.wait()
    assert any("HD Pro Webcam C920  [046d-082d-8A1B2C3D]  /dev/video0" in line for line in lines)
    assert any("MJPG 1280x720 at 30, 24, 15 fps" in line for line in lines)

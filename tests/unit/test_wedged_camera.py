"""A camera that hangs is restarted through sysfs, seldom, and never left switched off."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portal.cameras import wedged
from portal.cameras.wedged import WedgedCameras, reauthorise, usb_device_of
from portal.model import Camera, CameraStatus, SiteStatus, Snapshot
from portal.state import StateBoard
from portal.words import CameraState
from tests.running import running

CAMERA = Camera(id="046d-082d-1", name="C920", source="usb", device="/dev/video0")
HANGS = CameraStatus(state=CameraState.FAULT, camera=CAMERA, cause="wedged", detail="no answer")
TRIES = CameraStatus(state=CameraState.STARTING, camera=CAMERA)
WORKS = CameraStatus(state=CameraState.LIVE, camera=CAMERA)


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    """A device with a node, as the kernel shows it: its interface has an `authorized` too."""
    device = tmp_path / "devices/usb1/1-2"
    node = device / "1-2:1.0/video4linux/video0"
    node.mkdir(parents=True)
    (device / "authorized").write_text("1")
    (device / "idVendor").write_text("046d")
    (device / "1-2:1.0/authorized").write_text("1")
    link = tmp_path / "class/video4linux/video0"
    link.parent.mkdir(parents=True)
    link.symlink_to(node)
    return tmp_path


class Restarts:
    """Stands for the switch; counts."""

    def __init__(self) -> None:
        self.devices: list[str] = []
        self.error: OSError | None = None

    def __call__(self, device: Path, _off_s: float) -> None:
        self.devices.append(device.name)
        if self.error is not None:
            raise self.error


@pytest.fixture
def restarts(monkeypatch: pytest.MonkeyPatch) -> Restarts:
    restarts = Restarts()
    monkeypatch.setattr(wedged, "reauthorise", restarts)
    return restarts


@contextlib.asynccontextmanager
async def watching(sysfs: Path, *, once_in_s: float = 600) -> AsyncIterator[StateBoard]:
    site = SiteStatus(name="here", title="Here", version="0", started_at=0)
    state = StateBoard(Snapshot(site=site, cameras=(CAMERA,)))
    service = WedgedCameras(state, sysfs=sysfs, once_in_s=once_in_s, back_within_s=0.02)
    async with running(service.run):
        yield state


async def until_restarted(restarts: Restarts, times: int) -> None:
    async with asyncio.timeout(5):
        while True:
            if len(restarts.devices) >= times:
                return
            await asyncio.sleep(0.005)


def test_the_usb_device_of_a_node_is_found_and_not_its_interface(sysfs: Path) -> None:
    assert usb_device_of("/dev/video0", sysfs) == sysfs / "devices/usb1/1-2"
    assert usb_device_of("/dev/video7", sysfs) is None


def test_a_node_that_is_no_usb_device_has_none(tmp_path: Path) -> None:
    node = tmp_path / "devices/platform/vivid.0/video4linux/video0"
    node.mkdir(parents=True)
    (tmp_path / "class/video4linux").mkdir(parents=True)
    (tmp_path / "class/video4linux/video0").symlink_to(node)
    assert usb_device_of("/dev/video0", tmp_path) is None


def test_a_device_is_switched_on_again_even_when_it_is_interrupted(
    sysfs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = sysfs / "devices/usb1/1-2"
    seen: list[str] = []

    def interrupted(_seconds: float) -> None:
        seen.append((device / "authorized").read_text())
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        reauthorise(device, 0.5)
    assert seen == ["0"]
    assert (device / "authorized").read_text() == "1"
    assert (device / "1-2:1.0/authorized").read_text() == "1"


async def test_a_camera_that_hangs_is_restarted_once(sysfs: Path, restarts: Restarts) -> None:
    async with watching(sysfs) as state:
        for _ in range(3):
            state.update(camera=HANGS)
            await until_restarted(restarts, 1)
            state.update(camera=TRIES)
            await asyncio.sleep(0.05)
        assert restarts.devices == ["1-2"]
        assert not state.snapshot.faults


async def test_one_that_hangs_on_is_restarted_again_after_a_while(
    sysfs: Path, restarts: Restarts
) -> None:
    async with watching(sysfs, once_in_s=0.05) as state:
        state.update(camera=HANGS)
        await until_restarted(restarts, 3)


@pytest.mark.parametrize(
    "status",
    [
        CameraStatus(state=CameraState.FAULT, camera=CAMERA, cause="busy"),
        CameraStatus(
            state=CameraState.FAULT,
            cause="wedged",
            camera=Camera(id="x", name="x", source="ffmpeg"),
        ),
    ],
    ids=["busy", "network camera"],
)
async def test_what_a_restart_cannot_help_is_left_alone(
    sysfs: Path, restarts: Restarts, status: CameraStatus
) -> None:
    async with watching(sysfs) as state:
        state.update(camera=status)
        await asyncio.sleep(0.05)
        assert not restarts.devices


async def test_a_restart_that_is_not_allowed_is_said_until_the_camera_works(
    sysfs: Path, restarts: Restarts
) -> None:
    restarts.error = PermissionError(13, "Permission denied")
    async with watching(sysfs) as state:
        state.update(camera=HANGS)
        snapshot = await asyncio.wait_for(state.wait_for(lambda new: bool(new.faults)), 5)
        assert "this user may not restart it" in snapshot.faults[0].message
        assert "unplug it" in snapshot.faults[0].remedy
        await asyncio.sleep(0.05)
        state.update(camera=TRIES)
        await asyncio.sleep(0.05)
        assert state.snapshot.faults
        state.update(camera=WORKS)
        await asyncio.wait_for(state.wait_for(lambda new: not new.faults), 5)


async def test_a_device_that_does_not_take_it_is_said_until_it_is_pulled(
    sysfs: Path, restarts: Restarts
) -> None:
    restarts.error = OSError(71, "Protocol error")
    async with watching(sysfs) as state:
        state.update(camera=HANGS)
        snapshot = await asyncio.wait_for(state.wait_for(lambda new: bool(new.faults)), 5)
        assert "could not be restarted: Protocol error" in snapshot.faults[0].message
        state.update(cameras=(), camera=CameraStatus())
        await asyncio.wait_for(state.wait_for(lambda new: not new.faults), 5)

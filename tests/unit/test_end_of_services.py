"""A service that is ended in the moment in which something happens ends all the same: one that
forgot it would keep the whole daemon from ending."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from portal.cameras import inventory
from portal.cameras.inventory import CameraInventory
from portal.cameras.udev import Action
from portal.cameras.wedged import WedgedCameras
from portal.config import Config
from portal.mediamtx.client import MediaMtxClient
from portal.model import Camera, CameraStatus, SiteStatus, Snapshot
from portal.publish.previews import Previews
from portal.publish.sound_service import SoundPublishing
from portal.state import StateBoard
from portal.store import Store
from portal.words import CameraState
from tests.unit.test_camera_inventory import World

CAMERA = Camera(id="046d-082d-1", name="C920", source="usb", device="/dev/video0")
HANGS = CameraStatus(state=CameraState.FAULT, camera=CAMERA, cause="wedged")
NOBODY = MediaMtxClient("http://127.0.0.1:1", "")


class Board(StateBoard):
    """Knows how often somebody began to wait."""

    def __init__(self) -> None:
        site = SiteStatus(name="here", title="Here", version="0", started_at=0)
        super().__init__(Snapshot(site=site, cameras=(CAMERA,), camera=HANGS))
        self.waits = 0

    async def wait_for(self, predicate: Callable[[Snapshot], bool]) -> Snapshot:
        self.waits += 1
        return await super().wait_for(predicate)


async def turns(number: int) -> None:
    """Of the event loop."""
    for _ in range(number):
        await asyncio.sleep(0)


async def ends(
    run: Callable[[], Awaitable[None]], meanwhile: Callable[[], Awaitable[None]]
) -> bool:
    """Whether it does when it is told so after `meanwhile`."""
    task = asyncio.ensure_future(run())
    await meanwhile()
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return bool(done)


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("name", ["previews", "sound", "wedged"])
async def test_as_the_state_changes(name: str, number: int, tmp_path: Path) -> None:
    state = Board()
    services: dict[str, tuple[int, Callable[[], Awaitable[None]]]] = {
        "previews": (1, Previews(Config(), state, NOBODY, tmp_path).run),
        "sound": (1, SoundPublishing(Config(), state, NOBODY, tmp_path).run),
        "wedged": (2, WedgedCameras(state, sysfs=tmp_path).run),
    }
    waits, run = services[name]

    async def meanwhile() -> None:
        async with asyncio.timeout(10):
            while state.waits < waits:  # noqa: ASYNC110 - no event tells it
                await asyncio.sleep(0.001)
        state.update(camera=CameraStatus(), cameras=(), cameras_known=False, muted=True)
        await turns(number)

    assert await ends(run, meanwhile)


@pytest.mark.parametrize("number", range(5))
async def test_as_a_camera_is_plugged_in(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory, "_SETTLE_S", 0.9)
    world = World()
    service = CameraInventory(
        Config(), Board(), Store(tmp_path), open_watch=world.open, formats=world.formats
    )

    async def meanwhile() -> None:
        async with asyncio.timeout(10):
            while not world.looks:  # noqa: ASYNC110 - no event tells it
                await asyncio.sleep(0.001)
        world.say(Action.APPEARED, "/dev/video0")
        await turns(5)
        world.say(Action.APPEARED, "/dev/video1")
        await turns(number)

    assert await ends(service.run, meanwhile)

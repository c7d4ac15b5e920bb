"""Cameras with controls, plugged and pulled at a service whose devices they are."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from portal.cameras import controls as room
from portal.cameras.controls import CameraControls
from portal.cameras.v4l2 import Written, explained
from portal.cameras.v4l2.controls import controls_of, write_to
from portal.model import Camera, CameraControl, CameraFormat, SiteStatus, Snapshot
from portal.state import StateBoard
from portal.store import Store
from tests.fakes.v4l2_device import FakeControls

VGA = CameraFormat(pixel_format="MJPG", width=640, height=480, rates=(30.0,))
DOOR = Camera(id="door", name="Door", source="usb", device="/dev/video0", formats=(VGA,))
MOVED = Camera(id="door", name="Door", source="usb", device="/dev/video4", formats=(VGA,))
TEST_PICTURE = Camera(id="pattern-test", name="test", source="pattern")


class Bench:
    """Devices by node, a board, a store, and the service in between."""

    def __init__(self, store: Store) -> None:
        self.devices: dict[str, FakeControls] = {}
        self.state = StateBoard(
            Snapshot(site=SiteStatus(name="lab", title="Lab", version="0", started_at=0.0))
        )
        self.store = store
        self.controls = CameraControls(self.state, store)

    def plug(self, camera: Camera, device: FakeControls) -> None:
        self.devices[camera.device] = device
        self.state.update(cameras=(*self.state.snapshot.cameras, camera))

    def pull(self, camera: Camera) -> None:
        del self.devices[camera.device]
        left = tuple(one for one in self.state.snapshot.cameras if one.id != camera.id)
        self.state.update(cameras=left)

    def device(self, node: str) -> FakeControls:
        if node not in self.devices:
            raise explained(OSError(errno.ENODEV, "gone"), node)
        return self.devices[node]

    def read(self, node: str) -> tuple[CameraControl, ...]:
        with in_words(node):
            return tuple(control for _, control in controls_of(self.device(node)))

    def write(self, node: str, wanted: Mapping[str, int]) -> Written:
        with in_words(node):
            return write_to(self.device(node), wanted)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.controls.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@contextmanager
def in_words(node: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise explained(exc, node) from exc


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench(Store(tmp_path))
    monkeypatch.setattr(room, "read_controls", made.read)
    monkeypatch.setattr(room, "write_controls", made.write)
    monkeypatch.setattr(room, "_TRY_AFTER_S", (0.0, 0.01))
    return made

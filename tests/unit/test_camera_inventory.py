"""The inventory against a udev that a test speaks for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from portal.cameras import inventory as module
from portal.cameras import udev
from portal.cameras.identity import VideoDevice
from portal.cameras.inventory import CameraInventory
from portal.cameras.memory import CameraMemory
from portal.cameras.udev import Action, DeviceEvent
from portal.config import CameraSection, CaptureSection, Config
from portal.errors import CameraError
from portal.model import Camera, CameraFormat, SiteStatus, Snapshot
from portal.state import StateBoard
from portal.store import Store
from tests.running import running
from tests.unit.test_camera_identity import device

MJPEG = CameraFormat(pixel_format="MJPG", width=1280, height=720, rates=(30.0,))
PATTERN = CameraSection(name="test", source="pattern")


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SETTLE_S", 0.01)
    monkeypatch.setattr(module, "_PATIENCE_S", 0.02)
    monkeypatch.setattr(udev, "is_running", lambda: True)


class World:
    """What is plugged in, and what the devices answer."""

    def __init__(self) -> None:
        self.devices: dict[str, VideoDevice] = {}
        self.closed: set[str] = set()  # nodes that may not be opened
        self.answers = asyncio.Event()
        self.answers.set()
        self.asked: list[str] = []
        self.was_asked = asyncio.Event()
        self.looks = 0
        self._events: asyncio.Queue[DeviceEvent] = asyncio.Queue()

    def plug(self, *devices: VideoDevice) -> None:
        for one in devices:
            self.devices[one.node] = one
            self._events.put_nowait(DeviceEvent(action=Action.APPEARED, node=one.node))

    def pull(self, one: VideoDevice) -> None:
        del self.devices[one.node]
        self._events.put_nowait(DeviceEvent(action=Action.REMOVED, node=one.node))

    def say(self, action: Action, node: str = "") -> None:
        self._events.put_nowait(DeviceEvent(action=action, node=node))

    def present(self) -> tuple[VideoDevice, ...]:
        self.looks += 1
        return tuple(self.devices.values())

    async def events(self) -> list[DeviceEvent]:
        return [await self._events.get()]

    @contextlib.contextmanager
    def open(self) -> Iterator[World]:
        yield self

    async def formats(self, node: str) -> tuple[CameraFormat, ...]:
        self.asked.append(node)
        self.was_asked.set()
        await self.answers.wait()
        if node in self.closed:
            raise CameraError(f"{node} may not be opened", remedy="ask nicely")
        return (MJPEG,)


class Watched:
    """An inventory at work."""

    def __init__(self, world: World, state: StateBoard) -> None:
        self.world = world
        self.state = state

    async def until(self, holds: Callable[[Snapshot], bool]) -> Snapshot:
        return await asyncio.wait_for(self.state.wait_for(holds), 10)

    async def nodes(self, *expected: str) -> tuple[Camera, ...]:
        snapshot = await self.until(
            lambda new: (
                new.cameras_known
                and [camera.device or camera.source for camera in new.cameras] == [*expected]
            )
        )
        return snapshot.cameras


@contextlib.asynccontextmanager
async def watched(
    *sections: CameraSection,
    world: World | None = None,
    store: Store | None = None,
    take_over: bool = True,
) -> AsyncIterator[Watched]:
    world = world or World()
    site = SiteStatus(name="here", title="Here", version="0", started_at=0)
    state = StateBoard(Snapshot(site=site))
    config = Config(cameras=sections, capture=CaptureSection(take_over=take_over))
    inventory = CameraInventory(config, state, store, open_watch=world.open, formats=world.formats)
    async with running(inventory.run):
        yield Watched(world, state)


async def test_a_camera_that_was_there_before_is_listed_with_its_formats() -> None:
    world = World()
    world.devices = {"/dev/video0": device(0)}
    async with watched(world=world) as here:
        (camera,) = await here.nodes("/dev/video0")
        assert camera.formats == (MJPEG,)
        assert camera.source == "usb"


async def test_plugging_lists_a_camera_and_pulling_takes_it_away() -> None:
    async with watched() as here:
        await here.nodes()
        here.world.plug(device(0), device(1, captures=False))
        (before,) = await here.nodes("/dev/video0")
        here.world.pull(device(0))
        await here.nodes()
        here.world.plug(device(4, port="1-4"))
        (after,) = await here.nodes("/dev/video4")
        assert after.id == before.id


async def test_a_camera_that_takes_its_time_to_answer_is_not_taken_for_absent() -> None:
    world = World()
    world.devices = {"/dev/video0": device(0)}
    world.answers.clear()
    async with watched(CameraSection(name="usb"), PATTERN, world=world) as here:
        await world.was_asked.wait()
        with pytest.raises(TimeoutError):  # far beyond the patience that a refusal is met with
            await asyncio.wait_for(here.state.wait_for(lambda new: new.cameras_known), 0.2)
        world.answers.set()
        await here.nodes("/dev/video0", "pattern")


async def test_the_second_choice_is_not_named_before_the_first_had_its_chance() -> None:
    world = World()
    world.devices = {"/dev/video0": device(0)}
    async with watched(CameraSection(name="usb"), PATTERN, world=world) as here:
        first = await here.until(lambda new: bool(new.cameras))
        assert [camera.source for camera in first.cameras] == ["usb", "pattern"]


async def test_a_pulled_camera_gives_way_to_the_next_and_takes_over_again() -> None:
    async with watched(CameraSection(name="usb"), PATTERN) as here:
        await here.nodes("pattern")
        here.world.plug(device(0))
        await here.nodes("/dev/video0", "pattern")
        here.world.pull(device(0))
        await here.nodes("pattern")


async def test_a_burst_of_events_is_one_look() -> None:
    async with watched() as here:
        await here.nodes()
        looks = here.world.looks
        here.world.plug(device(0), device(1, captures=False))
        for _ in range(20):
            here.world.say(Action.APPEARED, "/dev/video0")
        await here.nodes("/dev/video0")
        assert here.world.looks == looks + 1
        assert here.world.asked == ["/dev/video0"]


async def test_a_camera_that_udev_touches_again_stays_as_it_is() -> None:
    async with watched() as here:
        here.world.plug(device(0))
        await here.nodes("/dev/video0")
        here.world.plug(device(0, links=("/dev/v4l/by-id/new",)), device(2, port="1-9"))
        await here.nodes("/dev/video0", "/dev/video2")
        assert here.world.asked == ["/dev/video0", "/dev/video2"]


async def test_lost_events_are_made_up_for() -> None:
    async with watched() as here:
        await here.nodes()
        here.world.devices["/dev/video0"] = device(0)
        here.world.say(Action.MISSED)
        await here.nodes("/dev/video0")


async def test_another_camera_under_the_same_number_is_another_camera() -> None:
    async with watched() as here:
        here.world.plug(device(0))
        (before,) = await here.nodes("/dev/video0")
        other = device(0, port="1-5", serial="FFEE9900", plugged_at=77)
        here.world.plug(other)
        after = await here.until(lambda new: new.cameras not in ((before,), ()))
        assert [camera.device for camera in after.cameras] == ["/dev/video0"]


async def test_a_node_that_is_not_accessible_yet_is_tried_again() -> None:
    async with watched() as here:
        here.world.closed.add("/dev/video0")
        here.world.plug(device(0))
        await here.world.was_asked.wait()
        here.world.closed.clear()
        (camera,) = await here.nodes("/dev/video0")
        await here.until(lambda new: new.cameras[0].formats == (MJPEG,))
        assert not here.state.snapshot.faults
        assert camera.device == "/dev/video0"


async def test_a_camera_that_stays_closed_is_listed_with_a_fault_that_ends_with_it() -> None:
    async with watched() as here:
        here.world.closed.add("/dev/video0")
        here.world.plug(device(0))
        (camera,) = await here.nodes("/dev/video0")
        assert camera.formats == ()
        (fault,) = here.state.snapshot.faults
        assert fault.key == f"camera:{camera.id}"
        assert fault.remedy == "ask nicely"

        here.world.pull(device(0))
        await here.nodes()
        assert not here.state.snapshot.faults


async def test_where_there_is_no_udev_the_other_sources_remain() -> None:
    def broken() -> contextlib.AbstractContextManager[World]:
        raise CameraError("udev cannot be used here")

    site = SiteStatus(name="here", title="Here", version="0", started_at=0)
    state = StateBoard(Snapshot(site=site))
    sections = (CameraSection(name="usb"), PATTERN)
    task = asyncio.create_task(
        CameraInventory(Config(cameras=sections), state, open_watch=broken).run()
    )
    snapshot = await asyncio.wait_for(state.wait_for(lambda new: bool(new.cameras)), 5)
    assert [camera.source for camera in snapshot.cameras] == ["pattern"]
    assert [fault.key for fault in snapshot.faults] == ["udev"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_silent_udev_is_said_until_it_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udev, "is_running", lambda: False)
    async with watched() as here:
        await here.until(lambda new: [fault.key for fault in new.faults] == ["udev"])
        here.world.plug(device(0))
        await here.nodes("/dev/video0")
        assert not here.state.snapshot.faults


async def test_a_site_that_wants_no_usb_camera_asks_nothing_of_udev() -> None:
    world = World()
    async with watched(PATTERN, world=world) as here:
        await here.nodes("pattern")
        assert world.looks == 0


LEFT = device(0, port="1-1", serial="AAAA1111", plugged_at=1)
RIGHT = device(2, port="1-2", serial="BBBB2222", plugged_at=2)


async def until_kept(store: Store, holds: Callable[[CameraMemory], bool]) -> None:
    async with asyncio.timeout(5):
        while True:
            if holds(store.load("cameras", CameraMemory)):
                return
            await asyncio.sleep(0.01)


async def test_the_first_plugged_becomes_the_site_s_own_and_stays_it_over_a_restart(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path)
    async with watched(store=store) as here:
        await here.nodes()
        here.world.plug(RIGHT)
        (right,) = await here.nodes(RIGHT.node)
        await here.until(lambda new: new.chosen == right.id)
        here.world.plug(LEFT)
        await here.nodes(RIGHT.node, LEFT.node)
        await until_kept(store, lambda memory: memory.chosen == right.id)
    world = World()
    world.devices = {LEFT.node: LEFT, RIGHT.node: RIGHT}
    async with watched(world=world, store=store) as here:
        await here.nodes(RIGHT.node, LEFT.node)


async def test_another_camera_takes_over_while_the_chosen_one_is_away_and_gives_back() -> None:
    async with watched() as here:
        here.world.plug(LEFT)
        (left,) = await here.nodes(LEFT.node)
        here.world.plug(RIGHT)
        await here.nodes(LEFT.node, RIGHT.node)
        here.world.pull(LEFT)
        await here.nodes(RIGHT.node)
        snapshot = here.state.snapshot
        assert snapshot.chosen == left.id
        assert snapshot.elected == snapshot.cameras[0]
        assert not snapshot.faults
        here.world.plug(LEFT)
        await here.nodes(LEFT.node, RIGHT.node)


async def test_none_takes_over_where_that_is_not_wanted_and_that_is_said() -> None:
    async with watched(take_over=False) as here:
        here.world.plug(LEFT)
        (left,) = await here.nodes(LEFT.node)
        here.world.plug(RIGHT)
        await here.nodes(LEFT.node, RIGHT.node)
        here.world.pull(LEFT)
        await here.nodes(RIGHT.node)
        assert here.state.snapshot.elected is None
        assert [fault.key for fault in here.state.snapshot.faults] == ["unplugged"]
        here.world.plug(LEFT)
        await here.nodes(LEFT.node, RIGHT.node)
        snapshot = await here.until(lambda new: new.elected is not None)
        assert snapshot.chosen == left.id
        assert not snapshot.faults


async def test_without_take_over_only_the_first_section_is_ever_shown() -> None:
    section = CameraSection(name="door", match="AAAA1111")
    async with watched(section, PATTERN, take_over=False) as here:
        await here.nodes("pattern")
        assert here.state.snapshot.elected is None
        here.world.plug(LEFT)
        await here.nodes(LEFT.node, "pattern")
        await here.until(lambda new: new.elected is not None)
        here.world.pull(LEFT)
        await here.nodes("pattern")
        assert here.state.snapshot.elected is None


async def test_a_person_s_choice_is_followed_and_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    async with watched(store=store) as here:
        here.world.plug(LEFT, RIGHT)
        left, right = await here.nodes(LEFT.node, RIGHT.node)
        here.state.update(chosen=right.id)
        await here.nodes(RIGHT.node, LEFT.node)
        here.world.pull(RIGHT)
        await here.nodes(LEFT.node)
        assert here.state.snapshot.chosen == right.id
        await until_kept(store, lambda memory: memory.chosen == right.id)
        here.world.plug(RIGHT)
        await here.nodes(RIGHT.node, LEFT.node)
        here.state.update(chosen="")
        await here.nodes(LEFT.node, RIGHT.node)
        assert here.state.snapshot.chosen == left.id


async def test_a_chosen_camera_that_the_configuration_no_longer_means_is_given_up(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path)
    store.save("cameras", CameraMemory(chosen="046d-082d-AAAA1111"))
    section = CameraSection(name="door", match="BBBB2222")
    async with watched(section, store=store, take_over=False) as here:
        here.world.plug(LEFT, RIGHT)
        (right,) = await here.nodes(RIGHT.node)
        await here.until(lambda new: new.chosen == right.id)


async def test_a_serial_less_camera_has_its_id_in_another_port_after_a_restart(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path)
    cheap = device(0, port="1-1", serial="")
    async with watched(store=store) as here:
        here.world.plug(cheap)
        (before,) = await here.nodes(cheap.node)
        await until_kept(store, lambda memory: bool(memory.known))
    moved = device(6, port="1-4", serial="")
    world = World()
    world.devices = {moved.node: moved}
    async with watched(world=world, store=store) as here:
        (after,) = await here.nodes(moved.node)
        assert after.id == before.id
        assert (before.port, after.port) == ("1-1", "1-4")


async def test_a_disk_that_takes_nothing_is_said_and_stops_no_picture(tmp_path: Path) -> None:
    store = Store(tmp_path / "not there")
    async with watched(store=store) as here:
        here.world.plug(LEFT)
        await here.nodes(LEFT.node)
        await here.until(lambda new: [fault.key for fault in new.faults] == ["camera-memory"])
        (tmp_path / "not there").mkdir()
        here.world.plug(RIGHT)
        await here.until(lambda new: not new.faults)
        await until_kept(store, lambda memory: len(memory.known) == 2)


async def test_a_microphone_that_comes_later_is_its_camera_s() -> None:
    async with watched() as here:
        here.world.plug(LEFT)
        (before,) = await here.nodes(LEFT.node)
        assert before.microphone == ""
        here.world.devices[LEFT.node] = msgspec.structs.replace(LEFT, microphone="hw:CARD=C920")
        here.world.say(Action.APPEARED)
        snapshot = await here.until(lambda new: new.cameras[0].microphone != "")
        assert snapshot.cameras[0].microphone == "hw:CARD=C920"
        assert here.world.asked == [LEFT.node]

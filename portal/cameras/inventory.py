"""Which cameras are present: plugging and unplugging as they happen, in order of preference."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import NoReturn, Protocol

from portal.backoff import Backoff
from portal.cameras import udev
from portal.cameras.identity import VideoDevice, is_same_thing
from portal.cameras.memory import CameraMemory, MemoryKeeper, recall
from portal.cameras.preference import choose, is_first_choice, listed, wants_devices
from portal.cameras.recognition import Recognition
from portal.cameras.udev import Action, DeviceEvent
from portal.cameras.v4l2 import camera_formats
from portal.config import Config
from portal.errors import CameraError, StoreError
from portal.model import Camera, CameraFormat
from portal.state import StateBoard
from portal.store import Store

log = logging.getLogger(__name__)

# One plug makes several events (two nodes, then udev's rules) within some 50 ms.
_SETTLE_S = 0.1
_SETTLE_AT_MOST_S = 1.0
# For so long after plugging a closed door is udev at work, not a fault.
_PATIENCE_S = 2.0

Formats = Callable[[str], Awaitable[tuple[CameraFormat, ...]]]


class Watch(Protocol):
    """What the inventory needs of udev."""

    def present(self) -> tuple[VideoDevice, ...]: ...

    async def events(self) -> list[DeviceEvent]: ...


class CameraInventory:
    """Writes `state.cameras`, `cameras_known` and `take_over`, and the faults `camera:<id>`,
    `unplugged` and `udev`. Follows and corrects `state.chosen`, which a person may set."""

    def __init__(
        self,
        config: Config,
        state: StateBoard,
        store: Store | None = None,
        *,
        open_watch: Callable[[], AbstractContextManager[Watch]] = udev.open_watch,
        formats: Formats = camera_formats,
    ) -> None:
        self._sections = config.cameras
        self._config = config
        self._state = state
        self._keeper = MemoryKeeper(store, state)
        self._open_watch = open_watch
        self._ask_formats = formats
        self._devices: dict[str, VideoDevice] = {}
        self._recognition = Recognition()
        self._ids: dict[str, str] = {}  # by node
        self._formats: dict[str, tuple[CameraFormat, ...]] = {}  # of those that were looked at
        self._has_looked = False
        self._examinations: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> NoReturn:
        """Keep `state.cameras` true."""
        self._state.update(cameras_known=False, take_over=self._config.capture.take_over)
        memory = await self._keeper.recall()
        self._recognition = Recognition(memory.known)
        self._state.update(chosen=memory.chosen)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keeper.run())
            group.create_task(self._follow_choice())
            if wants_devices(self._sections):
                try:
                    await self._follow_devices()
                except CameraError as exc:
                    self._report(exc)
            self._has_looked = True
            self._publish()
        raise AssertionError("unreachable")

    async def _follow_choice(self) -> NoReturn:
        """A person chose another one."""
        while True:
            chosen = self._state.snapshot.chosen
            await self._state.wait_for(lambda new, old=chosen: new.chosen != old)  # type: ignore[misc] # mypy knows no default in a lambda
            self._publish()

    def _report(self, exc: CameraError) -> None:
        log.warning("%s", exc)
        self._state.raise_fault("udev", exc.message, remedy=exc.remedy)

    async def _follow_devices(self) -> NoReturn:
        with self._open_watch() as watch:
            async with asyncio.TaskGroup() as group:
                self._sync(watch.present(), group)
                if not self._devices and not udev.is_running():
                    self._report(
                        CameraError(
                            "udev is not running here: a USB camera that is plugged in is not seen",
                            remedy="in a container, share the host's /run/udev and network",
                        )
                    )
                while True:
                    await self._settled(watch)
                    self._sync(watch.present(), group)
        raise AssertionError("unreachable")

    async def _settled(self, watch: Watch) -> None:
        """Wait for something to happen and then for a short silence. What is pulled out is gone
        at once."""
        loop = asyncio.get_running_loop()
        self._remove_pulled(await watch.events())
        deadline = loop.time() + _SETTLE_AT_MOST_S
        while (left := min(_SETTLE_S, deadline - loop.time())) > 0:
            try:
                # Not wait_for(): in Python 3.11 it forgets that it was cancelled.
                async with asyncio.timeout(left):
                    events = await watch.events()
            except TimeoutError:
                return
            self._remove_pulled(events)

    def _remove_pulled(self, events: Iterable[DeviceEvent]) -> None:
        self._state.clear_fault("udev")  # it speaks
        pulled = [event.node for event in events if event.action is Action.REMOVED]
        for node in pulled:
            self._forget(node)
        if pulled:
            self._publish()

    def _sync(self, present: Sequence[VideoDevice], group: asyncio.TaskGroup) -> None:
        """Converge on what udev says is there."""
        capturing = {device.node: device for device in present if device.captures}
        for node, device in [*self._devices.items()]:
            if node not in capturing or not is_same_thing(device, capturing[node]):
                self._forget(node)
        self._devices = capturing
        self._ids = self._recognition.assign(capturing.values())
        for device in self._wanted():
            if device.node not in self._examinations:
                self._examinations[device.node] = group.create_task(
                    self._examine(device), name=f"look at {device.node}"
                )
        self._publish()

    def _wanted(self) -> list[VideoDevice]:
        candidates = choose(self._sections, self._devices.values(), self._ids)
        return [one.device for one in candidates if one.device is not None]

    def _forget(self, node: str) -> None:
        """Leave no trace of a node: its number may be given to another camera."""
        self._devices.pop(node, None)
        self._formats.pop(node, None)
        if (task := self._examinations.pop(node, None)) is not None:
            task.cancel()
        self._ids.pop(node, None)
        if (camera_id := self._recognition.forget(node)) is not None:
            self._state.clear_fault(f"camera:{camera_id}")

    async def _examine(self, device: VideoDevice) -> None:
        """Ask for the formats until the camera answers; say so when it takes too long."""
        loop = asyncio.get_running_loop()
        backoff = Backoff(first_s=0.05, cap_s=5.0)
        patience = loop.time() + _PATIENCE_S
        key = f"camera:{self._ids[device.node]}"
        while True:
            try:
                self._formats[device.node] = await self._ask_formats(device.node)
            except CameraError as exc:
                if loop.time() > patience and device.node not in self._formats:
                    log.warning("%s: %s", device.product or device.node, exc)
                    self._formats[device.node] = ()
                    self._state.raise_fault(key, exc.message, remedy=exc.remedy)
                    self._publish()
                await asyncio.sleep(backoff.next())
            else:
                self._state.clear_fault(key)
                self._publish()
                return

    def _publish(self) -> None:
        # Name no camera before each that is there answered or had its time: the second choice
        # would be published for a moment, and a picture that runs would be stopped.
        self._has_looked |= self._examinations.keys() <= self._formats.keys()
        if not self._has_looked:
            return
        before = {camera.id: camera for camera in self._state.snapshot.cameras}
        cameras, chosen = self._listed()
        self._state.update(cameras=cameras, chosen=chosen, cameras_known=True)
        self._keeper.keep(CameraMemory(known=self._recognition.known(keep=chosen), chosen=chosen))
        self._tell_unplugged()
        after = {camera.id: camera for camera in cameras}
        for camera_id in after.keys() - before.keys():
            log.info("camera %s is there", after[camera_id].name)
        for camera_id in before.keys() - after.keys():
            log.info("camera %s is gone", before[camera_id].name)

    def _listed(self) -> tuple[tuple[Camera, ...], str]:
        """The cameras, and which is the site's own."""
        chosen = self._chosen()
        ready = [device for device in self._devices.values() if device.node in self._formats]
        cameras = listed(
            self._sections,
            ready,
            self._ids,
            self._formats,
            video=self._config.video,
            chosen=chosen,
        )
        return cameras, chosen

    def _chosen(self) -> str:
        """The one chosen before if it may be, else the first plugged, also if another one answers
        first; "" for none."""
        chosen = self._state.snapshot.chosen
        if is_first_choice(chosen, self._sections, self._recognition.known(keep=chosen)):
            return chosen
        candidates = choose(self._sections, self._devices.values(), self._ids, chosen=chosen)
        first = [one.id_from(self._ids) for one in candidates if one.rank == 0]
        return chosen if chosen in first else next(iter(first), "")

    def _tell_unplugged(self) -> None:
        """Cameras are there, and none is shown: that wants an explanation."""
        snapshot = self._state.snapshot
        if snapshot.cameras and snapshot.elected is None:
            self._state.raise_fault(
                "unplugged",
                "this site's own camera is not plugged in, and no other takes over",
                remedy="plug it in, choose another one, or set capture.take_over = true",
            )
        else:
            self._state.clear_fault("unplugged")


async def list_cameras(config: Config, store: Store | None = None) -> list[Camera]:
    """One look, for people; `store` lends the names by which a daemon knows the cameras. Raises
    `CameraError` when only udev could tell and cannot."""
    if not wants_devices(config.cameras):
        return [*listed(config.cameras, (), {}, {}, video=config.video)]
    try:
        present = await asyncio.to_thread(udev.present_devices)
    except CameraError:
        if not any(section.source != "usb" for section in config.cameras):
            raise
        present = ()
    memory = CameraMemory()
    if store is not None:
        try:
            memory = await asyncio.to_thread(recall, store)
        except StoreError as exc:
            log.warning("%s", exc)
    devices = [device for device in present if device.captures]
    ids = Recognition(memory.known).assign(devices)
    formats: dict[str, tuple[CameraFormat, ...]] = {}
    for one in choose(config.cameras, devices, ids):
        if one.device is None:
            continue
        try:
            formats[one.device.node] = await camera_formats(one.device.node)
        except CameraError as exc:
            log.warning("%s: %s", one.device.product or one.device.node, exc)
    video, chosen = config.video, memory.chosen
    return [*listed(config.cameras, devices, ids, formats, video=video, chosen=chosen)]

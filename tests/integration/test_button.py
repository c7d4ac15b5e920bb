"""A button pauses the camera. What it sends comes through a pipe: the lab presses a real one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from portal.button import FAULT, Button
from portal.config import ButtonSection, Config
from portal.evdev import EV_KEY, EVENT, InputDevice
from portal.keys import KEYS
from portal.model import Snapshot
from portal.privacy import Privacy
from portal.state import StateBoard
from tests.integration.web_server import board_of, config_at

PAUSE = KEYS["KEY_PAUSE"]


class Keypad:
    """/dev/input with devices that tests plug, press and pull."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.denied = False
        self._ends: dict[str, int] = {}
        self._keys: dict[str, frozenset[int]] = {}

    def plug(self, node: str = "event3", *keys: int) -> None:
        self._keys[node] = frozenset(keys or (PAUSE,))
        (self.folder / node).touch()

    def open(self, path: Path) -> InputDevice:
        if self.denied:
            raise PermissionError(13, "Permission denied")
        reading, writing = os.pipe2(os.O_NONBLOCK)
        self._ends[path.name] = writing
        return InputDevice(reading, path, f"Keypad {path.name}", self._keys[path.name])

    def send(self, *events: tuple[int, int], node: str = "event3") -> None:
        """(key, value) each, as the kernel writes them."""
        data = b"".join(EVENT.pack(0, 0, EV_KEY, code, value) for code, value in events)
        os.write(self._ends[node], data + EVENT.pack(0, 0, 0, 0, 0))

    def press(self, code: int = PAUSE, node: str = "event3") -> None:
        self.send((code, 1), (code, 2), (code, 2), (code, 0), node=node)

    def pull(self, node: str = "event3") -> None:
        (self.folder / node).unlink()
        os.close(self._ends.pop(node))

    def close(self) -> None:
        for end in self._ends.values():
            os.close(end)


class Box:
    def __init__(self, state: StateBoard, keypad: Keypad) -> None:
        self.state = state
        self.keypad = keypad

    async def until(self, holds: Callable[[Snapshot], bool]) -> None:
        async with asyncio.timeout(20):
            await self.state.wait_for(holds)

    async def until_heard(self, node: str = "event3") -> None:
        """The device is open and followed."""
        async with asyncio.timeout(20):
            while node not in self.keypad._ends:  # noqa: ASYNC110 - it tells no event
                await asyncio.sleep(0.01)


@asynccontextmanager
async def box_with(folder: Path, key: str = "KEY_PAUSE", device: str = "") -> AsyncIterator[Box]:
    config = Config(site=config_at("127.0.0.1").site)
    state = board_of(config)
    keypad = Keypad(folder)
    button = Button(
        ButtonSection(key=key, device=device),
        state,
        Privacy(config, state),
        folder=folder,
        open_device=keypad.open,
        look_every_s=0.05,
    )
    task = asyncio.create_task(button.run())
    try:
        yield Box(state, keypad)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        keypad.close()


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    async with box_with(tmp_path) as box:
        yield box


async def test_a_press_pauses_the_camera_and_the_next_resumes_it(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.button._BOUNCE_S", 0.0)
    box.keypad.plug()
    await box.until_heard()
    for paused in (True, False, True):
        box.keypad.press()
        await box.until(lambda now, paused=paused: now.paused is paused)  # type: ignore[misc]


async def test_a_key_that_bounces_or_is_held_down_counts_once(box: Box) -> None:
    box.keypad.plug()
    await box.until_heard()
    box.keypad.press()
    box.keypad.press()
    await box.until(lambda now: now.paused)
    await asyncio.sleep(0.1)
    assert box.state.snapshot.paused


async def test_other_keys_and_other_devices_mean_nothing(box: Box) -> None:
    box.keypad.plug("event0", KEYS["KEY_A"])
    box.keypad.plug("event1", PAUSE, KEYS["KEY_A"])
    await box.until_heard("event1")
    box.keypad.press(KEYS["KEY_A"], "event1")
    box.keypad.press(PAUSE, "event1")
    await box.until(lambda now: now.paused)


async def test_a_button_that_is_pulled_and_plugged_in_again_works(box: Box) -> None:
    box.keypad.plug()
    await box.until_heard()
    box.keypad.pull()
    await box.until(lambda now: any(fault.key == FAULT for fault in now.faults))
    box.keypad.plug()
    await box.until_heard()
    await box.until(lambda now: not now.faults)
    box.keypad.press()
    await box.until(lambda now: now.paused)


async def test_a_button_that_is_missing_is_a_fault_with_a_remedy(box: Box) -> None:
    await box.until(lambda now: bool(now.faults))
    (fault,) = box.state.snapshot.faults
    assert fault.message == "the button does not work: no device has KEY_PAUSE"
    assert "plug it in" in fault.remedy


async def test_a_device_that_may_not_be_read_is_named(box: Box) -> None:
    box.keypad.denied = True
    box.keypad.plug()
    await box.until(lambda now: bool(now.faults) and "group input" in now.faults[0].remedy)
    box.keypad.denied = False
    await box.until_heard()
    await box.until(lambda now: not now.faults)


@pytest.mark.parametrize("device", ["Keypad event4", "{folder}/by-id"])
async def test_a_device_can_be_chosen_by_name_or_path(tmp_path: Path, device: str) -> None:
    (tmp_path / "by-id").symlink_to(tmp_path / "event4")
    async with box_with(tmp_path, device=device.format(folder=tmp_path)) as box:
        box.keypad.plug("event3")
        box.keypad.plug("event4")
        await box.until_heard("event4")
        box.keypad.press(node="event4")
        await box.until(lambda now: now.paused)


async def test_without_a_key_no_device_is_opened(tmp_path: Path) -> None:
    async with box_with(tmp_path, key="") as box:
        box.keypad.plug()
        await asyncio.sleep(0.2)
        assert box.keypad._ends == {}
        assert box.state.snapshot.faults == ()

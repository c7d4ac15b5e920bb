"""The button: a key of any input device that pauses the camera, and resumes it.

Devices come and go, so they are looked for again every few seconds: no event names a device before
its rights are set.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Never

from portal.config import ButtonSection
from portal.evdev import FOLDER, InputDevice
from portal.keys import code_of
from portal.privacy import Privacy
from portal.state import StateBoard

log = logging.getLogger(__name__)

FAULT = "button"
_LOOK_EVERY_S = 2.0
_SETTLED_LOOKS = 3  # a device that is just being plugged in is no fault
_BOUNCE_S = 0.25  # a worn contact presses twice, a person does not


class Button:
    """Waits for ever if no key is configured."""

    def __init__(
        self,
        config: ButtonSection,
        state: StateBoard,
        privacy: Privacy,
        *,
        folder: Path = FOLDER,
        open_device: Callable[[Path], InputDevice] = InputDevice.open,
        look_every_s: float = _LOOK_EVERY_S,
    ) -> None:
        self._config = config
        self._code = code_of(config.key)
        self._state = state
        self._privacy = privacy
        self._folder = folder
        self._open_device = open_device
        self._look_every_s = look_every_s
        self._devices: dict[Path, InputDevice] = {}
        self._others: dict[Path, float] = {}  # looked at, and not it: by their time of change
        self._denied: set[Path] = set()
        self._pressed_at = 0.0
        self._presses = 0
        self._heard = asyncio.Event()

    async def run(self) -> Never:
        """Never returns."""
        if self._code is None:
            await asyncio.Event().wait()
        looks = 0
        try:
            while True:
                self._look()
                looks = 0 if self._devices else looks + 1
                if self._devices:
                    self._state.clear_fault(FAULT)
                elif looks == _SETTLED_LOOKS:
                    self._miss()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._look_every_s):
                        await self._serve()
        finally:
            for device in list(self._devices.values()):
                self._forget(device)

    async def _serve(self) -> Never:
        """Does what was pressed."""
        while True:
            await self._heard.wait()
            self._heard.clear()
            presses, self._presses = self._presses, 0
            if presses % 2:
                paused = not self._state.snapshot.paused
                await asyncio.shield(self._privacy.pause(paused, by="the button"))

    def _look(self) -> None:
        """For devices that came."""
        self._denied.clear()
        nodes = sorted(self._folder.glob("event*")) if self._folder.is_dir() else []
        for node in nodes:
            with contextlib.suppress(FileNotFoundError):
                changed = node.stat().st_ctime
                if node not in self._devices and self._others.get(node) != changed:
                    self._others[node] = changed
                    self._try(node)

    def _try(self, node: Path) -> None:
        try:
            device = self._open_device(node)
        except PermissionError:
            self._denied.add(node)
            self._others.pop(node)
            return
        except OSError:
            return
        wanted = self._config.device
        is_named = not wanted or wanted == device.name or _is_same(Path(wanted), node)
        if not is_named or self._code not in device.keys:
            device.close()
            return
        self._others.pop(node)
        self._devices[node] = device
        asyncio.get_running_loop().add_reader(device.fd, self._read, device)
        log.info("button: %s of %s (%s)", self._config.key, device.name, node)

    def _read(self, device: InputDevice) -> None:
        try:
            for code in device.presses():
                now = time.monotonic()
                if code == self._code and now - self._pressed_at >= _BOUNCE_S:
                    self._pressed_at = now
                    self._presses += 1
                    self._heard.set()
        except OSError:
            log.warning("button: %s is gone", device.name)
            self._forget(device)

    def _forget(self, device: InputDevice) -> None:
        asyncio.get_running_loop().remove_reader(device.fd)
        device.close()
        self._devices.pop(device.path, None)

    def _miss(self) -> None:
        key, wanted = self._config.key, self._config.device
        why = f"{wanted} is not there, or lacks {key}" if wanted else f"no device has {key}"
        remedy = "plug it in, or correct [button]"
        if self._denied:
            remedy = f"let portal's user read {min(self._denied)} (group input), or plug it in"
        self._state.raise_fault(FAULT, f"the button does not work: {why}", remedy=remedy)


def _is_same(wanted: Path, node: Path) -> bool:
    """By-id links lead to the node."""
    with contextlib.suppress(OSError):
        return wanted.is_absolute() and wanted.samefile(node)
    return False

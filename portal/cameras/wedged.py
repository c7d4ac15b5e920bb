"""Restarts a USB camera that hangs, as if it was pulled out and plugged in again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from portal.model import Camera, Snapshot
from portal.state import StateBoard
from portal.words import CameraState

log = logging.getLogger(__name__)

# A camera that hangs again so soon is broken, or its cable is: pulling it 100 times mends nothing.
_ONCE_IN_S = 600.0
# Without power management of the port the device keeps its state: the kernel forgets it at once.
_OFF_S = 0.5
# From there to its node it takes 0.5 s, to the first frame up to 2 s more.
_BACK_WITHIN_S = 15.0


class WedgedCameras:
    """Follows `camera`: one that is faulty because it is wedged is de-authorised and authorised
    again through sysfs, once in a while. Writes the fault `wedged`."""

    def __init__(
        self,
        state: StateBoard,
        *,
        sysfs: Path = Path("/sys"),
        once_in_s: float = _ONCE_IN_S,
        back_within_s: float = _BACK_WITHIN_S,
        off_s: float = _OFF_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state = state
        self._sysfs = sysfs
        self._once_in_s = once_in_s
        self._back_within_s = back_within_s
        self._off_s = off_s
        self._monotonic = monotonic
        self._tried_at: dict[str, float] = {}  # by camera id
        self._told_of: str | None = None

    async def run(self) -> NoReturn:
        while True:
            snapshot = await self._state.wait_for(
                lambda new: wedged_camera(new) is not None or self._is_over(new)
            )
            if self._is_over(snapshot):
                self._state.clear_fault("wedged")
                self._told_of = None
            elif (camera := wedged_camera(snapshot)) is not None:
                wait_s = self._due_in(camera)
                if wait_s <= 0:
                    self._tried_at[camera.id] = self._monotonic()
                    await self._restart(camera)
                    wait_s = self._back_within_s
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._changed(camera)

    def _is_over(self, snapshot: Snapshot) -> bool:
        """The camera that was complained of works again, or is gone."""
        if self._told_of is None:
            return False
        is_there = self._told_of in {camera.id for camera in snapshot.cameras}
        return snapshot.camera.state is CameraState.LIVE or not is_there

    async def _changed(self, camera: Camera) -> None:
        """It works again or is gone; trying again is not working."""
        await self._state.wait_for(
            lambda new: new.camera.state is CameraState.LIVE or camera not in new.cameras
        )

    def _due_in(self, camera: Camera) -> float:
        now = self._monotonic()
        self._tried_at = {
            name: at for name, at in self._tried_at.items() if now - at < self._once_in_s
        }
        tried_at = self._tried_at.get(camera.id)
        return 0.0 if tried_at is None else tried_at + self._once_in_s - now

    async def _restart(self, camera: Camera) -> None:
        device = await asyncio.to_thread(usb_device_of, camera.device, self._sysfs)
        if device is None:
            return
        log.warning("camera %s hangs: restarting USB device %s", camera.name, device.name)
        try:
            await asyncio.to_thread(reauthorise, device, self._off_s)
        except PermissionError:
            self._tell(
                camera,
                f"{camera.name} hangs, and this user may not restart it",
                "unplug it and plug it in again; to let portal do so, see the troubleshooting page",
            )
        except OSError as exc:
            self._tell(
                camera,
                f"{camera.name} hangs, and could not be restarted: {exc.strerror}",
                "unplug it and plug it in again, try another cable or port",
            )

    def _tell(self, camera: Camera, message: str, remedy: str) -> None:
        self._told_of = camera.id
        log.warning("%s: %s", message, remedy)
        self._state.raise_fault("wedged", message, remedy=remedy)


def wedged_camera(snapshot: Snapshot) -> Camera | None:
    status = snapshot.camera
    camera = status.camera
    if status.state is not CameraState.FAULT or status.cause != "wedged" or camera is None:
        return None
    return camera if camera.source == "usb" and camera in snapshot.cameras else None


def usb_device_of(node: str, sysfs: Path) -> Path | None:
    """The USB device that a video node belongs to. (Its interfaces have an `authorized` too.)"""
    try:
        place = (sysfs / "class/video4linux" / Path(node).name).resolve(strict=True)
    except OSError:
        return None
    for above in place.parents:
        if (above / "authorized").exists() and (above / "idVendor").exists():
            return above
    return None


def reauthorise(device: Path, off_s: float) -> None:
    """Blocking: a device that does not answer costs the kernel some seconds. It is never left
    de-authorised, whatever happens. Raises `OSError`."""
    switch = device / "authorized"
    switch.write_text("0")
    try:
        time.sleep(off_s)
    finally:
        switch.write_text("1")

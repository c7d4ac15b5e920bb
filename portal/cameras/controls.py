"""The cameras' controls: listed, set, reset, and set again each time a camera is plugged in."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection, Mapping
from functools import partial
from typing import NoReturn

import msgspec

from portal.cameras.kept import KeptControls
from portal.cameras.ranges import Wish, is_allowed, named, range_of, values_of
from portal.cameras.v4l2 import Written, answer, is_mode, read_controls, write_controls
from portal.errors import CameraError, ControlError, StoreError
from portal.model import Camera, CameraControl, Snapshot
from portal.state import StateBoard
from portal.store import Store

log = logging.getLogger(__name__)

# A camera may refuse while it starts up.
_TRY_AFTER_S = (0.0, 0.5, 2.0, 5.0)


class CameraControls:
    """Writes the faults `controls` and `controls:<camera id>`. Values that people set are kept by
    camera id; the device forgets its own when it is unplugged."""

    def __init__(self, state: StateBoard, store: Store) -> None:
        self._state = state
        self._kept = KeptControls(store)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def run(self) -> NoReturn:
        """Restore what was set, at each plug, beside everything else that happens then."""
        restoring: dict[tuple[str, str, bool], asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            async for snapshot in self._state.subscribe():
                plugged = {_plug(camera): camera for camera in snapshot.cameras if camera.device}
                for plug in restoring.keys() - plugged.keys():
                    restoring.pop(plug).cancel()
                    self._state.clear_fault(_fault_key(plug[0]))
                for plug in plugged.keys() - restoring.keys():
                    restoring[plug] = group.create_task(
                        self._restore(plugged[plug]), name=f"controls of {plug[0]}"
                    )
        raise AssertionError("unreachable")

    async def controls(self, camera: Camera) -> tuple[CameraControl, ...]:
        """Those that the camera has, as they are now. Raises `CameraError`."""
        if not camera.device:
            return ()
        async with self._locks[camera.id]:
            return await answer(camera.device, read_controls)

    async def kept(self, camera: Camera) -> Mapping[str, int]:
        """What people have set. Raises `StoreError`."""
        return await self._kept.of(camera.id)

    async def set(self, camera: Camera, wishes: Mapping[str, Wish]) -> tuple[CameraControl, ...]:
        """Set several and keep them; the controls afterwards. All are checked before the first is
        written. Raises `ControlError`, `CameraError` or `StoreError`; what was written before is
        kept then."""
        async with self._locks[camera.id]:
            known = await self._known(camera)
            values = values_of(known.values(), wishes)
            # With what was kept before: a mode that is switched off now may have locked some of it.
            wanted = {**_possible(await self._kept.of(camera.id), known), **values}
            written = _of_those(values, await self._write(camera, wanted))
            # A button, or a step relative to where the camera looks, is not to be repeated.
            done = {name: values[name] for name in written.done if not known[name].write_only}
            await self._kept.add(camera.id, done)
            self._check(written, known)
            log.info("%s: %s", camera.name, ", ".join(f"{n} = {v}" for n, v in values.items()))
            return await answer(camera.device, read_controls)

    async def reset(
        self, camera: Camera, names: Collection[str] | None = None
    ) -> tuple[CameraControl, ...]:
        """Give the named ones, or all, their defaults and keep them no more; the controls
        afterwards. Raises as `set`."""
        async with self._locks[camera.id]:
            known = await self._known(camera)
            chosen = [named(known, name) for name in names] if names else [*known.values()]
            if names:
                await self._kept.drop(camera.id, names)
            else:
                await self._kept.drop(camera.id)
            defaults = {
                control.name: control.default
                for control in chosen
                if not control.read_only and not control.write_only
            }
            written = await self._write(camera, defaults)
            # One that is locked has no say: its default does not matter.
            self._check(msgspec.structs.replace(written, locked=()), known)
            self._state.clear_fault(_fault_key(camera.id))
            log.info("%s: %s reset", camera.name, ", ".join(names or ("all controls",)))
            return await answer(camera.device, read_controls)

    async def _known(self, camera: Camera) -> dict[str, CameraControl]:
        if not camera.device:
            raise ControlError(f"{camera.name} is no device: it has no controls")
        return {control.name: control for control in await answer(camera.device, read_controls)}

    async def _write(self, camera: Camera, wanted: Mapping[str, int]) -> Written:
        return await answer(camera.device, partial(write_controls, wanted=wanted))

    def _check(self, written: Written, known: Mapping[str, CameraControl]) -> None:
        """Raises `ControlError` for the first value that did not get through."""
        for name, why in written.refused.items():
            raise ControlError(
                f"{name} was refused: {why}", remedy=f"it takes {range_of(known[name])}"
            )
        if written.locked:
            modes = [control.name for control in known.values() if is_mode(control)]
            raise ControlError(
                f"{written.locked[0]} is locked: an automatic mode decides instead",
                remedy=f"switch that off first ({', '.join(modes) or 'it is not known which'})",
            )

    async def _restore(self, camera: Camera) -> None:
        """Ends when all is as it was set, or will not be."""
        fault: CameraError | StoreError | None = None
        for delay in _TRY_AFTER_S:
            await asyncio.sleep(delay)
            try:
                async with self._locks[camera.id]:
                    await self._write_kept(camera)
            except (CameraError, StoreError) as exc:
                fault = exc
            else:
                self._state.clear_fault(_fault_key(camera.id))
                return
            if isinstance(fault, ControlError):
                break
        assert fault is not None  # noqa: S101 - each turn without one has returned
        log.warning("%s: its controls are not as they were set: %s", camera.name, fault)
        self._state.raise_fault(
            _fault_key(camera.id),
            f"{camera.name}: its controls are not as they were set: {fault.message}",
            remedy=f"set them again, or: portal cameras reset {camera.id}",
        )

    async def _write_kept(self, camera: Camera) -> None:
        kept = await self._kept.of(camera.id)
        if not kept:
            return
        known = await self._known(camera)
        possible = _possible(kept, known)
        written = await self._write(camera, possible)
        log.info("%s: %d controls are as they were set", camera.name, len(written.done))
        # A value whose mode decides again waits until that is switched off.
        self._check(msgspec.structs.replace(written, locked=()), known)
        for name in kept.keys() - possible.keys():
            raise ControlError(f"{name} cannot be {kept[name]} any more")


def _possible(kept: Mapping[str, int], known: Mapping[str, CameraControl]) -> dict[str, int]:
    """Without what this device, perhaps another firmware, lacks or does not take any more."""
    return {
        name: value
        for name, value in kept.items()
        if name in known and is_allowed(known[name], value) and not known[name].read_only
    }


def _of_those(names: Collection[str], written: Written) -> Written:
    return Written(
        done=tuple(name for name in written.done if name in names),
        refused={name: why for name, why in written.refused.items() if name in names},
        locked=tuple(name for name in written.locked if name in names),
    )


def published_id(snapshot: Snapshot) -> str:
    """The camera that the other site sees; "" for none."""
    return snapshot.camera.camera.id if snapshot.camera.camera is not None else ""


def _plug(camera: Camera) -> tuple[str, str, bool]:
    """What is another value after a replug. A camera that could not be asked at first gets a second
    chance when it tells its formats."""
    return camera.id, camera.device, bool(camera.formats)


def _fault_key(camera_id: str) -> str:
    return f"controls:{camera_id}"

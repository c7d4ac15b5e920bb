"""What people set on their cameras, by camera id: kept over replug, restart and power cut."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

import msgspec

from portal.store import Store

_DOCUMENT = "controls"


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    cameras: dict[str, dict[str, int]] = {}  # camera id → control → value


class KeptControls:
    """One per daemon: read at the first use, written at each change. Every method raises
    `StoreError`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = asyncio.Lock()
        self._cameras: dict[str, dict[str, int]] | None = None

    async def of(self, camera_id: str) -> Mapping[str, int]:
        async with self._lock:
            return dict((await self._read()).get(camera_id, {}))

    async def add(self, camera_id: str, values: Mapping[str, int]) -> None:
        async with self._lock:
            cameras = await self._read()
            before = cameras.get(camera_id, {})
            await self._write({**cameras, camera_id: {**before, **values}})

    async def drop(self, camera_id: str, names: Collection[str] | None = None) -> None:
        """The named ones, or all."""
        async with self._lock:
            cameras = await self._read()
            before = cameras.get(camera_id, {})
            left = {} if names is None else {n: v for n, v in before.items() if n not in names}
            await self._write({**cameras, camera_id: left})

    async def _read(self) -> dict[str, dict[str, int]]:
        if self._cameras is None:
            document = await asyncio.to_thread(self._store.load, _DOCUMENT, _Document)
            self._cameras = document.cameras
        return self._cameras

    async def _write(self, cameras: dict[str, dict[str, int]]) -> None:
        cameras = {camera_id: values for camera_id, values in cameras.items() if values}
        if cameras != self._cameras:
            await asyncio.to_thread(self._store.save, _DOCUMENT, _Document(cameras=cameras))
            self._cameras = cameras

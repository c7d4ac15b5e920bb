"""What is kept of the cameras through a power cut: who was here, and which is the site's own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import NoReturn

from portal.cameras.recognition import KnownCamera
from portal.errors import StoreError
from portal.model import Value
from portal.state import StateBoard
from portal.store import Store

log = logging.getLogger(__name__)

_DOCUMENT = "cameras"
_FAULT = "camera-memory"
_SAVE_AGAIN_S = 60.0  # what could not be written


class CameraMemory(Value, frozen=True):
    """The document."""

    known: tuple[KnownCamera, ...] = ()
    chosen: str = ""


def recall(store: Store) -> CameraMemory:
    """Blocking. Raises `StoreError`."""
    return store.load(_DOCUMENT, CameraMemory)


class MemoryKeeper:
    """Writes the memory whenever it differs from what was written. Without a store it forgets."""

    def __init__(self, store: Store | None, state: StateBoard) -> None:
        self._store = store
        self._state = state
        self._written = self._wanted = CameraMemory()
        self._changed = asyncio.Event()

    async def recall(self) -> CameraMemory:
        if self._store is not None:
            try:
                self._written = await asyncio.to_thread(recall, self._store)
            except StoreError as exc:
                self._tell(exc)
        self._wanted = self._written
        return self._written

    def keep(self, memory: CameraMemory) -> None:
        self._wanted = memory
        self._changed.set()  # also for what was written before: another may be on its way

    async def run(self) -> NoReturn:
        again_s: float | None = None
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(again_s):
                    await self._changed.wait()
            again_s = None
            self._changed.clear()
            wanted = self._wanted
            if self._store is None or wanted == self._written:
                continue
            try:
                await asyncio.to_thread(self._store.save, _DOCUMENT, wanted)
            except StoreError as exc:
                self._tell(exc)
                again_s = _SAVE_AGAIN_S
            else:
                self._state.clear_fault(_FAULT)
                self._written = wanted

    def _tell(self, exc: StoreError) -> None:
        log.warning("%s", exc)
        self._state.raise_fault(
            _FAULT, f"what is known of the cameras is not kept: {exc.message}", remedy=exc.remedy
        )

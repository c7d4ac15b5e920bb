"""Whether this box ever saw another site: until then its screen shows where to find its page."""

from __future__ import annotations

import asyncio
import logging
from typing import Never

import msgspec

from portal.errors import StoreError
from portal.state import StateBoard
from portal.store import Store

log = logging.getLogger(__name__)

DOCUMENT = "acquaintance"


class Acquaintance(msgspec.Struct, frozen=True, kw_only=True):
    """What survives a power cut."""

    met: bool = False


class Meeting:
    """The only writer of `met`."""

    def __init__(self, state: StateBoard, store: Store) -> None:
        self._state = state
        self._store = store

    async def run(self) -> Never:
        """Never returns. What cannot be kept is worth no fault: the splash is shown once more."""
        try:
            known = await asyncio.to_thread(self._store.load, DOCUMENT, Acquaintance)
            self._state.update(met=known.met)
        except StoreError as exc:
            log.warning("%s", exc)
        await self._state.wait_for(lambda now: now.met or now.link.remote is not None)
        if not self._state.snapshot.met:
            self._state.update(met=True)
            try:
                await asyncio.to_thread(self._store.save, DOCUMENT, Acquaintance(met=True))
            except StoreError as exc:
                log.warning("%s", exc)
        while True:
            await asyncio.Event().wait()

"""The current snapshot: replaced as a whole, never changed, published to whoever subscribes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec

from portal.model import Fault, Snapshot


class StateBoard:
    """One per daemon, used on the event loop's thread only."""

    def __init__(self, initial: Snapshot) -> None:
        self._snapshot = initial
        self._changed = asyncio.Event()

    @property
    def snapshot(self) -> Snapshot:
        return self._snapshot

    def update(self, **changes: Any) -> None:
        """Replace the named fields of the snapshot. Equal values wake nobody."""
        replaced = msgspec.structs.replace(self._snapshot, **changes)
        if replaced == self._snapshot:
            return
        self._snapshot = replaced
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def raise_fault(self, key: str, message: str, *, remedy: str = "") -> None:
        """Show a fault until `clear_fault(key)`; a second one with the key replaces the first, in
        its place: who says the same again wakes nobody."""
        faults = {fault.key: fault for fault in self._snapshot.faults}
        faults[key] = Fault(key=key, message=message, remedy=remedy)
        self.update(faults=tuple(faults.values()))

    def clear_fault(self, key: str) -> None:
        self.update(faults=tuple(fault for fault in self._snapshot.faults if fault.key != key))

    async def subscribe(self) -> AsyncIterator[Snapshot]:
        """The present snapshot, then the newest after each change. A slow reader skips some."""
        seen: Snapshot | None = None
        while True:
            changed = self._changed
            if self._snapshot is not seen:
                seen = self._snapshot
                yield seen
            else:
                await changed.wait()

    async def wait_for(self, predicate: Callable[[Snapshot], bool]) -> Snapshot:
        """The first snapshot, from now on, for which `predicate` holds."""
        while not predicate(self._snapshot):
            await self._changed.wait()
        return self._snapshot

    async def wait_for_change(
        self, of: Callable[[Snapshot], object], before: object, *, within_s: float | None = None
    ) -> bool:
        """Wait until `of` finds something else than `before`. False when the time was over first:
        not an error, then it is looked at again."""
        # Not wait_for(): in Python 3.11 it forgets that it was cancelled as the change comes.
        try:
            async with asyncio.timeout(within_s):
                await self.wait_for(lambda snapshot: of(snapshot) != before)
        except TimeoutError:
            return False
        return True

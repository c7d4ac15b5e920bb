"""A reader that never gives up, as a screen does: when did it decode a picture?"""

from __future__ import annotations

import asyncio
import time

from portal.errors import PictureError
from portal.probe import open_reader

_RETRY_S = 0.02


class Watcher:
    """Reads a path for as long as `watch` runs; connects again at once when a session ends."""

    def __init__(self, whep: str) -> None:
        self._whep = whep
        self.session = 0  # grows by one with each session that shows a picture
        self.first_frame_at = 0.0  # of that session; time.monotonic()
        self._shown = asyncio.Condition()

    async def watch(self) -> None:
        """Never returns."""
        while True:
            try:
                async with open_reader(self._whep, frame_timeout_s=20) as frames:
                    is_first = True
                    async for frame in frames:
                        if is_first:
                            await self._note(frame.received_at)
                        is_first = False
            except PictureError:
                pass
            await asyncio.sleep(_RETRY_S)

    async def _note(self, at: float) -> None:
        async with self._shown:
            self.session += 1
            self.first_frame_at = at
            self._shown.notify_all()

    async def next_session(self, after: int, *, within_s: float) -> float:
        """When the first session later than number `after` showed its first picture."""
        async with asyncio.timeout(within_s), self._shown:
            await self._shown.wait_for(lambda: self.session > after)
            return self.first_frame_at


def now() -> float:
    return time.monotonic()

"""A picture as a viewer sees it: dated frames, and when it was interrupted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Self

# A picture that is older is no window.
STALE_S = 1.5
# So long without an interruption, and it is back.
STEADY_S = 2.0
POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Frame:
    """`at`: when the screen presented it; `age_s`: since the camera saw it, None if unreadable."""

    at: float
    age_s: float | None


class Watching:
    """What a screen showed, in order of time. `gap_s`: a picture that stands longer than this was
    interrupted; it is more than the time between two looks."""

    def __init__(self, *, gap_s: float) -> None:
        self.frames: list[Frame] = []
        self._gap_s = gap_s

    @asynccontextmanager
    async def collecting(self) -> AsyncIterator[Self]:
        """`frames` grow for as long as the block lasts. Raises what ended `collect`."""
        task = asyncio.create_task(self.collect(), name="collect frames")
        try:
            yield self
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def collect(self) -> None:
        """Append to `frames`. Never returns."""
        raise NotImplementedError

    async def says(self) -> str:
        """The page's state and words, for a failed test."""
        raise NotImplementedError

    @property
    def story(self) -> str:
        """When and what it last showed, for a failed test."""
        if not self.frames:
            return "no frame at all"
        return f"{len(self.frames)} frames, last {time.time() - self.frames[-1].at:.1f} s ago"

    def interruptions(self, since: float) -> list[tuple[float, float]]:
        """(from, to) of each time without a live picture after `since`; the last may go on."""
        found = []
        last = max((frame.at for frame in self.frames if frame.at <= since), default=since)
        for frame in self.frames:
            if frame.at <= since or frame.age_s is None or frame.age_s > STALE_S:
                continue
            if frame.at - last > self._gap_s:
                found.append((last, frame.at))
            last = frame.at
        if time.time() - last > self._gap_s + 2 * POLL_S:
            found.append((last, time.time()))
        return found

    async def until_live(self, since: float, *, within_s: float) -> float:
        """Seconds from `since` to the end of the last interruption, 0 where there was none. Waits
        until the picture is steady. Raises `AssertionError`."""
        while True:
            await asyncio.sleep(POLL_S)
            now = time.time()
            gaps = self.interruptions(since)
            ended = gaps[-1][1] if gaps else since
            if now - ended >= STEADY_S and now - since >= STEADY_S:
                return max(0.0, ended - since) if gaps else 0.0
            if now - since > within_s:
                says = await self.says()
                raise AssertionError(f"no steady picture within {within_s} s: {says}; {self.story}")

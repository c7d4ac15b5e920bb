"""What the box's daemon says, as the kiosk hears it: `/events` over HTTP, like a page."""

from __future__ import annotations

import asyncio
import logging

import aiohttp
import msgspec

from portal.backoff import Backoff

_LOG = logging.getLogger(__name__)

# The daemon beats every 5 s; three missed beats are a dead daemon behind a living socket.
_SILENCE_S = 15.0


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """What a kiosk needs of a snapshot; the rest of it is not read. The two numbers grow with each
    order to restart."""

    display_on: bool = True
    browser_restarts: int = 0
    compositor_restarts: int = 0


class Followed:
    """`is_up`: the daemon answers. The last word stays when it is gone; without `has_heard` it is
    none of a daemon's."""

    def __init__(self) -> None:
        self.is_up = False
        self.has_heard = False
        self.word = Word()
        self._next = asyncio.Event()

    def hear(self, word: Word) -> None:
        self.has_heard = True
        self._become(is_up=True, word=word)

    def lose(self) -> None:
        self._become(is_up=False, word=self.word)

    def _become(self, *, is_up: bool, word: Word) -> None:
        if (is_up, word) == (self.is_up, self.word):
            return  # most of a snapshot's changes are none to us
        self.is_up, self.word = is_up, word
        self._next.set()
        self._next = asyncio.Event()

    async def changed(self, within_s: float) -> None:
        """Return at a change, at the latest after `within_s`."""
        try:
            async with asyncio.timeout(within_s):
                await self._next.wait()
        except TimeoutError:
            return


async def follow(url: str, followed: Followed) -> None:
    """Keep `followed` true. Never returns."""
    backoff = Backoff(first_s=0.2, cap_s=1.0)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=3.0, sock_read=_SILENCE_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        while True:
            try:
                await _read(session, url, followed, backoff)
            except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as exc:
                if followed.is_up:
                    _LOG.info("the daemon is gone: the screen keeps its page")
                _LOG.debug("%s: %s", url, exc)
            followed.lose()
            await asyncio.sleep(backoff.next())


async def _read(
    session: aiohttp.ClientSession, url: str, followed: Followed, backoff: Backoff
) -> None:
    async with session.get(url, headers={"Accept": "text/event-stream"}) as response:
        response.raise_for_status()
        # One snapshot is one line; 64 cameras with all their formats stay below 1 MB.
        buffer = b""
        async for chunk in response.content.iter_any():
            *lines, buffer = (buffer + chunk).split(b"\n")
            for line in lines:
                if line.startswith(b"data: {"):
                    followed.hear(msgspec.json.decode(line[6:], type=Word))
                    backoff.reset()

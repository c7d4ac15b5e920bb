"""`/events`: the snapshot as Server-Sent Events, at once and after each change."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec
from aiohttp import web

from portal.model import Snapshot
from portal.state import StateBoard
from portal.web.faults import RequestError
from portal.web.snapshot import for_pages

# A page takes 15 s of silence for a lost daemon; three beats fit in.
HEARTBEAT_S = 5.0
# A comment, which keeps proxies awake, and an event of another type than the snapshots': a script
# never hears of comments.
HEARTBEAT = b": still here\nevent: heartbeat\ndata: 0\n\n"
# A kiosk and a few open pages; each stream costs a socket and about 10 kB.
MAX_STREAMS = 64


def as_event(snapshot: Snapshot) -> bytes:
    """One message. JSON has no raw line breaks, so it is one `data:` line."""
    return b"data: " + msgspec.json.encode(for_pages(snapshot)) + b"\n\n"


class EventStreams:
    """The open streams of one app. `close()` ends them all at once."""

    def __init__(self, state: StateBoard, *, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._state = state
        self._heartbeat_s = heartbeat_s
        self._pumps: set[asyncio.Task[None]] = set()
        self._closing = False

    def __len__(self) -> int:
        return len(self._pumps)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if self._closing or len(self._pumps) >= MAX_STREAMS:
            raise RequestError(
                503, f"{len(self._pumps)} pages are open already", remedy="close one, or wait"
            )
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",  # a proxy that buffers would hold each event back
            }
        )
        pump = asyncio.create_task(self._pump(request, response), name="event stream")
        self._pumps.add(pump)
        try:
            await asyncio.wait({pump})
            # A page that was closed is noticed by the next write to it.
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                pump.result()
        finally:
            pump.cancel()
            self._pumps.discard(pump)
        return response

    async def _pump(self, request: web.Request, response: web.StreamResponse) -> None:
        await response.prepare(request)
        # Come back soon after a restart of the daemon: the default is 3 s and more.
        await response.write(b"retry: 500\n\n")
        seen: Snapshot | None = None
        while True:
            try:
                async with asyncio.timeout(self._heartbeat_s):
                    seen = await self._newer_than(seen)
            except TimeoutError:
                await response.write(HEARTBEAT)
            else:
                await response.write(as_event(seen))

    async def _newer_than(self, seen: Snapshot | None) -> Snapshot:
        return await self._state.wait_for(lambda snapshot: snapshot is not seen)

    async def close(self, _app: web.Application | None = None) -> None:
        """An `on_shutdown` hook."""
        self._closing = True
        for pump in self._pumps:
            pump.cancel()

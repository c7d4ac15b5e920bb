"""The DevTools protocol over a pair of pipes: JSON messages, each ended by a NUL byte.

A pipe, not a port: nobody else on the box can reach it, and Chromium ends when it breaks.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections.abc import Callable
from typing import Any

import msgspec

from portal.errors import KioskError

# A screenshot of a 4K screen is 30 MB; what the watchdog asks for is far below 1 MB.
_LIMIT = 64 << 20

Event = Callable[[str, dict[str, Any], str], None]


class DevTools:
    """One browser's line. `on_event(method, params, session)` hears what nobody asked for."""

    def __init__(self, on_event: Event) -> None:
        self._on_event = on_event
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._transports: list[asyncio.BaseTransport] = []
        self._writer: asyncio.WriteTransport | None = None
        self._listening: asyncio.Task[None] | None = None
        self._is_closed = False
        self._theirs: list[int] = []

    async def open(self) -> tuple[int, int]:
        """The descriptors that the browser must find at 3 (it reads) and 4 (it writes)."""
        loop = asyncio.get_running_loop()
        to_read, to_write = os.pipe()
        from_read, from_write = os.pipe()
        self._theirs = [to_read, from_write]
        reader = asyncio.StreamReader(limit=_LIMIT)
        into, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(from_read, "rb", 0)
        )
        out, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(to_write, "wb", 0))
        self._writer = out
        self._transports = [into, out]
        self._listening = asyncio.create_task(self._listen(reader), name="devtools")
        return to_read, from_write

    def handed_over(self) -> None:
        """The browser has its ends: ours of them are closed, so that its end is heard."""
        for descriptor in self._theirs:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._theirs = []

    async def call(
        self, method: str, *, session: str = "", within_s: float = 5.0, **params: Any
    ) -> dict[str, Any]:
        """The result. Raises `TimeoutError` when none comes, `KioskError` when it is refused or
        the line is cut."""
        if self._writer is None or self._is_closed:
            raise KioskError("the browser's line is closed")
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        self._writer.write(msgspec.json.encode(message) + b"\0")
        try:
            async with asyncio.timeout(within_s):
                return await answer
        finally:
            self._waiting.pop(number, None)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                raw = await reader.readuntil(b"\0")
                self._hear(msgspec.json.decode(raw[:-1]))
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            self._cut()

    def _hear(self, message: dict[str, Any]) -> None:
        number = message.get("id")
        if number is None:
            self._on_event(
                message.get("method", ""), message.get("params", {}), message.get("sessionId", "")
            )
            return
        answer = self._waiting.get(number)
        if answer is None or answer.done():
            return
        if "error" in message:
            answer.set_exception(KioskError(f"the browser refused: {message['error']['message']}"))
        else:
            answer.set_result(message.get("result", {}))

    def _cut(self) -> None:
        self._is_closed = True
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(KioskError("the browser's line was cut"))

    async def close(self) -> None:
        """Idempotent. The browser ends by itself when it notices."""
        self._cut()
        self.handed_over()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        for transport in self._transports:
            if transport.is_closing():
                continue
            # A pipe that a stopped browser does not read would never be flushed.
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()
            else:
                transport.close()
        await asyncio.sleep(0)  # the transports close their files in the loop's next turn

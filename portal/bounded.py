"""The whole body of an answer from a server that is not trusted to end it."""

from __future__ import annotations

import aiohttp


class TooLargeError(ValueError):
    """It is larger than was agreed to."""


async def body_of(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """All of it, however many pieces it comes in. Raises `TooLargeError` beyond `limit` bytes."""
    received = bytearray()
    async for piece in response.content.iter_any():
        received += piece
        if len(received) > limit:
            raise TooLargeError(f"it sends more than {limit} bytes")
    return bytes(received)

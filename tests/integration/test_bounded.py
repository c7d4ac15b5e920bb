"""Answers are read whole and no further than agreed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from portal.bounded import TooLargeError, body_of


@asynccontextmanager
async def _answer_in_pieces(address: str) -> AsyncIterator[aiohttp.ClientResponse]:
    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in (b"one ", b"two ", b"three"):
            await response.write(piece)
            await asyncio.sleep(0.02)  # a packet of its own
        return response

    app = web.Application()
    app.router.add_get("/", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, address, 8080).start()
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"http://{address}:8080/") as response,
        ):
            yield response
    finally:
        await runner.cleanup()


async def test_an_answer_in_pieces_is_read_whole(loopback: str) -> None:
    async with _answer_in_pieces(loopback) as response:
        assert await body_of(response, 13) == b"one two three"


async def test_an_answer_without_end_is_given_up(loopback: str) -> None:
    async with _answer_in_pieces(loopback) as response:
        with pytest.raises(TooLargeError):
            await body_of(response, 12)

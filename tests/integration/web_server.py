"""What the tests of the web room share: an app on an address, a board, an offer, peers, fake ones
and a real MediaMTX."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from portal import resources
from portal.config import Config, SiteSection
from portal.errors import MediaServerError
from portal.mediamtx.client import MediaMtxClient
from portal.mediamtx.settings import environment
from portal.model import LinkStatus, Peer, SiteStatus, Snapshot
from portal.process import ChildProcess
from portal.state import StateBoard
from portal.words import LinkState
from tests.integration.streams import CREDENTIALS, media_server_binary

# A browser's offer to receive one H.264 video, reduced to what an answer needs.
OFFER = "\r\n".join(
    (
        "v=0",
        "o=- 4611731400430051336 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0",
        "m=video 9 UDP/TLS/RTP/SAVPF 102",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=ice-ufrag:4ZcD",
        "a=ice-pwd:2/1muCWoOi3uLifh0NuRHlDb",
        "a=ice-options:trickle",
        "a=fingerprint:sha-256 " + ":".join(["AB"] * 32),
        "a=setup:actpass",
        "a=mid:0",
        "a=recvonly",
        "a=rtcp-mux",
        "a=rtpmap:102 H264/90000",
        "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
        "",
    )
)
CANDIDATE = "\r\n".join(
    (
        "a=ice-ufrag:4ZcD",
        "a=ice-pwd:2/1muCWoOi3uLifh0NuRHlDb",
        "m=video 9 UDP/TLS/RTP/SAVPF 102",
        "a=mid:0",
        "a=candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host",
        "",
    )
)

Answerer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def config_at(address: str) -> Config:
    return Config(site=SiteSection(name="dublin", address=address))


def board_of(config: Config) -> StateBoard:
    site = SiteStatus(
        name=config.site.name, title=config.title, version="0.0-test", started_at=1_700_000_000.0
    )
    return StateBoard(Snapshot(site=site))


def linked_to(address: str, *, name: str = "new-york", port: int = 8889) -> LinkStatus:
    peer = Peer(name=name, title=name.replace("-", " ").title(), address=address, whep_port=port)
    return LinkStatus(state=LinkState.UP, peer=peer)


@asynccontextmanager
async def served(app: web.Application, host: str, port: int = 8080) -> AsyncIterator[str]:
    """The app as the daemon serves it; its base URL."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def fake_peer(host: str, answer: Answerer, *, port: int = 8889) -> AsyncIterator[None]:
    """A web server that answers everything with `answer`."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with served(app, host, port):
        yield


@asynccontextmanager
async def raw_peer(host: str, said: bytes, *, port: int = 8889) -> AsyncIterator[None]:
    """A TCP server that says `said`, whatever it is asked, and hangs up."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(said)
        writer.close()

    server = await asyncio.start_server(talk, host, port)
    async with server:
        yield


@asynccontextmanager
async def media_server(address: str) -> AsyncIterator[MediaMtxClient]:
    """MediaMTX of a portal at `address`, with the repository's settings and a path `cam`."""
    config = config_at(address)
    server = await ChildProcess.spawn(
        [media_server_binary(), str(resources.mediamtx_yml())],
        name="mediamtx",
        env=environment(config, os.environ, CREDENTIALS),
    )
    try:
        async with MediaMtxClient(config.api_url, CREDENTIALS.api) as client:
            async with asyncio.timeout(20):
                while not await _takes_path(client):
                    assert server.returncode is None, server.last_lines
                    await asyncio.sleep(0.05)
            yield client
    finally:
        await server.stop()


async def _takes_path(client: MediaMtxClient) -> bool:
    try:
        await client.set_path("cam", {})
    except MediaServerError:  # not up yet
        return False
    return True


async def until_ready(client: MediaMtxClient) -> None:
    async with asyncio.timeout(20):
        while (path := await client.path("cam")) is None or not path.ready:  # noqa: ASYNC110 - it tells no event
            await asyncio.sleep(0.05)


async def until_sessions(client: MediaMtxClient, count: int) -> None:
    async with asyncio.timeout(30):
        while len(await client.webrtc_sessions()) != count:  # noqa: ASYNC110 - it tells no event
            await asyncio.sleep(0.02)

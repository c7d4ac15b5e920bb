"""A real MediaMTX on an address of its own, and real ffmpegs that publish to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from portal.mediamtx.credentials import PUBLISH_USER, Credentials
from portal.mediamtx.install import find_media_server
from portal.process import ChildProcess

# Of a MediaMTX that no daemon started.
CREDENTIALS = Credentials(api="a" * 43, publish="p" * 43)
MOVING = ("-f", "lavfi", "-i", "testsrc2=s=640x360:r=30")
STILL = ("-f", "lavfi", "-i", "smptehdbars=s=640x360:r=25")


def neighbour(address: str) -> str:
    """A second address for the same test: the `loopback` fixture never gives one above .250."""
    return f"{address.rpartition('.')[0]}.252"


def media_server_binary() -> str:
    """The one that the product would take."""
    return str(find_media_server("").path)


@asynccontextmanager
async def bare_media_server(address: str, folder: Path) -> AsyncIterator[ChildProcess]:
    """Knows any path, asks nobody. Ready when its WHEP port listens."""
    settings = folder / f"mediamtx-{address}.yml"
    settings.write_text(
        f"""
rtmp: no
hls: no
srt: no
rtspTransports: [tcp]
rtspAddress: {address}:8554
webrtcAddress: {address}:8889
webrtcLocalUDPAddress: {address}:8189
webrtcIPsFromInterfaces: no
webrtcAdditionalHosts: [{address}]
paths:
  all_others:
"""
    )
    server = await ChildProcess.spawn([media_server_binary(), str(settings)], name="mediamtx")
    try:
        async with asyncio.timeout(30):
            while not await _listens(address, 8889):
                assert server.returncode is None, server.last_lines
                await asyncio.sleep(0.05)
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def publishing(
    address: str, source: tuple[str, ...], *, path: str = "cam"
) -> AsyncIterator[ChildProcess]:
    """ffmpeg encodes `source` as a portal does, and sends it. Not ready yet when it starts."""
    encode = (
        "-c:v libx264 -preset ultrafast -tune zerolatency -profile:v baseline -g 15 -b:v 1500k"
        " -pix_fmt yuv420p -f rtsp -rtsp_transport tcp"
    )
    url = f"rtsp://{PUBLISH_USER}:{CREDENTIALS.publish}@{address}:8554/{path}"
    ffmpeg = await ChildProcess.spawn(
        ["ffmpeg", "-v", "error", "-re", *source, *encode.split(), url], name="ffmpeg"
    )
    try:
        yield ffmpeg
    finally:
        await ffmpeg.stop()


async def _listens(address: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(address, port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def until(condition: Callable[[], bool], *, limit_s: float = 30.0) -> None:
    """Wait for what another process does. Raises `TimeoutError`."""
    async with asyncio.timeout(limit_s):
        while not condition():  # noqa: ASYNC110 - another process tells no event
            await asyncio.sleep(0.05)


def count(server: ChildProcess, words: str) -> int:
    """How many of its last lines say so."""
    return sum(words in line for line in server.last_lines)

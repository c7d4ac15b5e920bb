"""A real MediaMTX and a real ffmpeg as the tests of publishing use them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from portal.config import Config, parse_config
from portal.mediamtx.client import MediaMtxClient
from portal.mediamtx.credentials import credentials_of
from portal.mediamtx.server import MediaServer
from portal.model import Camera, SiteStatus, Snapshot
from portal.publish.machine import Machine
from portal.publish.service import Publishing
from portal.state import StateBoard
from portal.words import MediaServerState
from tests.running import running

PATTERN = Camera(id="pattern", name="pattern", source="pattern")


def small_config(address: str, extra: str = "") -> Config:
    """A site with a picture that costs little."""
    return parse_config(
        f'[site]\nname = "dublin"\naddress = "{address}"\n'
        "[video]\nwidth = 320\nheight = 180\nfps = 15\nbitrate_kbps = 300\n" + extra
    )


def new_board(*cameras: Camera) -> StateBoard:
    site = SiteStatus(name="dublin", title="Dublin", version="0", started_at=0)
    return StateBoard(Snapshot(site=site, cameras=cameras))


def media_server_of(config: Config, state: StateBoard, state_dir: Path) -> MediaServer:
    return MediaServer(config, state, state_dir, credentials_of(state_dir))


def client_of(config: Config, state_dir: Path) -> MediaMtxClient:
    return MediaMtxClient(config.api_url, credentials_of(state_dir).api)


@asynccontextmanager
async def media_server(
    config: Config, state: StateBoard, state_dir: Path
) -> AsyncIterator[MediaServer]:
    """One that is asked to start, and is ended at the end."""
    server = media_server_of(config, state, state_dir)
    try:
        async with running(server.run):
            yield server
    finally:
        await server.close()


@asynccontextmanager
async def publishing(
    config: Config, state: StateBoard, state_dir: Path, *, machine: Machine | None = None
) -> AsyncIterator[None]:
    """MediaMTX and the service that publishes `state`'s camera."""
    async with (
        media_server(config, state, state_dir),
        client_of(config, state_dir) as client,
        running(Publishing(config, state, client, state_dir, machine=machine).run),
    ):
        yield


async def ready(state: StateBoard, *, generation: int = 1, within_s: float = 40) -> int:
    """Wait for MediaMTX of that generation or a later one; its pid."""
    snapshot = await asyncio.wait_for(
        state.wait_for(
            lambda new: (
                new.media_server.state is MediaServerState.READY
                and new.media_server.generation >= generation
            )
        ),
        within_s,
    )
    return snapshot.media_server.pid


def below(pid: int, name: str) -> list[psutil.Process]:
    """The processes called `name` that `pid` started, directly or not."""
    try:
        children = psutil.Process(pid).children(recursive=True)
        return [child for child in children if child.name() == name]
    except psutil.NoSuchProcess:
        return []


def has_ended(process: psutil.Process) -> bool:
    """An orphan may wait for a slow init to reap it."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def until(holds: Callable[[], bool], *, within_s: float = 30) -> float:
    """Wait for a condition; the seconds that it took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < within_s, "it did not come true"
        await asyncio.sleep(0.01)
    return time.monotonic() - began

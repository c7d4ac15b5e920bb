"""A box whose kiosk page is under test: the real pages, forwarder, MediaMTX and ffmpeg; only what
the link says is set by the test."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web
from playwright.async_api import Browser, Page

from portal import resources
from portal.config import Config, SiteSection
from portal.errors import MediaServerError
from portal.mediamtx.client import MediaMtxClient
from portal.mediamtx.settings import environment
from portal.model import (
    CameraState,
    LinkState,
    LinkStatus,
    MediaServerState,
    MediaServerStatus,
    Peer,
    RemoteSite,
    SiteStatus,
    Snapshot,
)
from portal.process import ChildProcess
from portal.state import StateBoard
from portal.web.app import make_local_app
from tests.integration.streams import media_server_binary

DESKTOP = (1920, 1080)
PHONE = (390, 844)


@dataclass(slots=True)
class KioskBox:
    """`requests` is what the page asked of the forwarder: (method, path)."""

    address: str
    board: StateBoard
    app: web.Application
    requests: list[tuple[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.address}:8080/kiosk/"

    def say(self, link: LinkState, camera: CameraState | None = None, **more: Any) -> None:
        """What the link says from now on."""
        peer = None if link is LinkState.SEARCHING else new_york(self.address)
        remote = camera and RemoteSite(
            name="new-york", title="New York", version="1", camera=camera, **more
        )
        self.board.update(link=LinkStatus(state=link, peer=peer, remote=remote, rtt_s=0.0123))

    def change_site(self, **changes: Any) -> None:
        """Settings of this site, such as `latency`."""
        self.board.update(site=msgspec.structs.replace(self.board.snapshot.site, **changes))


def new_york(address: str) -> Peer:
    return Peer(name="new-york", title="New York", address=address)


def up(address: str, camera: CameraState = CameraState.LIVE) -> LinkStatus:
    remote = RemoteSite(name="new-york", title="New York", version="1", camera=camera)
    return LinkStatus(state=LinkState.UP, peer=new_york(address), remote=remote, rtt_s=0.0123)


@asynccontextmanager
async def kiosk_box(address: str) -> AsyncIterator[KioskBox]:
    """The web server of a box called Dublin, its link up to a New York at the same address."""
    config = Config(site=SiteSection(name="dublin", address=address))
    board = StateBoard(
        Snapshot(
            site=SiteStatus(name="dublin", title="Dublin", version="1", started_at=0.0),
            media_server=MediaServerStatus(state=MediaServerState.READY),
            link=up(address),
        )
    )
    box = KioskBox(address, board, make_local_app(config, board))

    async def note(request: web.Request, _response: web.StreamResponse) -> None:
        if request.path.startswith("/whep/"):
            box.requests.append((request.method, request.path))

    box.app.on_response_prepare.append(note)
    async with serving(box):
        yield box


@asynccontextmanager
async def serving(box: KioskBox) -> AsyncIterator[None]:
    runner = web.AppRunner(box.app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, box.address, 8080, reuse_address=True).start()
        yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def media_server(address: str, *, told: str = "") -> AsyncIterator[MediaMtxClient]:
    """The peer's MediaMTX. Browsers are `told` another address than its own: a relay's."""
    config = Config(site=SiteSection(name="dublin", address=address))
    env = environment(config, os.environ)
    if told:
        env["MTX_WEBRTCADDITIONALHOSTS"] = told
    server = await ChildProcess.spawn(
        [media_server_binary(), str(resources.mediamtx_yml())], name="mediamtx", env=env
    )
    try:
        async with MediaMtxClient(config.api_url) as client:
            await _until_it_takes_paths(client, server)
            yield client
    finally:
        await server.stop()


async def _until_it_takes_paths(client: MediaMtxClient, server: ChildProcess) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                await client.set_path("cam", {})
            except MediaServerError:  # not up yet
                assert server.returncode is None, server.last_lines
                await asyncio.sleep(0.05)
            else:
                return


async def open_page(
    browser: Browser, box: KioskBox, *, size: tuple[int, int] = (1280, 720)
) -> Page:
    page = await browser.new_page(viewport={"width": size[0], "height": size[1]})
    await page.goto(box.url, wait_until="commit")
    return page


async def until_state(page: Page, state: str, *, within_s: float = 15) -> None:
    await page.wait_for_selector(
        f":root[data-state={state}]", timeout=within_s * 1000, state="attached"
    )

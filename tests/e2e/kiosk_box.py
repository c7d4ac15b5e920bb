"""A box whose kiosk page is under test: the real pages, forwarder, MediaMTX and ffmpeg; only what
the link says is set by the test."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from playwright.async_api import Browser, Page

from portal.config import Config, SiteSection
from portal.model import LinkStatus, MediaServerStatus, Peer, RemoteSite, SiteStatus, Snapshot
from portal.process import ChildProcess
from portal.state import StateBoard
from portal.web.app import make_local_app
from portal.words import CameraState, LinkState, MediaServerState
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
        remote = None
        if camera is not None:
            remote = RemoteSite(
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


# Anybody may do anything: a peer's MediaMTX, seen from this side, is what it answers.
_MEDIAMTX_YML = """
logLevel: warn
rtmp: no
hls: no
srt: no
api: yes
authInternalUsers:
  - user: any
    permissions: [{action: publish}, {action: read}, {action: api}]
paths:
  all_others:
"""


@dataclass(frozen=True, slots=True)
class PeerMedia:
    """The peer's MediaMTX."""

    address: str
    process: ChildProcess

    async def _list(self, what: str) -> list[dict[str, Any]]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{self.address}:9997/v3/{what}/list") as response,
        ):
            items: list[dict[str, Any]] = (await response.json())["items"]
            return items

    async def until_it_answers(self) -> None:
        async with asyncio.timeout(40):
            while True:
                try:
                    await self._list("paths")
                except aiohttp.ClientError:
                    assert self.process.returncode is None, self.process.last_lines
                    await asyncio.sleep(0.05)
                else:
                    return

    async def until_published(self) -> None:
        async with asyncio.timeout(40):
            while not any(path["ready"] for path in await self._list("paths")):  # noqa: ASYNC110 - it tells no event
                await asyncio.sleep(0.05)

    async def until_sessions(self, count: int) -> None:
        """So many screens look."""
        async with asyncio.timeout(30):
            while len(await self._list("webrtcsessions")) != count:  # noqa: ASYNC110 - it tells no event
                await asyncio.sleep(0.05)


@asynccontextmanager
async def media_server(address: str, *, told: str = "") -> AsyncIterator[PeerMedia]:
    """MediaMTX at `address`. Browsers may be `told` another address to send to: a relay's."""
    env = {
        **os.environ,
        "MTX_APIADDRESS": f"{address}:9997",
        "MTX_RTSPADDRESS": f"{address}:8554",
        "MTX_RTSPTRANSPORTS": "tcp",
        "MTX_WEBRTCADDRESS": f"{address}:8889",
        "MTX_WEBRTCLOCALUDPADDRESS": f"{address}:8189",
        "MTX_WEBRTCLOCALTCPADDRESS": f"{told or address}:8189",  # no relay is for TCP
        "MTX_WEBRTCIPSFROMINTERFACES": "no",
        "MTX_WEBRTCADDITIONALHOSTS": told or address,
    }
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as settings:
        settings.write(_MEDIAMTX_YML)
        settings.flush()
        process = await ChildProcess.spawn(
            [media_server_binary(), settings.name], name="mediamtx", env=env
        )
        media = PeerMedia(address, process)
        try:
            await media.until_it_answers()
            yield media
        finally:
            await process.stop()


async def open_page(
    browser: Browser, box: KioskBox, *, size: tuple[int, int] = (1280, 720), script: str = ""
) -> Page:
    """With `script` run before the page's own."""
    page = await browser.new_page(viewport={"width": size[0], "height": size[1]})
    await page.add_init_script(script)
    await page.goto(box.url, wait_until="commit")
    return page


async def until_state(page: Page, state: str, *, within_s: float = 30) -> None:
    await page.wait_for_selector(
        f":root[data-state={state}]", timeout=within_s * 1000, state="attached"
    )

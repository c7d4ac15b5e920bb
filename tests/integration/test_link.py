"""Two sites, two real servers, one link each way: what one side reads of the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from portal.config import Config, PeerSection, SiteSection
from portal.model import Camera, CameraStatus, LinkStatus, SiteStatus, Snapshot
from portal.peers.conversation import LinkTiming
from portal.peers.directory import PeerDirectory
from portal.peers.link import PeerLink
from portal.state import StateBoard
from portal.web.link import MAX_LINKS, add_link_routes
from portal.words import CameraState, LinkState
from tests.tries import best_of_three

# A machine that stalls for a second or two is not silent.
QUICK = LinkTiming(connect_s=1.0, ping_s=0.1, silence_s=5.0, min_pause_s=0.05)
WAIT_S = 20.0


class SiteUnderTest:
    """A state, a server and a link: what a daemon is made of as far as the link goes."""

    def __init__(self, name: str, address: str, peer: tuple[str, str]) -> None:
        self.address = address
        self.config = Config(
            site=SiteSection(name=name, address=address),
            peers=(PeerSection(name=peer[0], address=peer[1]),),
        )
        self.state = StateBoard(
            Snapshot(
                site=SiteStatus(name=name, title=self.config.title, version="1.0", started_at=0)
            )
        )
        self._runner: web.AppRunner | None = None
        self._link: asyncio.Task[None] | None = None

    async def open_server(self) -> None:
        app = web.Application()
        add_link_routes(app, self.config, self.state)
        self._runner = web.AppRunner(app, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.address, self.config.ports.admin).start()

    async def close_server(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def open_link(self, timing: LinkTiming = QUICK) -> None:
        link = PeerLink(self.config, self.state, PeerDirectory(self.config), timing=timing)
        self._link = asyncio.create_task(link.run())

    async def close(self) -> None:
        if self._link is not None:
            self._link.cancel()
            await asyncio.gather(self._link, return_exceptions=True)
        await self.close_server()

    @property
    def link(self) -> LinkStatus:
        return self.state.snapshot.link

    async def until(self, predicate: Callable[[LinkStatus], bool]) -> LinkStatus:
        try:
            async with asyncio.timeout(WAIT_S):
                return (await self.state.wait_for(lambda snapshot: predicate(snapshot.link))).link
        except TimeoutError:
            pytest.fail(f"still {self.link}")

    async def until_camera(self, state: CameraState) -> None:
        await self.until(lambda link: link.remote is not None and link.remote.camera is state)

    def show_camera(self, state: CameraState, detail: str = "") -> None:
        camera = Camera(id="pattern", name="Test picture", source="pattern")
        self.state.update(camera=CameraStatus(state=state, camera=camera, detail=detail))


Pair = tuple[SiteUnderTest, SiteUnderTest]


@pytest.fixture
async def pair(loopback: str) -> AsyncIterator[Pair]:
    """dublin and new-york, both up, each configured with the other's address."""
    other = _neighbour(loopback)
    dublin = SiteUnderTest("dublin", loopback, ("new-york", other))
    new_york = SiteUnderTest("new-york", other, ("dublin", loopback))
    async with AsyncExitStack() as stack:
        for site in (dublin, new_york):
            stack.push_async_callback(site.close)
            await site.open_server()
            site.open_link()
        for site in (dublin, new_york):
            await site.until(lambda link: link.state is LinkState.UP)
        yield dublin, new_york


def _neighbour(address: str) -> str:
    first, second, third, fourth = address.split(".")
    return f"{first}.{int(second) - 10}.{third}.{fourth}"


async def test_each_side_reads_the_other(pair: Pair) -> None:
    dublin, new_york = pair
    assert dublin.link.remote is not None
    assert dublin.link.remote.title == "New York"
    assert new_york.link.remote is not None
    assert new_york.link.remote.title == "Dublin"
    await dublin.until(lambda link: link.rtt_s is not None and link.rtt_s < 0.1)
    await dublin.until(
        lambda link: link.clock_offset_s is not None and abs(link.clock_offset_s) < 0.1
    )


async def test_a_camera_that_is_pulled_out_there_is_known_here_at_once(pair: Pair) -> None:
    dublin, new_york = pair
    took = []
    for state in (CameraState.LIVE, CameraState.ABSENT) * 5:
        before = time.perf_counter()
        new_york.show_camera(state, "camera unplugged")
        await dublin.until_camera(state)
        took.append(time.perf_counter() - before)
    assert sorted(took)[len(took) // 2] < 0.1
    assert dublin.link.remote is not None
    assert dublin.link.remote.camera_name == "Test picture"
    assert dublin.link.remote.detail == "camera unplugged"


async def test_a_site_that_pauses_is_read_as_paused(pair: Pair) -> None:
    dublin, new_york = pair
    new_york.show_camera(CameraState.LIVE)
    new_york.state.update(paused=True)
    await dublin.until_camera(CameraState.PAUSED)


async def test_a_site_that_shuts_down_is_lost_at_once_and_found_again(pair: Pair) -> None:
    dublin, new_york = pair

    async def took() -> float:
        before = time.perf_counter()
        closing = asyncio.create_task(new_york.close_server())
        lost = await dublin.until(lambda link: link.state is LinkState.LOST)
        took = time.perf_counter() - before
        assert "shutting down" in lost.detail
        assert lost.rtt_s is None
        await closing
        await dublin.until(lambda link: "cannot be reached" in link.detail)
        assert dublin.link.state is LinkState.LOST
        await new_york.open_server()
        await dublin.until(lambda link: link.state is LinkState.UP)
        return took

    await best_of_three(took, below=0.5)


# Peers that are not what they should be

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def _impostor(address: str, handler: Handler) -> AsyncIterator[None]:
    app = web.Application()
    app.router.add_get("/link", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, address, 8443).start()
    try:
        yield
    finally:
        await runner.cleanup()


@pytest.fixture
async def dublin(loopback: str) -> AsyncIterator[SiteUnderTest]:
    """dublin alone; what plays new-york is the test's."""
    site = SiteUnderTest("dublin", loopback, ("new-york", _neighbour(loopback)))
    yield site
    await site.close()


def _says(*frames: str | bytes) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(timeout=0.1)
        await socket.prepare(request)
        for frame in frames:
            if isinstance(frame, str):
                await socket.send_str(frame)
            else:
                await socket.send_bytes(frame)
        async for _ in socket:
            pass
        return socket

    return handle


HELLO = '{"type":"hello","name":"new-york","title":"New York","version":"1"}'
STATUS = '{"type":"status","camera":"live"}'


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        (("garbage",), "not a link message"),
        (("[1, 2]",), "not a link message"),
        ((STATUS,), "out of turn"),
        ((b"\x00\x01",), "binary"),
        (("x" * 20000,), "breaks the protocol"),
        ((HELLO.replace("New York", "\\u202eevil"),), "not printable"),
        ((HELLO.replace("new-york", "../etc"),), "not a site name"),
        ((HELLO.replace('"version"', '"protocol":2,"version"'),), "update the older"),
        ((HELLO, STATUS.replace('"live"', "7")), "Expected `str`"),
        ((HELLO, *[STATUS] * 200), "messages a second"),
    ],
)
async def test_a_peer_that_talks_nonsense_is_refused_with_the_reason(
    dublin: SiteUnderTest, frames: tuple[str | bytes, ...], reason: str
) -> None:
    async with _impostor(_neighbour(dublin.address), _says(*frames)):
        dublin.open_link()
        refused = await dublin.until(lambda link: reason in link.detail)
        assert len(refused.detail) < 400


async def test_a_peer_that_says_more_than_we_know_is_understood(dublin: SiteUnderTest) -> None:
    newer = HELLO.replace('"title"', '"colour":"green","title"')
    async with _impostor(
        _neighbour(dublin.address), _says('{"type":"weather"}', newer, '{"type":"x"}', STATUS)
    ):
        dublin.open_link()
        await dublin.until(lambda link: link.state is LinkState.UP)


async def test_a_web_server_that_is_no_portal_is_refused(dublin: SiteUnderTest) -> None:
    async def teapot(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=418)

    async with _impostor(_neighbour(dublin.address), teapot):
        dublin.open_link()
        await dublin.until(lambda link: "HTTP 418" in link.detail)


async def test_a_redirect_is_not_followed(dublin: SiteUnderTest) -> None:
    visited = []

    async def redirect(_request: web.Request) -> web.StreamResponse:
        visited.append(1)
        raise web.HTTPFound("/link")

    async with _impostor(_neighbour(dublin.address), redirect):
        dublin.open_link(LinkTiming(min_pause_s=5.0))
        await dublin.until(lambda link: "redirect" in link.detail)
        assert len(visited) == 1


@pytest.mark.parametrize(
    ("greeting", "reason"),
    [(b"SSH-2.0-OpenSSH_9.2\r\n", "does not speak HTTP"), (b"", "does not answer")],
)
async def test_a_port_that_speaks_no_http_is_refused(
    dublin: SiteUnderTest, greeting: bytes, reason: str
) -> None:
    class Greeter(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            transport.write(greeting)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(Greeter, _neighbour(dublin.address), 8443)
    async with server:
        dublin.open_link()
        await dublin.until(lambda link: reason in link.detail)
        await dublin.close()  # its end of the connection; the other follows


async def test_a_peer_that_falls_silent_is_lost_within_three_seconds(
    dublin: SiteUnderTest,
) -> None:
    async with _impostor(_neighbour(dublin.address), _says(HELLO, STATUS)):
        dublin.open_link(LinkTiming())

        async def took() -> float:
            await dublin.until(lambda link: link.state is LinkState.UP)
            before = time.perf_counter()
            lost = await dublin.until(lambda link: link.state is LinkState.LOST)
            assert "silent for 3 s" in lost.detail
            return time.perf_counter() - before

        await best_of_three(took, below=3.5)


async def test_nobody_there_is_connecting_with_the_reason(dublin: SiteUnderTest) -> None:
    dublin.open_link()
    link = await dublin.until(lambda link: "cannot be reached" in link.detail)
    assert link.state is LinkState.CONNECTING
    assert "8443" in link.detail


async def test_two_boxes_with_one_name_both_say_so(loopback: str) -> None:
    other = _neighbour(loopback)
    one = SiteUnderTest("dublin", loopback, ("new-york", other))
    two = SiteUnderTest("dublin", other, ("boston", loopback))
    try:
        for site in (one, two):
            await site.open_server()
        one.open_link()  # one link is enough for both to know
        for site in (one, two):
            async with asyncio.timeout(WAIT_S):
                snapshot = await site.state.wait_for(lambda snapshot: bool(snapshot.faults))
            assert 'also named "dublin"' in snapshot.faults[0].message
            assert "site.name" in snapshot.faults[0].remedy
        assert one.link.state is LinkState.CONNECTING
    finally:
        await one.close()
        await two.close()


async def test_a_box_with_another_name_than_configured_is_shown_with_a_fault(
    loopback: str,
) -> None:
    other = _neighbour(loopback)
    dublin = SiteUnderTest("dublin", loopback, ("new-york", other))
    boston = SiteUnderTest("boston", other, ("dublin", loopback))
    try:
        await boston.open_server()
        dublin.open_link()
        await dublin.until(lambda link: link.state is LinkState.UP)
        assert 'named "boston", not "new-york"' in dublin.state.snapshot.faults[0].message
    finally:
        await dublin.close()
        await boston.close()


# The server's side


@pytest.fixture
async def server(dublin: SiteUnderTest) -> str:
    await dublin.open_server()
    return f"http://{dublin.address}:8443/link"


async def test_a_page_in_a_browser_may_not_read_the_link(server: str) -> None:
    async with aiohttp.ClientSession() as session:
        response = await session.get(
            server,
            headers={
                "Origin": "https://evil.example",
                "Connection": "Upgrade",
                "Upgrade": "websocket",
            },
        )
        assert response.status == 403


async def test_the_number_of_links_is_bounded(server: str) -> None:
    async with aiohttp.ClientSession() as session:
        open_links = [await session.ws_connect(server) for _ in range(MAX_LINKS)]
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(server)
        assert refused.value.status == 503
        for link in open_links:
            await link.close()


@pytest.mark.parametrize("frame", ["garbage", '{"type":"ping","sent":1}', "x" * 20000])
async def test_a_caller_that_talks_nonsense_is_shown_out(server: str, frame: str) -> None:
    async with aiohttp.ClientSession() as session:
        link = await session.ws_connect(server)
        await link.send_str(frame)
        assert (await link.receive(timeout=WAIT_S)).type in (
            aiohttp.WSMsgType.CLOSE,
            aiohttp.WSMsgType.CLOSED,
        )


async def test_a_caller_that_says_nothing_is_shown_out(server: str) -> None:
    async with aiohttp.ClientSession() as session:
        link = await session.ws_connect(server)
        assert (await link.receive(timeout=WAIT_S)).type is aiohttp.WSMsgType.CLOSE

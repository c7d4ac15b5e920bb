"""Pages, events, state, health and metrics, asked of a real server like browsers and Prometheus."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from aiohttp import ClientResponse, ClientSession, ClientTimeout, web
from prometheus_client.parser import text_string_to_metric_families

from portal.config import Config, SiteSection
from portal.model import CameraStatus, LinkStatus, MediaServerStatus, Peer, PictureStatus, Snapshot
from portal.state import StateBoard
from portal.web import events
from portal.web.app import make_local_app, make_public_app
from portal.words import CameraState, LinkState, MediaServerState, PictureState
from tests.integration.web_server import OFFER, board_of, config_at, linked_to, served
from tests.tries import best_of_three

JSON = {"Content-Type": "application/json"}
METRICS_DOC = Path(__file__).parents[2] / "docs" / "metrics.md"


class Site:
    """A box under test: its pages' addresses, its board, and somebody who asks."""

    def __init__(self, state: StateBoard, local: str, public: str, http: ClientSession) -> None:
        self.state = state
        self.local = local
        self.public = public
        self.http = http


@asynccontextmanager
async def site_at(loopback: str) -> AsyncIterator[Site]:
    config = config_at(loopback)
    state = board_of(config)
    async with (
        served(make_local_app(config, state), loopback) as local,
        served(make_public_app(config, state), loopback, 8443) as public,
        ClientSession(timeout=ClientTimeout(total=20)) as http,
    ):
        yield Site(state, local, public, http)


@pytest.fixture
def kiosk_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kiosk page of the test's own."""
    folder = tmp_path / "kiosk"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html><title>kiosk</title>")
    (folder / "whep-reader.js").write_text("export {};")
    (folder / "kiosk.css").write_text("body {}")
    (tmp_path / "secret.txt").write_text("secret")
    monkeypatch.setattr("portal.resources.kiosk_dir", lambda: folder)
    return folder


async def next_event(stream: ClientResponse) -> tuple[str, str]:
    """The type and data of the next Server-Sent Event."""
    kind, data = "message", ""
    async for raw in stream.content:
        line = raw.decode().rstrip("\n")
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: "):
            data = line.removeprefix("data: ")
        elif not line and data:
            return kind, data
    raise EOFError


async def next_snapshot(stream: ClientResponse) -> Snapshot:
    while True:
        kind, data = await next_event(stream)
        if kind == "message":
            return msgspec.json.decode(data, type=Snapshot)


async def text_of(site: Site, path: str) -> str:
    async with site.http.get(site.local + path) as answer:
        return await answer.text()


@pytest.mark.parametrize("which", ["local", "public"])
async def test_a_page_hears_of_each_change_at_once(loopback: str, which: str) -> None:
    async with site_at(loopback) as site:
        base = site.local if which == "local" else site.public
        async with site.http.get(f"{base}/events") as stream:
            assert stream.content_type == "text/event-stream"
            assert await next_snapshot(stream) == site.state.snapshot
            clock = asyncio.get_running_loop().time

            async def took() -> float:
                changed = clock()
                for state in (CameraState.LIVE, CameraState.ABSENT):
                    site.state.update(camera=CameraStatus(state=state))
                    assert (await next_snapshot(stream)).camera.state is state
                return clock() - changed

            await best_of_three(took, below=0.5)


async def test_a_quiet_stream_beats(loopback: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events.EventStreams.__init__, "__kwdefaults__", {"heartbeat_s": 0.05})
    async with site_at(loopback) as site, site.http.get(f"{site.local}/events") as stream:
        await next_snapshot(stream)
        assert await next_event(stream) == ("heartbeat", "0")
        site.state.update(paused=True)
        assert (await next_snapshot(stream)).paused


async def test_a_page_that_was_closed_is_forgotten_without_a_word(
    loopback: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with site_at(loopback) as site:
        stream = await site.http.get(f"{site.local}/events")
        await next_snapshot(stream)
        stream.close()
        reader, writer = await asyncio.open_connection(loopback, 8080)
        head = f"POST /api/v1/camera HTTP/1.1\r\nHost: {loopback}\r\n"
        kind = "Content-Type: application/json\r\nContent-Length: 99\r\n\r\n"
        writer.write(f"{head}{kind}{{".encode())
        await writer.drain()
        writer.transport.abort()
        async with asyncio.timeout(20):
            while "portal_event_streams 0.0" not in await text_of(site, "/metrics"):
                site.state.update(paused=not site.state.snapshot.paused)
                await asyncio.sleep(0.01)
        assert reader.at_eof() or reader.exception() is None
    assert caplog.records == []


async def test_more_pages_than_a_box_can_feed_are_turned_away(
    loopback: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MAX_STREAMS", 1)
    async with site_at(loopback) as site, site.http.get(f"{site.local}/events") as stream:
        await next_snapshot(stream)
        async with site.http.get(f"{site.local}/events") as second:
            assert second.status == 503


async def test_open_pages_and_links_do_not_delay_the_end(loopback: str) -> None:
    config = config_at(loopback)
    state = board_of(config)
    clock = asyncio.get_running_loop().time

    async def end() -> float:
        async with ClientSession() as http:
            async with (
                served(make_local_app(config, state), loopback) as local,
                served(make_public_app(config, state), loopback, 8443) as public,
            ):
                streams = [await http.get(f"{base}/events") for base in (local, local, public)]
                for stream in streams:
                    await next_snapshot(stream)
                socket = await http.ws_connect(f"{public}/link")
                ended = clock()
            took = clock() - ended
            for stream in streams:
                with pytest.raises(EOFError):
                    await next_event(stream)
            await socket.close()
            return took

    await best_of_three(end, below=1.0)


async def test_the_first_page_says_who_this_is_and_escapes_it(loopback: str) -> None:
    hostile = "</script><script>alert(1)</script>"
    config = Config(site=SiteSection(name="dublin", address=loopback, title=hostile[:64]))
    state = board_of(config)
    peer = Peer(name="x", title=hostile, address="javascript:alert(1)//", version=hostile)
    state.update(link=LinkStatus(state=LinkState.UP, peer=peer, detail=hostile))
    async with (
        served(make_local_app(config, state), loopback) as base,
        ClientSession() as http,
        http.get(base) as answer,
    ):
        assert answer.status == 200
        assert answer.content_type == "text/html"
        html = await answer.text()
        assert html.count("<script") == 2
        assert "alert(1)</script>" not in html
        assert "dublin" in html
        found = re.search(r'<script type="application/json" id="setup">(.*?)</script>', html)
        assert found
        setup = json.loads(found.group(1))
        assert setup["snapshot"]["link"]["peer"]["title"] == hostile
        assert setup["local"] is True


async def test_what_the_public_page_may_not_do_is_not_there(loopback: str) -> None:
    async with site_at(loopback) as site:
        async with site.http.get(site.public) as answer:
            html = await answer.text()
            assert "Pause my camera" not in html
            assert f"http://{loopback}:8080/" in html
        for method, path in (
            ("POST", "/api/v1/camera"),
            ("POST", "/whep/peer"),
            ("GET", "/kiosk/"),
            ("GET", "/metrics"),
            ("GET", "/healthz"),
        ):
            async with site.http.request(method, site.public + path) as answer:
                assert answer.status in {404, 405}, path
        async with site.http.get(f"{site.public}/api/v1/state") as answer:
            assert msgspec.json.decode(await answer.read(), type=Snapshot) == site.state.snapshot


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/kiosk/", "text/html; charset=utf-8"),
        ("/kiosk/index.html", "text/html; charset=utf-8"),
        ("/kiosk/whep-reader.js", "text/javascript; charset=utf-8"),
        ("/kiosk/kiosk.css", "text/css; charset=utf-8"),
        ("/static/page.js", "text/javascript; charset=utf-8"),
        ("/static/page.css", "text/css; charset=utf-8"),
        ("/static/icon.svg", "image/svg+xml"),
    ],
)
async def test_files_come_with_their_type_and_are_checked_again(
    loopback: str, kiosk_files: Path, path: str, content_type: str
) -> None:
    assert kiosk_files.is_dir()
    async with site_at(loopback) as site:
        async with site.http.get(site.local + path) as answer:
            assert answer.status == 200
            assert answer.headers["Content-Type"] == content_type
            assert answer.headers["Cache-Control"] == "no-cache"
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            etag = answer.headers["ETag"]
        async with site.http.get(site.local + path, headers={"If-None-Match": etag}) as again:
            assert again.status == 304


async def test_only_files_of_the_kiosk_are_served_there(loopback: str, kiosk_files: Path) -> None:
    assert (kiosk_files.parent / "secret.txt").exists()
    async with site_at(loopback) as site:
        async with site.http.get(f"{site.local}/kiosk", allow_redirects=False) as answer:
            assert answer.status == 308
            assert answer.headers["Location"] == "/kiosk/"
        for path in (
            "..%2fsecret.txt",
            "%2e%2e/secret.txt",
            "nothing.js",
            "%00",
            "..%5csecret.txt",
        ):
            async with site.http.get(f"{site.local}/kiosk/{path}") as answer:
                assert answer.status == 404, path


async def test_a_camera_is_paused_and_shown_again_from_the_box(loopback: str) -> None:
    async with site_at(loopback) as site:
        for paused in (True, False):
            async with site.http.post(
                f"{site.local}/api/v1/camera", json={"paused": paused}
            ) as answer:
                assert answer.status == 200
                assert await answer.json() == {"paused": paused}
            assert site.state.snapshot.paused is paused


@pytest.mark.parametrize(
    "body", [b'{"page": "\xff"}', b'{"deep": ' + b"[" * 3000 + b"]" * 3000 + b"}"]
)
async def test_a_report_that_cannot_be_read_is_refused_and_is_no_bug(
    loopback: str, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        site_at(loopback) as site,
        site.http.post(f"{site.local}/api/v1/screen", data=body, headers=JSON) as answer,
    ):
        assert answer.status == 400
    assert "a bug" not in caplog.text


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ('{"paused": true}', {"Content-Type": "text/plain"}, 415),
        ("paused=true", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ("", JSON, 400),
        ("[]", JSON, 400),
        ('{"paused": "yes"}', JSON, 400),
        ('{"paused": true, "zoom": 2}', JSON, 400),
        ("\xff", JSON, 400),
        ("x" * 100_000, JSON, 413),
        ('{"paused": true}', {**JSON, "Origin": "https://evil.example"}, 403),
        ('{"paused": true}', {**JSON, "Origin": "null"}, 403),
        ('{"paused": true}', {**JSON, "Sec-Fetch-Site": "cross-site"}, 403),
        ('{"paused": true}', {**JSON, "Host": "evil.example"}, 403),
    ],
)
async def test_a_camera_is_not_paused_by_nonsense_or_by_foreign_pages(
    loopback: str, body: str, headers: dict[str, str], status: int
) -> None:
    async with site_at(loopback) as site:
        async with site.http.post(
            f"{site.local}/api/v1/camera", data=body.encode("latin-1"), headers=headers
        ) as answer:
            assert answer.status == status
            fault = await answer.json()
            assert fault["error"]
            assert set(fault) == {"error", "remedy"}
        assert site.state.snapshot.paused is False


async def test_a_domain_rebound_to_this_box_reads_nothing(loopback: str) -> None:
    async with site_at(loopback) as site:
        for base in (site.local, site.public):
            for path in ("/", "/api/v1/state", "/events"):
                async with site.http.get(base + path, headers={"Host": "evil.example"}) as answer:
                    assert answer.status == 403


async def test_an_exposed_box_is_reached_by_any_name_but_its_local_pages_are_not(
    loopback: str,
) -> None:
    config = Config(site=SiteSection(name="dublin", address="0.0.0.0"))
    state = board_of(config)
    headers = {"Host": "portal.office.example"}
    async with ClientSession() as http:
        async with (
            served(make_public_app(config, state), loopback, 8443) as public,
            http.get(public, headers=headers) as answer,
        ):
            assert answer.status == 200
        async with (
            served(make_local_app(config, state), loopback) as local,
            http.get(local, headers=headers) as answer,
        ):
            assert answer.status == 403


async def test_health_says_in_words_what_is_wrong(loopback: str) -> None:
    async with site_at(loopback) as site:
        async with site.http.get(f"{site.local}/healthz") as answer:
            assert answer.status == 503
            assert (await answer.json())["reasons"] == ["the media server is starting"]
        site.state.update(media_server=MediaServerStatus(state=MediaServerState.READY))
        async with site.http.get(f"{site.local}/healthz") as answer:
            assert answer.status == 200
            assert await answer.json() == {
                "ok": True,
                "reasons": [],
                "notes": ["no camera is plugged in"],
            }


async def test_prometheus_reads_the_state_of_the_box(loopback: str) -> None:
    async with site_at(loopback) as site:
        site.state.raise_fault("disk", "the disk is full")
        site.state.update(
            camera=CameraStatus(state=CameraState.LIVE, since=5.0),
            media_server=MediaServerStatus(
                state=MediaServerState.READY, version="v1.12.1", generation=3
            ),
            link=msgspec.structs.replace(linked_to(loopback), rtt_s=0.012, since=7.0),
            picture=PictureStatus(state=PictureState.LIVE, fps=29.5, checked_at=9.0),
        )
        async with site.http.post(
            f"{site.local}/whep/peer", data=OFFER, headers={"Content-Type": "application/sdp"}
        ) as refused:
            assert refused.status == 502
        async with (
            site.http.get(f"{site.local}/events"),
            site.http.get(f"{site.local}/metrics") as answer,
        ):
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            text = await answer.text()
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["portal_camera_state", ("state", "live")] == 1
    assert samples["portal_camera_state", ("state", "absent")] == 0
    assert samples["portal_link_state", ("state", "up")] == 1
    assert samples["portal_link_rtt_seconds",] == 0.012
    assert ("portal_link_clock_offset_seconds",) not in samples
    assert samples["portal_media_server_generation",] == 3
    assert samples["portal_media_server_restarts_total",] == 2
    assert samples["portal_picture_fps",] == 29.5
    assert samples["portal_whep_sessions", ("target", "peer")] == 0
    assert samples["portal_whep_offers_total", ("status", "502"), ("target", "peer")] == 1
    assert samples["portal_event_streams",] == 1
    assert samples["portal_fault", ("key", "disk")] == 1
    build = ("media_server_version", "v1.12.1"), ("site", "dublin"), ("version", "0.0-test")
    assert samples["portal_build_info", *build] == 1
    assert samples["process_resident_memory_bytes",] > 1e6


async def test_each_metric_is_documented(loopback: str) -> None:
    documented = set(
        re.findall(r"^\| `(portal_\w+)", METRICS_DOC.read_text(encoding="utf-8"), re.MULTILINE)
    )
    async with site_at(loopback) as site, site.http.get(f"{site.local}/metrics") as answer:
        text = await answer.text()
    served_names = set(re.findall(r"^# TYPE (portal_\w+)", text, re.MULTILINE))
    assert documented == served_names


async def test_what_is_not_there_is_answered_in_words(loopback: str) -> None:
    async with site_at(loopback) as site:
        async with site.http.get(f"{site.local}/nothing") as answer:
            assert answer.status == 404
            assert await answer.json() == {
                "error": "there is nothing at this address",
                "remedy": "start at /",
            }
        async with site.http.put(f"{site.local}/api/v1/camera", json={}) as answer:
            assert answer.status == 405
            assert answer.headers["Allow"] == "POST"


async def test_a_bug_is_logged_once_and_the_rest_keeps_running(
    loopback: str, caplog: pytest.LogCaptureFixture
) -> None:
    config = config_at(loopback)
    app = make_local_app(config, board_of(config))

    async def broken(_request: web.Request) -> web.Response:
        raise ZeroDivisionError

    app.router.add_get("/broken", broken)
    async with served(app, loopback) as base, ClientSession() as http:
        async with http.get(f"{base}/broken") as answer:
            assert answer.status == 500
            assert "made a mistake" in (await answer.json())["error"]
        async with http.get(base) as answer:
            assert answer.status == 200
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "/broken" in caplog.text

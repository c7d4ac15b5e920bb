"""Who may do what with a site's MediaMTX. All of it asked from loopback, as a web page in a browser
of this box would: an address proves nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

from portal.config import Config
from portal.mediamtx.credentials import credentials_of
from portal.words import CameraState
from tests.integration.media import (
    PATTERN,
    below,
    client_of,
    media_server,
    new_board,
    publishing,
    ready,
    small_config,
)
from tests.integration.web_server import OFFER

pytestmark = pytest.mark.timeout(60)

_FOREIGN = {"Origin": "https://page.example"}
_SDP = {"Content-Type": "application/sdp", **_FOREIGN}


@pytest.fixture
def config(loopback: str) -> Config:
    return small_config(loopback)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "config/global/get", None),
        ("GET", "paths/list", None),
        ("PATCH", "config/global/patch", {"runOnConnect": "touch {}"}),
        ("POST", "config/paths/replace/x", {"runOnInit": "touch {}"}),
        ("POST", "config/paths/add/x", {"runOnInit": "touch {}"}),
    ],
)
async def test_the_control_api_answers_nobody_without_the_password(
    config: Config, state_dir: Path, method: str, path: str, body: dict[str, str] | None
) -> None:
    state, ran = new_board(), state_dir / "ran"
    settings = body and {key: value.format(ran) for key, value in body.items()}
    publish = credentials_of(state_dir).publish
    async with media_server(config, state, state_dir), aiohttp.ClientSession() as http:
        await ready(state)
        url = f"{config.api_url}/v3/{path}"
        async with http.request(method, url, json=settings, headers=_FOREIGN) as answer:
            assert answer.status == 401
            assert not answer.headers.get("Access-Control-Allow-Origin")
        known = {"Authorization": aiohttp.encode_basic_auth("publisher", publish)}
        async with http.request(method, url, json=settings, headers=known) as answer:
            assert answer.status == 401
        async with client_of(config, state_dir) as client:
            assert await client.paths() == ()
        assert not ran.exists()


async def test_a_page_cannot_put_its_picture_in_place_of_the_camera(
    config: Config, state_dir: Path
) -> None:
    state = new_board(PATTERN)
    whip = f"http://{config.site.address}:8889/cam/whip"
    async with (
        publishing(config, state, state_dir),
        client_of(config, state_dir) as client,
        aiohttp.ClientSession() as http,
    ):
        await state.wait_for(lambda new: new.camera.state is CameraState.LIVE)
        (ffmpeg,) = below(state.snapshot.media_server.pid, "ffmpeg")
        async with http.post(whip, data=OFFER, headers=_SDP) as answer:
            assert answer.status in {400, 401}  # 1.12 says 400
            assert "authentication" in await answer.text()
        async with http.get(whip.removesuffix("whip") + "publish") as answer:
            assert answer.status == 401
        path = await client.path("cam")
        assert path is not None
        assert path.ready
        assert ffmpeg.is_running()


async def test_a_program_cannot_publish_by_rtsp_without_the_password(
    config: Config, state_dir: Path
) -> None:
    state = new_board()
    host = config.site.address
    async with media_server(config, state, state_dir), client_of(config, state_dir) as client:
        await ready(state)
        await client.set_path("cam", {})
        sdp = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
        sdp += "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:0\r\n"
        reader, writer = await asyncio.open_connection(host, 8554)
        writer.write(
            f"ANNOUNCE rtsp://{host}:8554/cam RTSP/1.0\r\nCSeq: 1\r\n"
            f"Content-Type: application/sdp\r\nContent-Length: {len(sdp)}\r\n\r\n{sdp}".encode()
        )
        assert (await reader.readline()).startswith(b"RTSP/1.0 401")
        writer.close()
        await writer.wait_closed()


async def test_a_page_of_another_origin_cannot_read_the_answer_to_its_offer(
    config: Config, state_dir: Path
) -> None:
    """Without it no WebRTC: so no page on the internet watches the camera of who opens it."""
    state = new_board(PATTERN)
    whep = f"http://{config.site.address}:8889/cam/whep"
    asked = {"Access-Control-Request-Method": "POST", **_FOREIGN}
    async with publishing(config, state, state_dir), aiohttp.ClientSession() as http:
        await state.wait_for(lambda new: new.camera.state is CameraState.LIVE)
        async with http.options(whep, headers=asked) as answer:
            assert not answer.headers.get("Access-Control-Allow-Origin")
        async with http.post(whep, data=OFFER, headers=_SDP) as answer:
            assert answer.status == 201
            assert not answer.headers.get("Access-Control-Allow-Origin")


async def test_the_passwords_are_in_no_log_no_state_and_no_setting_that_mediamtx_tells(
    config: Config, state_dir: Path
) -> None:
    state = new_board(PATTERN)
    credentials = credentials_of(state_dir)
    async with publishing(config, state, state_dir), client_of(config, state_dir) as client:
        await state.wait_for(lambda new: new.camera.state is CameraState.LIVE)
        said = [str(state.snapshot), str(await client.path_settings("cam"))]
        files = [path for path in state_dir.iterdir() if "credentials" not in path.name]
        assert {"mediamtx.json", "mediamtx.log", "publisher.cam"} <= {path.name for path in files}
        said += [path.read_text() for path in files]
        (ffmpeg,) = below(state.snapshot.media_server.pid, "ffmpeg")
        everybody_reads = [*ffmpeg.cmdline(), *ffmpeg.environ().values()]
        assert credentials.api not in "\n".join([*said, *everybody_reads])
        assert credentials.publish not in "\n".join(said)

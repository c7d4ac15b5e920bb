"""The probe before real servers: what it calls live, and what it says when it is not."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiortc import RTCConfiguration, RTCPeerConnection

from portal.errors import PictureError
from portal.picture import look
from portal.probe import open_reader, probe
from portal.process import ChildProcess
from portal.verdict import ProbeResult
from portal.words import PictureState
from tests.integration.streams import (
    MOVING,
    STILL,
    bare_media_server,
    count,
    neighbour,
    publishing,
    until,
)
from tests.tries import TRIES, best_of_three

CLOSED = "closed: terminated"  # what MediaMTX says when a reader deleted its session


def _whep(address: str, path: str = "cam") -> str:
    return f"http://{address}:8889/{path}/whep"


async def _probe_when_published(url: str, *, seconds: float = 0.3) -> ProbeResult:
    """ffmpeg needs a moment until it publishes."""
    async with asyncio.timeout(40):
        while True:
            result = await probe(url, seconds=seconds)
            if result.state is not PictureState.ABSENT:
                return result
            await asyncio.sleep(0.1)


async def _until_rate(url: str, least: float, most: float) -> list[ProbeResult]:
    """Looks of 1.2 s, the last of which has that rate: a busy machine is late with frames."""
    looks = [await _probe_when_published(url, seconds=1.2)]
    while not least < looks[-1].fps < most and len(looks) < 8:
        looks.append(await probe(url, seconds=1.2))
    return looks


async def test_a_moving_picture_is_live_with_its_size_and_rate(
    loopback: str, tmp_path: Path
) -> None:
    async with bare_media_server(loopback, tmp_path) as server, publishing(loopback, MOVING):
        looks = await _until_rate(_whep(loopback), 28, 32)
        result = looks[-1]
        assert result.is_live, result
        assert (result.width, result.height) == (640, 360)
        assert 28 < result.fps < 32
        assert result.first_frame_s is not None
        assert result.first_frame_s < 5
        assert result.reason == ""
        # Each session was deleted, not left to time out.
        await until(lambda: count(server, CLOSED) == len(looks))


async def test_a_still_picture_is_frozen(loopback: str, tmp_path: Path) -> None:
    async with bare_media_server(loopback, tmp_path), publishing(loopback, STILL):
        result = (await _until_rate(_whep(loopback), 23, 27))[-1]
        assert result.state is PictureState.STALLED, result
        assert "frozen" in result.reason
        assert result.frames > 10
        assert 23 < result.fps < 27


async def test_a_path_that_nobody_publishes_is_absent(loopback: str, tmp_path: Path) -> None:
    async with bare_media_server(loopback, tmp_path):
        result = await probe(_whep(loopback))
        assert result.state is PictureState.ABSENT
        assert "nobody publishes" in result.reason


async def test_a_publisher_that_stops_sending_is_stalled(loopback: str, tmp_path: Path) -> None:
    async with bare_media_server(loopback, tmp_path), publishing(loopback, MOVING) as ffmpeg:
        await _probe_when_published(_whep(loopback))
        os.killpg(ffmpeg.pid, signal.SIGSTOP)
        try:
            for _ in range(TRIES):  # a machine that stalls may not even connect in time
                result = await probe(_whep(loopback), frame_timeout_s=1.5)
                if "no frame was decoded" in result.reason:
                    break
        finally:
            os.killpg(ffmpeg.pid, signal.SIGCONT)
        assert result.state is PictureState.STALLED
        assert "no frame was decoded in 1.5 s" in result.reason


async def test_a_refused_connection_is_said_so(loopback: str) -> None:
    result = await probe(_whep(loopback))
    assert result.state is PictureState.STALLED
    assert f"{loopback}:8889 cannot be reached" in result.reason
    assert "MediaMTX" in result.remedy


async def test_a_media_server_that_ends_is_noticed_by_a_reader(
    loopback: str, tmp_path: Path
) -> None:
    async with bare_media_server(loopback, tmp_path) as server, publishing(loopback, MOVING):
        await _probe_when_published(_whep(loopback))

        async def read_on() -> None:
            async with open_reader(_whep(loopback), frame_timeout_s=2.0) as frames:
                await anext(frames)
                await server.stop()
                async for _frame in frames:
                    pass

        try:
            async with asyncio.timeout(20):
                await read_on()
        except PictureError as fault:
            assert "lost" in str(fault) or "no frame" in str(fault)  # noqa: PT017 - or it just ends


async def test_a_reader_gives_pixels_that_change(loopback: str, tmp_path: Path) -> None:
    async with bare_media_server(loopback, tmp_path), publishing(loopback, MOVING):
        await _probe_when_published(_whep(loopback))
        async with open_reader(_whep(loopback)) as frames:
            first = await anext(frames)
            shape = first.rgb.shape
            assert shape == (360, 640, 3)
            assert first.luma.shape == (360, 640)
            assert first.rgb.max() > 200, "testsrc2 has bright colours"
            async for frame in frames:
                if (frame.rgb != first.rgb).any():
                    break
            assert frame.time_s > first.time_s
            assert frame.received_at >= first.received_at


class _Whep:
    """A server that says whatever the test wants it to say."""

    def __init__(self) -> None:
        self.deleted: list[str] = []
        self.status = 201
        self.body = ""
        self.location = "/cam/whep/session"

    async def post(self, _request: web.Request) -> web.Response:
        return web.Response(
            status=self.status,
            text=self.body,
            content_type="application/sdp",
            headers={"Location": self.location},
        )

    async def delete(self, request: web.Request) -> web.Response:
        self.deleted.append(request.path)
        return web.Response()


@asynccontextmanager
async def _whep_server(address: str) -> AsyncIterator[_Whep]:
    server = _Whep()
    app = web.Application()
    app.router.add_post("/cam/whep", server.post)
    app.router.add_delete("/{tail:.*}", server.delete)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, address, 8889).start()
    try:
        yield server
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    "body",
    [
        "",
        "hello",
        "v=0\r\n",
        "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF nonsense\r\n",
        "\x00\xff" * 1000,
        "<html><body>it works</body></html>",
        "v=0\r\na=" + "x" * 500_000,
    ],
    ids=["empty", "word", "short", "odd media", "binary", "html", "huge"],
)
async def test_an_answer_that_is_nonsense_is_said_so_and_the_session_deleted(
    loopback: str, body: str
) -> None:
    async with _whep_server(loopback) as server:
        server.body = body
        result = await probe(_whep(loopback))
        assert result.state is PictureState.STALLED
        assert "not SDP" in result.reason
        assert "\n" not in result.reason
        assert server.deleted == ["/cam/whep/session"]


@pytest.mark.parametrize(
    ("status", "words"), [(401, "let us in"), (403, "let us in"), (500, "500")]
)
async def test_a_refused_offer_names_the_status(loopback: str, status: int, words: str) -> None:
    async with _whep_server(loopback) as server:
        server.status = status
        result = await probe(_whep(loopback))
        assert result.state is PictureState.STALLED
        assert words in result.reason


async def test_a_path_that_the_daemon_has_not_added_yet_is_absent(loopback: str) -> None:
    async with _whep_server(loopback) as server:
        server.status, server.body = 400, '{"error":"path \'cam\' is not configured"}'
        assert (await probe(_whep(loopback))).state is PictureState.ABSENT


async def test_a_session_on_a_foreign_host_is_not_deleted(loopback: str) -> None:
    async with _whep_server(loopback) as server:
        server.location = "http://192.0.2.1/elsewhere"

        async def took() -> float:
            started = time.monotonic()
            await probe(_whep(loopback))
            return time.monotonic() - started

        await best_of_three(took, below=2)  # nobody waited for that host
        assert server.deleted == []


async def test_a_server_that_is_no_web_server_is_said_so(loopback: str) -> None:
    async def chatter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"220 mail.example.org ESMTP\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(chatter, loopback, 8889):
        result = await probe(_whep(loopback))
    assert result.state is PictureState.STALLED
    assert "does not speak WHEP" in result.reason


async def test_media_that_cannot_pass_is_said_so(loopback: str, tmp_path: Path) -> None:
    async with bare_media_server(loopback, tmp_path), publishing(loopback, MOVING):
        await _probe_when_published(_whep(loopback))
        # The answer of a real server, its candidate replaced by one that swallows packets.
        async with _whep_server(neighbour(loopback)) as server:
            answer = await _answer_of(_whep(loopback))
            server.body = "\r\n".join(
                line for line in answer.splitlines() if not line.startswith("a=candidate")
            )
            server.body += "\r\na=candidate:1 1 udp 2130706431 192.0.2.77 9 typ host\r\n"
            server.body += "a=end-of-candidates\r\n"
            result = await probe(_whep(neighbour(loopback)), frame_timeout_s=1.5)
    assert result.state is PictureState.STALLED
    assert "ICE" in result.reason
    assert "8189" in result.remedy


async def _answer_of(url: str) -> str:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.addTransceiver("video", direction="recvonly")
    await connection.setLocalDescription()
    async with (
        aiohttp.ClientSession() as http,
        http.post(
            url,
            data=connection.localDescription.sdp,
            headers={"Content-Type": "application/sdp"},
        ) as response,
    ):
        answer = await response.text()
    await connection.close()
    return answer


async def test_as_a_command_it_prints_json_and_its_exit_code_says_whether_it_is_live(
    loopback: str, tmp_path: Path
) -> None:
    async with bare_media_server(loopback, tmp_path), publishing(loopback, MOVING):
        await _probe_when_published(_whep(loopback))
        for _ in range(TRIES):  # half a second is not much of a machine that stalls
            good = await asyncio.to_thread(_command, _whep(loopback), "--json", "--seconds", "0.5")
            if good.returncode == 0:
                break
        assert good.returncode == 0, good.stderr
        assert json.loads(good.stdout)["state"] == "live"
        bad = await asyncio.to_thread(_command, _whep(loopback, "nobody"))
        assert bad.returncode == 1
        assert bad.stdout.startswith("absent: nobody publishes")
        assert len(bad.stdout.splitlines()) == 1
        assert bad.stderr == ""


def _command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "portal.probe", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_a_probe_that_is_ended_deletes_its_session(loopback: str, tmp_path: Path) -> None:
    async with bare_media_server(loopback, tmp_path) as server, publishing(loopback, MOVING):
        await _probe_when_published(_whep(loopback))
        await until(lambda: count(server, CLOSED) == 1)
        child = await ChildProcess.spawn(
            [sys.executable, "-m", "portal.probe", _whep(loopback), "--seconds", "30"], name="probe"
        )
        await until(lambda: count(server, "is reading from path") == 2)
        assert await child.stop(grace_s=20) == 1
        await until(lambda: count(server, CLOSED) == 2)


async def test_the_daemons_look_is_a_child_that_leaves_this_process_small(
    loopback: str, tmp_path: Path
) -> None:
    async with bare_media_server(loopback, tmp_path), publishing(loopback, MOVING):
        await _probe_when_published(_whep(loopback))
        for _ in range(TRIES):
            result = await look(_whep(loopback), seconds=0.5)
            if result.is_live:
                break
        assert result.is_live, result
    script = (
        "import sys, portal.picture; print(sorted({'aiortc', 'av', 'numpy'} & set(sys.modules)))"
    )
    loaded = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "[]"


async def test_a_look_that_takes_too_long_is_ended(loopback: str) -> None:
    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()  # else whichever test collects it fails

    async with await asyncio.start_server(silence, loopback, 8889):
        result = await look(_whep(loopback), limit_s=0.5)
    assert result.state is PictureState.UNKNOWN
    assert "over 0.5 s" in result.reason


def test_it_works_where_loopback_is_the_only_interface(tmp_path: Path) -> None:
    """A network namespace of its own: aioice alone offers no candidate there."""
    script = tmp_path / "alone.py"
    script.write_text(
        """
import asyncio, sys
from pathlib import Path
from portal.probe import probe
from tests.integration.streams import MOVING, bare_media_server, publishing

async def main() -> None:
    async with bare_media_server("127.0.0.2", Path(sys.argv[1])), publishing("127.0.0.2", MOVING):
        for _ in range(30):
            result = await probe("http://127.0.0.2:8889/cam/whep", seconds=0.5)
            if result.is_live:
                break
            await asyncio.sleep(0.1)
    print(result)
    sys.exit(0 if result.is_live else 1)

asyncio.run(main())
"""
    )
    inside = f"ip link set lo up && exec {sys.executable} {script} {tmp_path}"
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", inside],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.returncode == 0, done.stdout + done.stderr

"""The site's camera is published, and comes back from whatever ends it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from portal.config import Config
from portal.mediamtx.client import MediaMtxClient
from portal.model import Camera
from portal.publish.command import in_one_line
from portal.publish.service import Publishing
from portal.state import StateBoard
from portal.words import CameraState
from tests.integration.media import (
    PATTERN,
    below,
    client_of,
    has_ended,
    media_server,
    media_server_of,
    new_board,
    publishing,
    ready,
    small_config,
    until,
)
from tests.running import running
from tests.tries import best_of_three

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def config(loopback: str) -> Config:
    return small_config(loopback)


async def camera_is(state: StateBoard, *wanted: CameraState, within_s: float = 30) -> str:
    """Wait for one of these; the detail."""
    try:
        snapshot = await asyncio.wait_for(
            state.wait_for(lambda new: new.camera.state in wanted), within_s
        )
    except TimeoutError:
        raise AssertionError(f"not {wanted}: {state.snapshot}") from None
    return snapshot.camera.detail


async def path_ready(client: MediaMtxClient, wanted: bool = True) -> float:
    """Wait until the path `cam` has a publisher, or none; the seconds that it took."""
    began = time.monotonic()
    while True:
        path = await client.path("cam")
        if (path is not None and path.ready) is wanted:
            return time.monotonic() - began
        assert time.monotonic() - began < 40
        await asyncio.sleep(0.01)


async def test_the_first_camera_is_published(config: Config, state_dir: Path) -> None:
    state = new_board(PATTERN, Camera(id="other", name="other", source="pattern"))
    began = time.monotonic()
    async with publishing(config, state, state_dir):
        await camera_is(state, CameraState.LIVE)
        print(f"start to live {time.monotonic() - began:.2f} s")
        assert state.snapshot.camera.camera == PATTERN
        pid = state.snapshot.media_server.pid
        assert len(below(pid, "ffmpeg")) == 1
        publisher = psutil.Process(below(pid, "ffmpeg")[0].ppid())
        rss = publisher.memory_info().rss / 1e6
        print(f"publisher: {rss:.1f} MB")
        assert rss < 15
        ended = time.monotonic()
    print(f"live to all ended {time.monotonic() - ended:.2f} s")
    assert has_ended(publisher)


async def test_a_killed_ffmpeg_is_replaced_at_once(config: Config, state_dir: Path) -> None:
    state = new_board(PATTERN)
    async with publishing(config, state, state_dir), client_of(config, state_dir) as client:
        await camera_is(state, CameraState.LIVE)
        pid = state.snapshot.media_server.pid
        (ffmpeg,) = below(pid, "ffmpeg")
        began = time.monotonic()
        ffmpeg.kill()
        again = await until(lambda: below(pid, "ffmpeg") not in ([], [ffmpeg]))
        print(f"ffmpeg killed to started again {again:.3f} s")
        await path_ready(client)
        print(f"ffmpeg killed to ready again {time.monotonic() - began:.3f} s")


async def test_an_ffmpeg_that_lives_but_sends_nothing_is_replaced(
    config: Config, state_dir: Path
) -> None:
    state = new_board(PATTERN)
    async with publishing(config, state, state_dir), client_of(config, state_dir) as client:

        async def replaced() -> float:
            await camera_is(state, CameraState.LIVE)
            (ffmpeg,) = below(state.snapshot.media_server.pid, "ffmpeg")
            os.kill(ffmpeg.pid, signal.SIGSTOP)
            took = await until(lambda: has_ended(ffmpeg))
            print(f"silent ffmpeg replaced after {took:.1f} s")
            await until(lambda: below(state.snapshot.media_server.pid, "ffmpeg") != [])
            await path_ready(client)
            return took

        await best_of_three(replaced, below=6)


async def test_a_killed_publisher_takes_its_ffmpeg_along_and_is_replaced(
    config: Config, state_dir: Path
) -> None:
    state = new_board(PATTERN)
    async with publishing(config, state, state_dir), client_of(config, state_dir) as client:
        await camera_is(state, CameraState.LIVE)
        pid = state.snapshot.media_server.pid
        (ffmpeg,) = below(pid, "ffmpeg")
        began = time.monotonic()
        os.kill(ffmpeg.ppid(), signal.SIGKILL)
        await until(lambda: has_ended(ffmpeg))
        await until(lambda: below(pid, "ffmpeg") not in ([], [ffmpeg]))
        await path_ready(client)
        await camera_is(state, CameraState.LIVE)
        print(f"publisher killed to live again {time.monotonic() - began:.2f} s")


async def test_after_mediamtx_was_killed_the_picture_is_back_and_no_ffmpeg_is_left_over(
    config: Config, state_dir: Path
) -> None:
    state = new_board(PATTERN)
    async with publishing(config, state, state_dir), client_of(config, state_dir) as client:
        await camera_is(state, CameraState.LIVE)
        pid = state.snapshot.media_server.pid
        (ffmpeg,) = below(pid, "ffmpeg")
        publisher = psutil.Process(ffmpeg.ppid())
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        new = await ready(state, generation=2)
        await path_ready(client)
        print(f"MediaMTX killed to ready again {time.monotonic() - began:.2f} s")
        await until(lambda: has_ended(ffmpeg) and has_ended(publisher))
        await until(lambda: len(below(new, "ffmpeg")) == 1)
        await camera_is(state, CameraState.LIVE)


async def test_a_daemon_that_crashes_and_restarts_does_not_stop_the_picture(
    config: Config, state_dir: Path
) -> None:
    before, after = new_board(PATTERN), new_board(PATTERN)
    async with client_of(config, state_dir) as client:
        crashing = (
            media_server_of(config, before, state_dir).run,
            Publishing(config, before, client, state_dir).run,
        )
        async with running(*crashing):
            await camera_is(before, CameraState.LIVE)
            pid = before.snapshot.media_server.pid
            ffmpeg = below(pid, "ffmpeg")
        path = await client.path("cam")
        assert path is not None
        assert path.ready
        async with publishing(config, after, state_dir):
            await camera_is(after, CameraState.LIVE)
            assert after.snapshot.media_server.pid == pid
            assert below(pid, "ffmpeg") == ffmpeg


async def test_a_publisher_is_started_anew_when_that_is_wished_though_it_hangs(
    config: Config, state_dir: Path
) -> None:
    state = new_board(PATTERN)
    async with publishing(config, state, state_dir):
        await camera_is(state, CameraState.LIVE)
        pid = state.snapshot.media_server.pid
        (ffmpeg,) = below(pid, "ffmpeg")
        for hanging in (ffmpeg.ppid(), ffmpeg.pid):
            os.kill(hanging, signal.SIGSTOP)
        began = time.monotonic()
        state.update(publisher_restarts=1)
        await until(lambda: below(pid, "ffmpeg") not in ([], [ffmpeg]))
        await camera_is(state, CameraState.LIVE)
        print(f"wish to live again {time.monotonic() - began:.2f} s")
        assert has_ended(ffmpeg)


async def test_a_publisher_that_hangs_while_its_ffmpeg_dies_is_replaced(
    config: Config, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.publish.watching.SILENT_S", 2.0)
    state = new_board(PATTERN)
    async with publishing(config, state, state_dir), client_of(config, state_dir) as client:
        await camera_is(state, CameraState.LIVE)
        pid = state.snapshot.media_server.pid
        (ffmpeg,) = below(pid, "ffmpeg")
        os.kill(ffmpeg.ppid(), signal.SIGSTOP)
        ffmpeg.kill()
        await until(lambda: below(pid, "ffmpeg") not in ([], [ffmpeg]))
        await path_ready(client)
        await camera_is(state, CameraState.LIVE)


async def test_what_mediamtx_forgot_is_told_again(config: Config, state_dir: Path) -> None:
    state = new_board(PATTERN)
    async with publishing(config, state, state_dir), client_of(config, state_dir) as client:
        await camera_is(state, CameraState.LIVE)
        await client.delete_path("cam")
        await path_ready(client, wanted=False)
        print(f"forgotten to ready again {await path_ready(client):.2f} s")


async def test_paused_unplugged_and_exchanged_cameras_are_followed(
    config: Config, state_dir: Path
) -> None:
    state = new_board(PATTERN)
    async with publishing(config, state, state_dir), client_of(config, state_dir) as client:
        await camera_is(state, CameraState.LIVE)
        pid = state.snapshot.media_server.pid

        state.update(paused=True)
        await camera_is(state, CameraState.PAUSED)
        assert state.snapshot.camera.camera == PATTERN
        await until(lambda: not below(pid, "ffmpeg"))
        await path_ready(client, wanted=False)  # ffmpeg ends first

        state.update(paused=False)
        await camera_is(state, CameraState.LIVE)

        state.update(cameras=())
        await camera_is(state, CameraState.ABSENT)
        took = await until(lambda: not below(pid, "ffmpeg"))
        print(f"unplugged to ffmpeg gone {took:.2f} s")

        other = Camera(
            id="other",
            name="other",
            source="ffmpeg",
            input=("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=15"),
        )
        state.update(cameras=(other,))
        await camera_is(state, CameraState.LIVE)
        assert state.snapshot.camera.camera == other
        (ffmpeg,) = below(pid, "ffmpeg")
        assert "testsrc2=size=320x180:rate=15" in ffmpeg.cmdline()

        state.update(cameras=(PATTERN, other))
        await until(lambda: state.snapshot.camera.camera == PATTERN)
        await camera_is(state, CameraState.LIVE)
        await until(lambda: len(below(pid, "ffmpeg")) == 1)


@pytest.mark.parametrize(
    ("camera", "words"),
    [
        (
            Camera(id="gone", name="gone", source="usb", device="/dev/video-none"),
            "the camera is gone: plug it in again",
        ),
        (
            Camera(
                id="ip",
                name="ip",
                source="ffmpeg",
                input=("-rtsp_transport", "tcp", "-i", "rtsp://127.0.0.1:1/x"),
            ),
            "what the camera's input names refuses the connection",
        ),
    ],
    ids=lambda value: value.id if isinstance(value, Camera) else "",
)
async def test_a_camera_that_cannot_be_used_is_explained_in_words(
    config: Config, state_dir: Path, camera: Camera, words: str
) -> None:
    state = new_board(camera)
    async with publishing(config, state, state_dir):
        assert await camera_is(state, CameraState.FAULT) == words
        state.update(cameras=(PATTERN,))
        await camera_is(state, CameraState.LIVE)


async def test_a_missing_ffmpeg_is_a_fault_that_names_the_key(
    loopback: str, state_dir: Path
) -> None:
    config = small_config(loopback, 'ffmpeg = "/nowhere/ffmpeg"\n')
    state = new_board(PATTERN)
    async with publishing(config, state, state_dir):
        assert "video.ffmpeg: '/nowhere/ffmpeg'" in await camera_is(state, CameraState.FAULT)


async def test_a_daemon_that_watches_a_live_picture_costs_next_to_nothing(
    config: Config, state_dir: Path
) -> None:
    state = new_board(PATTERN)
    async with publishing(config, state, state_dir):
        await camera_is(state, CameraState.LIVE)
        await asyncio.sleep(1)

        async def share() -> float:
            began, before = time.monotonic(), time.process_time()
            await asyncio.sleep(4)
            share = (time.process_time() - before) / (time.monotonic() - began)
            print(f"MediaServer and Publishing: {share:.2%} of a core")
            return share

        await best_of_three(share, below=0.02)


async def test_an_argument_reaches_the_publisher_as_it_is(config: Config, state_dir: Path) -> None:
    """MediaMTX splits the line like a shell and expands variables, each version in its order."""
    state = new_board()
    said = state_dir / "said"
    arguments = ["$HOME", "${PATH}", "a$", "$$", "it's", '"q"', "100%", "back\\slash", "", "ü\n"]
    line = in_one_line(
        [
            sys.executable,
            "-c",
            "import sys, time; open(sys.argv[1], 'w').write(repr(sys.argv[2:])); time.sleep(60)",
            str(said),
            *arguments,
        ]
    )
    async with media_server(config, state, state_dir), client_of(config, state_dir) as client:
        await ready(state)
        await client.set_path("cam", {"runOnInit": line})
        await until(lambda: said.exists() and said.read_text() != "")
        assert said.read_text() == repr(arguments)

"""The cameras that are not published can be looked at on demand, by this box's own pages alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import psutil
import pytest

from portal.config import Config
from portal.mediamtx.client import MediaMtxClient
from portal.mediamtx.credentials import credentials_of
from portal.model import Camera
from portal.probe import open_reader
from portal.publish.previews import Previews
from portal.state import StateBoard
from portal.web.app import make_local_app
from portal.words import CameraState
from tests.integration.media import (
    PATTERN,
    below,
    client_of,
    new_board,
    publishing,
    ready,
    small_config,
    until,
)
from tests.integration.web_server import OFFER, served
from tests.running import running

pytestmark = pytest.mark.timeout(90)

SDP = {"Content-Type": "application/sdp"}
SIDE = Camera(
    id="side",
    name="side",
    source="ffmpeg",
    input=("-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30"),
)


@pytest.fixture
def config(loopback: str) -> Config:
    return small_config(loopback)


@asynccontextmanager
async def previewing(
    config: Config, state: StateBoard, state_dir: Path
) -> AsyncIterator[MediaMtxClient]:
    async with (
        publishing(config, state, state_dir),
        client_of(config, state_dir) as client,
        running(Previews(config, state, client, state_dir).run),
    ):
        yield client


async def until_paths(client: MediaMtxClient, *expected: str) -> None:
    async with asyncio.timeout(40):
        while True:
            if {*await client.configured_paths()} == {*expected}:
                return
            await asyncio.sleep(0.05)


def looking_at(state: StateBoard, camera: Camera) -> list[psutil.Process]:
    """The ffmpegs that send a preview."""
    found = below(state.snapshot.media_server.pid, "ffmpeg")
    return [one for one in found if _sends_to(one, f"/camera/{camera.id}")]


def _sends_to(process: psutil.Process, path: str) -> bool:
    """One that has just ended has no command line any more."""
    try:
        return any(argument.endswith(path) for argument in process.cmdline())
    except psutil.NoSuchProcess:
        return False


async def test_a_preview_starts_with_its_first_reader_is_small_and_ends_after_the_last(
    config: Config, state_dir: Path, loopback: str
) -> None:
    state = new_board(PATTERN, SIDE)
    password = credentials_of(state_dir).preview
    app = make_local_app(config, state, preview_password=password)
    async with previewing(config, state, state_dir) as client, served(app, loopback) as base:
        await state.wait_for(lambda new: new.camera.state is CameraState.LIVE)
        await until_paths(client, "cam", "camera/side")
        assert not looking_at(state, SIDE)
        began = asyncio.get_running_loop().time()
        async with open_reader(f"{base}/whep/camera/side") as reader:
            frame = await anext(reader)
            print(f"asked to first frame {asyncio.get_running_loop().time() - began:.2f} s")
            assert (frame.width, frame.height) == (320, 180)
            assert len(looking_at(state, SIDE)) == 1
        took = await until(lambda: not looking_at(state, SIDE), within_s=30)
        print(f"last reader gone to ended {took:.1f} s")  # MediaMTX is told 4
        path = await client.path("cam")
        assert path is not None
        assert path.ready


async def test_the_published_camera_has_no_second_path_and_a_page_need_not_know(
    config: Config, state_dir: Path, loopback: str
) -> None:
    state = new_board(PATTERN, SIDE)
    app = make_local_app(config, state)
    async with (
        previewing(config, state, state_dir) as client,
        served(app, loopback) as base,
        aiohttp.ClientSession() as http,
    ):
        await state.wait_for(lambda new: new.camera.state is CameraState.LIVE)
        await until_paths(client, "cam", "camera/side")
        async with http.post(f"{base}/whep/camera/pattern", data=OFFER, headers=SDP) as answer:
            assert answer.status == 201
        async with http.delete(base + answer.headers["Location"]) as closed:
            assert closed.status == 200
        async with http.post(f"{base}/whep/camera/other", data=OFFER, headers=SDP) as answer:
            assert answer.status == 404
            assert (await answer.json())["error"] == "no such camera is plugged in"


async def test_a_stranger_reads_the_published_camera_but_no_other(
    config: Config, state_dir: Path
) -> None:
    state = new_board(PATTERN, SIDE)
    whep = f"http://{config.site.address}:8889/{{}}/whep"
    async with previewing(config, state, state_dir) as client, aiohttp.ClientSession() as http:
        await state.wait_for(lambda new: new.camera.state is CameraState.LIVE)
        await until_paths(client, "cam", "camera/side")
        async with http.post(whep.format("cam"), data=OFFER, headers=SDP) as answer:
            assert answer.status == 201
        async with http.post(whep.format("camera/side"), data=OFFER, headers=SDP) as answer:
            assert answer.status in {400, 401}  # 1.12 says 400
        assert not looking_at(state, SIDE)


async def test_previews_follow_what_is_plugged_published_and_paused(
    config: Config, state_dir: Path
) -> None:
    state = new_board(PATTERN)
    async with previewing(config, state, state_dir) as client:
        await ready(state)
        await until_paths(client, "cam")
        state.update(cameras=(PATTERN, SIDE))
        await until_paths(client, "cam", "camera/side")
        state.update(cameras=(SIDE, PATTERN))
        await until_paths(client, "cam", "camera/pattern")
        state.update(take_over=False, chosen="another")
        await until_paths(client, "camera/side", "camera/pattern")
        state.update(paused=True)
        await until_paths(client)
        state.update(paused=False, take_over=True)
        await until_paths(client, "cam", "camera/pattern")
        state.update(cameras=())
        await until_paths(client)


async def test_previews_are_told_to_each_new_media_server(config: Config, state_dir: Path) -> None:
    state = new_board(PATTERN, SIDE)
    async with previewing(config, state, state_dir) as client:
        psutil.Process(await ready(state)).kill()
        await ready(state, generation=2)
        await until_paths(client, "cam", "camera/side")


async def test_previews_that_are_not_wanted_are_not_offered(loopback: str, state_dir: Path) -> None:
    config = small_config(loopback, "[capture]\npreviews = false\n")
    state = new_board(PATTERN, SIDE)
    async with previewing(config, state, state_dir) as client:
        await ready(state)
        await client.set_path("camera/side", {})  # of the settings before
        await state.wait_for(lambda new: new.camera.state is CameraState.LIVE)
        state.update(cameras=(PATTERN,))
        await until_paths(client, "cam")

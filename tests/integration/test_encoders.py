"""A hardware encoder is believed in after it has encoded a picture that screens can show."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

import msgspec
import pytest

from portal.config import Config, VideoSection
from portal.errors import ProcessError
from portal.mediamtx.client import MediaMtxClient
from portal.publish import preparing, trial
from portal.publish.codecs import Encoder
from portal.publish.encoders import Encoders, Tried, Tries
from portal.publish.machine import Machine
from portal.publish.preparing import Preparation
from portal.publish.service import Publishing
from portal.store import Store
from portal.words import CameraState
from tests.integration.media import (
    PATTERN,
    client_of,
    media_server,
    new_board,
    publishing,
    small_config,
    until,
)
from tests.running import running

_FFMPEG = Path(__file__).parents[1] / "fakes" / "hardware_ffmpeg.py"
VIDEO = VideoSection(width=320, height=180, fps=30, bitrate_kbps=300)


pytestmark = pytest.mark.timeout(120)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that stalls is no encoder that is too slow."""
    monkeypatch.setattr(trial, "ENCODE_WITHIN_S", 30.0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine with a graphics card."""
    node = tmp_path / "root" / "dev" / "dri" / "renderD128"
    node.parent.mkdir(parents=True)
    node.touch()
    return tmp_path / "root"


def ffmpeg_that_works(tmp_path: Path, how: str) -> str:
    program = tmp_path / "ffmpeg"
    command = shlex.join([sys.executable, str(_FFMPEG), how, str(tmp_path / "uses")])
    program.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    program.chmod(0o755)
    return str(program)


def uses(tmp_path: Path) -> int:
    log = tmp_path / "uses"
    return len(log.read_text().splitlines()) if log.exists() else 0


def vaapi(root: Path) -> Encoder:
    return Encoder(name="h264_vaapi", device=str(root / "dev/dri/renderD128"))


async def test_one_that_works_is_taken_and_not_tried_again_on_this_machine(
    tmp_path: Path, state_dir: Path, root: Path
) -> None:
    ffmpeg = ffmpeg_that_works(tmp_path, "well")
    encoders = Encoders(Store(state_dir), VIDEO, machine=Machine(root))
    assert await encoders.remembered(ffmpeg) is None
    began = time.monotonic()
    assert await encoders.prove(ffmpeg) == vaapi(root)
    print(f"proved in {time.monotonic() - began:.2f} s")

    later = Encoders(Store(state_dir), VIDEO, machine=Machine(root))
    assert await later.remembered(ffmpeg) == vaapi(root)
    assert uses(tmp_path) == 1

    (root / "dev/dri/renderD129").touch()
    assert await later.remembered(ffmpeg) is None
    larger = VideoSection(width=640, height=360, fps=30)
    assert (
        await Encoders(Store(state_dir), larger, machine=Machine(root)).remembered(ffmpeg) is None
    )


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("late", "it has B-frames"),
        ("high", "its profile is High"),
        ("colour", "its profile is High 4:4:4"),
        ("sparse", "it has one keyframe"),
        ("torn", ""),  # in one way or another
        ("fails", "[h264_vaapi] No usable encoding entrypoint"),
    ],
)
async def test_one_whose_picture_screens_could_not_show_is_not_taken_and_that_is_kept(
    tmp_path: Path, state_dir: Path, root: Path, how: str, reason: str
) -> None:
    ffmpeg = ffmpeg_that_works(tmp_path, how)
    encoders = Encoders(Store(state_dir), VIDEO, machine=Machine(root))
    assert await encoders.prove(ffmpeg) == Encoder()
    (tried,) = Store(state_dir).load("encoders", Tries).tried
    assert tried.reason
    assert reason in tried.reason
    assert await encoders.remembered(ffmpeg) == Encoder()


async def test_nothing_is_kept_of_a_trial_that_could_not_be_made(
    tmp_path: Path, state_dir: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoders = Encoders(Store(state_dir), VIDEO, machine=Machine(root))
    with pytest.raises(ProcessError, match="-encoders ended with 1"):
        await encoders.prove(str(shutil.which("false")))
    ffmpeg = ffmpeg_that_works(tmp_path, "well")
    with monkeypatch.context() as patched:
        patched.setattr(tempfile, "tempdir", "/nowhere")  # as on a full disk
        with pytest.raises(ProcessError, match="no place for a piece of video"):
            await encoders.prove(ffmpeg)
    assert await encoders.prove(ffmpeg) == vaapi(root)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("hangs", "a second of picture took it over 3 s"),
        ("busy", "Device or resource busy"),
        ("killed", "was ended by SIGKILL"),
    ],
)
async def test_nothing_is_kept_of_a_trial_that_failed_for_a_reason_that_passes(
    tmp_path: Path,
    state_dir: Path,
    root: Path,
    how: str,
    reason: str,
) -> None:
    ffmpeg = ffmpeg_that_works(tmp_path, how)
    encoders = Encoders(Store(state_dir), VIDEO, machine=Machine(root))
    limit = mock.patch.object(trial, "ENCODE_WITHIN_S", 3.0 if how == "hangs" else 30.0)
    with limit, pytest.raises(ProcessError, match=reason):
        await encoders.prove(ffmpeg)
    assert Store(state_dir).load("encoders", Tries).tried == ()
    assert await encoders.remembered(ffmpeg) is None
    ffmpeg = ffmpeg_that_works(tmp_path, "well")
    assert await encoders.prove(ffmpeg) == vaapi(root)


async def test_hardware_that_was_busy_is_tried_again_later_and_then_encodes(
    tmp_path: Path, state_dir: Path, root: Path, loopback: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "_AGAIN_AFTER_S", 0.5)
    ffmpeg = ffmpeg_that_works(tmp_path, "busy at first")
    config = small_config(loopback, f'ffmpeg = "{ffmpeg}"\n')
    state = new_board(PATTERN)
    async with publishing(config, state, state_dir, machine=Machine(root)):
        await asyncio.wait_for(state.wait_for(lambda new: new.camera.encoder == "h264_vaapi"), 40)
        await asyncio.wait_for(state.wait_for(lambda new: new.camera.state is CameraState.LIVE), 40)
    assert await Encoders(Store(state_dir), config.video, machine=Machine(root)).remembered(
        ffmpeg
    ) == vaapi(root)


@pytest.fixture
def with_a_better_one(tmp_path: Path, state_dir: Path, root: Path) -> Preparation:
    """VAAPI is known to work; NVENC was busy when it was tried."""
    ffmpeg = ffmpeg_that_works(tmp_path, "well")
    (root / "dev/nvidia0").touch()
    config = Config(video=msgspec.structs.replace(VIDEO, ffmpeg=ffmpeg))
    machine = Machine(root)
    tries = Tries(
        machine=machine.fingerprint(ffmpeg, config.video), tried=(Tried(encoder=vaapi(root)),)
    )
    Store(state_dir).save("encoders", tries)
    return Preparation(config, Store(state_dir), machine=machine)


async def no_look() -> None:
    raise AssertionError("a pattern needs none")


async def test_one_that_works_encodes_at_once_while_a_better_one_is_tried_again(
    with_a_better_one: Preparation, state_dir: Path
) -> None:
    """Else each start of the daemon would interrupt the picture twice."""
    plan = await with_a_better_one.plan_for(PATTERN, free=no_look)
    assert plan.encoder == "h264_vaapi"
    async with asyncio.timeout(60):
        assert not await with_a_better_one.prove()
    names = [one.encoder.name for one in Store(state_dir).load("encoders", Tries).tried]
    assert names == ["h264_vaapi", "h264_nvenc"]


async def test_one_that_failed_in_use_stays_away_whatever_a_trial_finds(
    with_a_better_one: Preparation,
) -> None:
    await with_a_better_one.plan_for(PATTERN, free=no_look)
    with_a_better_one.distrust_encoder("it failed in use")
    async with asyncio.timeout(60):
        assert not await with_a_better_one.prove()
    plan = await with_a_better_one.plan_for(PATTERN, free=no_look)
    assert plan.encoder == "libx264"


async def test_a_machine_without_hardware_is_not_kept_waiting(
    tmp_path: Path, state_dir: Path
) -> None:
    encoders = Encoders(Store(state_dir), VIDEO, machine=Machine(tmp_path))
    assert await encoders.remembered("/nowhere/ffmpeg") == Encoder()
    wanted = VideoSection(encoder="x264")
    assert await Encoders(Store(state_dir), wanted).remembered("/nowhere/ffmpeg") == Encoder()


async def test_the_picture_comes_by_x264_at_once_and_by_hardware_once_that_is_proved(
    tmp_path: Path, state_dir: Path, root: Path, loopback: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ffmpeg = ffmpeg_that_works(tmp_path, "well")
    config = small_config(loopback, f'ffmpeg = "{ffmpeg}"\n')
    state = new_board(PATTERN)
    order: list[str] = []
    prove = Encoders.prove

    async def slowly(encoders: Encoders, ffmpeg: str) -> Encoder:
        """The picture need not wait for it, so it may wait for the picture."""
        await until(lambda: bool(order))
        return await prove(encoders, ffmpeg)

    monkeypatch.setattr(Encoders, "prove", slowly)

    async def watch() -> None:
        async for snapshot in state.subscribe():
            camera = snapshot.camera
            if camera.state is CameraState.LIVE and camera.encoder not in order[-1:]:
                order.append(camera.encoder)

    def service(client: MediaMtxClient) -> Publishing:
        return Publishing(config, state, client, state_dir, machine=Machine(root))

    async with (
        media_server(config, state, state_dir),
        client_of(config, state_dir) as client,
        running(service(client).run, watch),
    ):
        await asyncio.wait_for(state.wait_for(lambda new: new.camera.encoder == "h264_vaapi"), 40)
        await asyncio.wait_for(state.wait_for(lambda _: "h264_vaapi" in order), 40)
    assert order == ["libx264", "h264_vaapi"]
    # The next daemon knows.
    order.clear()
    async with (
        media_server(config, state, state_dir),
        client_of(config, state_dir) as client,
        running(service(client).run, watch),
    ):
        await asyncio.wait_for(state.wait_for(lambda _: bool(order)), 40)
    assert order == ["h264_vaapi"]


async def test_x264_takes_the_place_of_one_that_fails_in_use(
    tmp_path: Path, state_dir: Path, root: Path, loopback: str
) -> None:
    ffmpeg = ffmpeg_that_works(tmp_path, "tired")
    assert await Encoders(
        Store(state_dir),
        small_config(loopback).video,
        machine=Machine(root),
    ).prove(ffmpeg) == vaapi(root)
    config = small_config(loopback, f'ffmpeg = "{ffmpeg}"\n')
    state = new_board(PATTERN)
    async with publishing(config, state, state_dir, machine=Machine(root)):
        snapshot = await asyncio.wait_for(
            state.wait_for(lambda new: new.camera.state is CameraState.LIVE), 40
        )
    assert snapshot.camera.encoder == "libx264"
    assert uses(tmp_path) > 1

"""A camera's own H.264 is copied when a look at it says that screens can show it."""

from __future__ import annotations

import asyncio
import fcntl
import time
from pathlib import Path

import pytest

from portal.config import Config
from portal.model import Camera, CameraFormat, CameraStatus
from portal.probe import open_reader
from portal.publish import copying
from portal.publish.copying import Copying, Verdicts
from portal.publish.formats import ChosenFormat
from portal.state import StateBoard
from portal.store import Store
from portal.words import CameraState
from tests.integration.media import PATTERN, new_board, publishing, small_config, until
from tests.tries import best_of_three

pytestmark = pytest.mark.timeout(180)

_FFMPEG = Path(__file__).parents[1] / "fakes" / "h264_camera_ffmpeg.py"
FIT = "-profile:v baseline -bf 0 -g 15 -pix_fmt yuv420p"


@pytest.fixture
def config(loopback: str) -> Config:
    return small_config(loopback, f'ffmpeg = "{_FFMPEG}"\n')


@pytest.fixture
def node(tmp_path: Path) -> Path:
    return tmp_path / "video7"


def camera_at(node: Path) -> Camera:
    formats = tuple(
        CameraFormat(pixel_format=name, width=320, height=180, rates=(15.0,))
        for name in ("MJPG", "H264")
    )
    return Camera(id="c", name="c", source="usb", device=str(node), formats=formats)


def looks(node: Path) -> int:
    """How often its H.264 was looked at; a machine that stalls may have it published twice."""
    return sum(line.startswith("h264") and "mpegts" in line for line in openings(node))


def openings(node: Path) -> list[str]:
    """What was asked of the camera, each time that it was opened."""
    log = node.with_suffix(".opened")
    return log.read_text().splitlines() if log.exists() else []


async def shown(state: StateBoard, *, encoder: str, within_s: float = 60) -> CameraStatus:
    """Wait until it is live by that encoder."""
    try:
        snapshot = await asyncio.wait_for(
            state.wait_for(
                lambda new: (new.camera.state, new.camera.encoder) == (CameraState.LIVE, encoder)
            ),
            within_s,
        )
    except TimeoutError:
        raise AssertionError(f"not live by {encoder}: {state.snapshot.camera}") from None
    return snapshot.camera


async def test_h264_that_fits_is_copied_and_the_look_is_not_repeated(
    config: Config, state_dir: Path, node: Path
) -> None:
    node.write_text(FIT)
    state = new_board(camera_at(node))
    began = time.monotonic()
    async with publishing(config, state, state_dir):
        status = await shown(state, encoder="copy")
        print(f"first time with a look: live after {time.monotonic() - began:.2f} s")
        assert (status.delivers, status.note) == ("H264 320x180, 15 fps", "")
        async with open_reader(config.whep_url) as frames:
            digests = set()
            async for frame in frames:
                assert (frame.width, frame.height) == (320, 180)
                digests.add(frame.luma.tobytes())
                if len(digests) >= 5:
                    break
        assert looks(node) == 1

        state.update(cameras=())
        await until(lambda: state.snapshot.camera.state is CameraState.ABSENT)
        began = time.monotonic()
        state.update(cameras=(camera_at(node),))
        await shown(state, encoder="copy")
        print(f"known: live after {time.monotonic() - began:.2f} s")
    again = new_board(camera_at(node))
    async with publishing(config, again, state_dir):
        await shown(again, encoder="copy")
    assert looks(node) == 1
    assert len(openings(node)) >= 4  # three times published


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        (
            "-preset medium -tune zerolatency -profile:v high -bf 0 -g 15 -pix_fmt yuv420p",
            "its profile is High",
        ),
        ("-preset medium -profile:v main -bf 2 -g 15 -pix_fmt yuv420p", "it has B-frames"),
        ("-profile:v baseline -bf 0 -g 600 -pix_fmt yuv420p", "it has one keyframe in"),
    ],
)
async def test_h264_that_screens_could_not_show_is_not_copied_and_the_page_says_why(
    config: Config, state_dir: Path, node: Path, encoded: str, reason: str
) -> None:
    node.write_text(encoded)
    state = new_board(camera_at(node))
    async with publishing(config, state, state_dir):
        status = await shown(state, encoder="libx264")
        assert status.delivers == "MJPG 320x180, 15 fps"
        assert status.note.startswith(f"its H.264 is not copied: {reason}")
    assert looks(node) == 1
    assert {line.split()[0] for line in openings(node)[1:]} == {"mjpeg"}
    (verdict,) = Store(state_dir).load("h264", Verdicts).verdicts
    assert verdict.camera == "c"
    assert verdict.reason.startswith(reason)


async def test_a_copied_stream_that_ends_again_and_again_is_encoded_instead(
    config: Config, state_dir: Path, node: Path
) -> None:
    node.write_text(FIT)
    state = new_board(camera_at(node))
    async with publishing(config, state, state_dir):
        await shown(state, encoder="copy")
        node.write_text("-no_such_option 1")  # its H.264 fails from the next start on
        state.update(publisher_restarts=1)
        status = await shown(state, encoder="libx264")
        assert status.note.startswith("its H.264 is not copied: ")


async def test_a_camera_in_use_is_not_judged_by_that(
    config: Config, state_dir: Path, node: Path
) -> None:
    node.write_text(FIT)
    holder = await asyncio.create_subprocess_exec("flock", "-F", str(node), "sleep", "60")
    try:
        await until(lambda: not is_free(node))
        state = new_board(camera_at(node))
        async with publishing(config, state, state_dir):
            await asyncio.wait_for(
                state.wait_for(lambda new: new.camera.state is CameraState.FAULT), 60
            )
            assert state.snapshot.camera.cause == "busy"
            assert "in use by" in state.snapshot.camera.detail
            holder.kill()
            await shown(state, encoder="libx264")
            assert Store(state_dir).load("h264", Verdicts).verdicts == ()
            await plug_again(state, node)
            await shown(state, encoder="copy")
    finally:
        if holder.returncode is None:
            holder.kill()
        await holder.wait()


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        (f"{FIT} -bsf:v noise=amount=2000", "frames do not decode"),
        ("-profile:v baseline -bf 0 -g 600 -pix_fmt yuv420p -t 2", "it sent 1.9 s of 3 s"),
    ],
)
async def test_h264_that_came_damaged_or_ended_early_is_looked_at_again_at_the_next_plug(
    config: Config, state_dir: Path, node: Path, encoded: str, reason: str
) -> None:
    node.write_text(encoded)
    state = new_board(camera_at(node))
    async with publishing(config, state, state_dir):
        status = await shown(state, encoder="libx264")
        assert reason in status.note
        assert Store(state_dir).load("h264", Verdicts).verdicts == ()
        node.write_text(FIT)
        await plug_again(state, node)
        await shown(state, encoder="copy")


async def test_after_a_pause_h264_that_could_not_be_looked_at_a_while_ago_is_looked_at_again(
    config: Config, state_dir: Path, node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "_AGAIN_AFTER_S", 0.0)
    node.write_text("-profile:v baseline -bf 0 -g 600 -pix_fmt yuv420p -t 2")
    state = new_board(camera_at(node))
    async with publishing(config, state, state_dir):
        await shown(state, encoder="libx264")
        node.write_text(FIT)
        state.update(paused=True)
        await until(lambda: state.snapshot.camera.state is CameraState.PAUSED)
        state.update(paused=False)
        await shown(state, encoder="copy")


async def test_another_camera_that_takes_over_does_not_keep_the_first_from_a_second_look(
    config: Config, state_dir: Path, node: Path
) -> None:
    node.write_text(f"{FIT} -bsf:v noise=amount=2000")
    state = new_board(camera_at(node), PATTERN)
    async with publishing(config, state, state_dir):
        await shown(state, encoder="libx264")
        node.write_text(FIT)
        state.update(cameras=(PATTERN,))
        await until(lambda: state.snapshot.camera.camera == PATTERN)
        state.update(cameras=(camera_at(node), PATTERN))
        await shown(state, encoder="copy")


class Looks:
    """At a camera's H.264, a short one each."""

    def __init__(self, state_dir: Path, node: Path) -> None:
        self.copying = Copying(Store(state_dir))
        self._camera = camera_at(node)

    async def reason(self) -> str:
        form = ChosenFormat(pixel_format="H264", width=320, height=180, rate=15.0)

        async def free() -> None:
            pass

        return await self.copying.reason_against(self._camera, form, ffmpeg=str(_FFMPEG), free=free)


async def test_h264_that_comes_damaged_time_and_again_is_looked_at_no_more(
    state_dir: Path, node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "LOOK_S", 1.0)
    node.write_text(f"{FIT} -bsf:v noise=amount=2000")
    looks = Looks(state_dir, node)
    for _ in range(3):
        assert Store(state_dir).load("h264", Verdicts).verdicts == ()
        assert "frames do not decode" in await looks.reason()
        looks.copying.forget_absent(set())
    (verdict,) = Store(state_dir).load("h264", Verdicts).verdicts
    assert "frames do not decode" in verdict.reason
    assert await looks.reason() == verdict.reason
    assert len(openings(node)) == 3


async def test_h264_that_could_not_be_looked_at_is_looked_at_again_after_a_while(
    state_dir: Path, node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "LOOK_S", 1.0)
    looks = Looks(state_dir, node)
    assert "No such file" in await looks.reason()
    node.write_text(f"{FIT} -g 5")
    assert "No such file" in await looks.reason()
    monkeypatch.setattr(copying, "_AGAIN_AFTER_S", 0.0)
    assert await looks.reason() == ""


async def test_a_pause_while_the_camera_is_looked_at_lets_it_go_at_once(
    config: Config, state_dir: Path, node: Path
) -> None:
    node.write_text(FIT)
    state = new_board(camera_at(node))
    state.update(paused=True)
    async with publishing(config, state, state_dir):

        async def let_go() -> float:
            before = looks(node)
            state.update(paused=False)
            await until(lambda: looks(node) > before)
            state.update(paused=True)
            took = await until(lambda: is_free(node))
            print(f"paused to camera free {took:.3f} s")
            await until(lambda: state.snapshot.camera.state is CameraState.PAUSED)
            return took

        await best_of_three(let_go, below=1)
        state.update(paused=False)
        await shown(state, encoder="copy")


async def plug_again(state: StateBoard, node: Path) -> None:
    """The same camera, at the same node."""
    state.update(cameras=())
    await until(lambda: state.snapshot.camera.state is CameraState.ABSENT)
    state.update(cameras=(camera_at(node),))


def is_free(node: Path) -> bool:
    with node.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

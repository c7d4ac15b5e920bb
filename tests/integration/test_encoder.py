"""The encoder's real command with real ffmpegs, old and new, into a real MediaMTX."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import imageio_ffmpeg  # type: ignore[import-untyped] # a path is all that is asked of it
import numpy as np
import pytest
from numpy.typing import NDArray

from portal.config import VideoSection
from portal.model import Camera
from portal.process import ChildProcess
from portal.publish.encoder import encoder_argv
from portal.publish.ffmpeg import ffmpeg_facts, find_ffmpeg
from portal.publish.pattern import FONT, pattern_graph, title_filter
from tests.integration.streams import bare_media_server

NASTY_TITLES = [
    "O'Neil's \"Bar\"",
    "50% off: 12:30, [x]; 'y'",
    r"back\slash \' \: %{pts}",
    "São Paulo, Łódź",
    "x=1:y=2,drawbox[out];nullsink",
    "''':::\\\\\\",
]
_QUIET = ("-v", "error", "-nostdin")
_RGB = ("-pix_fmt", "rgb24", "-f", "rawvideo", "-")
SMALL = VideoSection(width=320, height=180, fps=15, bitrate_kbps=300)


@pytest.fixture(params=["on PATH", "bundled"])
def ffmpeg(request: pytest.FixtureRequest) -> str:
    """Debian's (5.1 on Debian 12) and imageio-ffmpeg's (9)."""
    if request.param == "on PATH":
        found = shutil.which("ffmpeg")
        assert found, "ffmpeg is not installed: make packages"
        return found
    return str(imageio_ffmpeg.get_ffmpeg_exe())


def rendered(ffmpeg: str, graph: str, *, frames: int = 1) -> NDArray[np.uint8]:
    """The first frames of a source graph of 320x180, as RGB."""
    done = subprocess.run(
        [ffmpeg, *_QUIET, "-f", "lavfi", "-i", graph, "-frames:v", str(frames), *_RGB],
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert not done.stderr, done.stderr.decode()
    return np.frombuffer(done.stdout, dtype=np.uint8).reshape(frames, 180, 320, 3)


def picture(title: str) -> str:
    return pattern_graph(title, width=320, height=180, fps=15)


async def test_the_test_picture_is_published_and_decodes(
    ffmpeg: str, loopback: str, tmp_path: Path
) -> None:
    url = f"rtsp://{loopback}:8554/cam"
    argv = encoder_argv(
        Camera(id="p", name="p", source="pattern"),
        video=SMALL,
        title="O'Neil: 50%",
        ffmpeg=ffmpeg,
        rtsp_url=url,
    )
    async with bare_media_server(loopback, tmp_path):
        publisher = await ChildProcess.spawn(argv, name="ffmpeg")
        try:
            stream = await described(url)
            frames = await decoded(url, frames=20)
        finally:
            await publisher.stop()
    assert stream["codec_name"] == "h264"
    assert stream["profile"] == "Constrained Baseline"
    assert stream["pix_fmt"] == "yuv420p"
    assert stream["has_b_frames"] == 0
    assert (stream["width"], stream["height"]) == (320, 180)
    assert np.abs(frames[0].astype(int) - frames[-1]).max() > 40, "nothing moves"
    assert not [line for line in publisher.last_lines if "deprecated" in line.lower()]


async def test_a_camera_of_an_odd_size_is_published_smaller_even_and_undistorted(
    ffmpeg: str, loopback: str, tmp_path: Path
) -> None:
    url = f"rtsp://{loopback}:8554/cam"
    source = ("-f", "lavfi", "-i", "testsrc2=s=1021x767:r=15")  # nearly 4:3
    camera = Camera(id="f", name="f", source="ffmpeg", input=source)
    argv = encoder_argv(camera, video=SMALL, title="", ffmpeg=ffmpeg, rtsp_url=url)
    async with bare_media_server(loopback, tmp_path):
        publisher = await ChildProcess.spawn(argv, name="ffmpeg")
        try:
            stream = await described(url)
        finally:
            await publisher.stop()
    assert stream["height"] == 180
    assert stream["width"] % 2 == 0
    assert stream["width"] / stream["height"] == pytest.approx(4 / 3, rel=0.02)
    assert stream["pix_fmt"] == "yuv420p"


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_a_picture_is_turned_clockwise_and_then_mirrored(
    ffmpeg: str, rotate: int, mirror: bool
) -> None:
    """As numpy turns the same picture. Squares of one colour each: scaling blurs their edges."""
    squares = np.arange(16 * 9).reshape(9, 16) * 37 % 200 + 20
    lum = "mod((floor(Y/20)*16+floor(X/20))*37,200)+20"
    graph = f"color=s=320x180:r=15,format=yuv444p,geq=lum='{lum}':cb=128:cr=128,format=yuv420p"
    camera = Camera(
        id="f",
        name="f",
        source="ffmpeg",
        input=("-re", "-f", "lavfi", "-i", graph),
        rotate=rotate,
        mirror=mirror,
    )
    size = (180, 320) if rotate % 180 else (320, 180)
    video = VideoSection(width=size[0], height=size[1])
    argv = encoder_argv(camera, video=video, title="", ffmpeg=ffmpeg, rtsp_url="-")
    filters = argv[argv.index("-vf") + 1]
    done = subprocess.run(
        [ffmpeg, *_QUIET, *camera.input, "-vf", filters, "-frames:v", "1", "-f", "rawvideo", "-"],
        capture_output=True,
        check=True,
        timeout=30,
    )
    luma = np.frombuffer(done.stdout, dtype=np.uint8)[: 320 * 180].reshape(size[1], size[0])
    wanted = np.rot90(squares, -rotate // 90)
    wanted = np.fliplr(wanted) if mirror else wanted
    assert np.abs(luma[10::20, 10::20].astype(int) - wanted).max() <= 2


async def test_a_turned_test_picture_has_the_wanted_size(
    ffmpeg: str, loopback: str, tmp_path: Path
) -> None:
    url = f"rtsp://{loopback}:8554/cam"
    camera = Camera(id="p", name="p", source="pattern", rotate=270, mirror=True)
    video = VideoSection(width=180, height=320, fps=15, bitrate_kbps=300)
    argv = encoder_argv(camera, video=video, title="x", ffmpeg=ffmpeg, rtsp_url=url)
    async with bare_media_server(loopback, tmp_path):
        publisher = await ChildProcess.spawn(argv, name="ffmpeg")
        try:
            stream = await described(url)
        finally:
            await publisher.stop()
    assert (stream["width"], stream["height"]) == (180, 320)
    assert stream["pix_fmt"] == "yuv420p"


async def described(url: str) -> dict[str, Any]:
    """ffprobe's view of the stream, once there is one."""
    asked = f"ffprobe -v error -rtsp_transport tcp -show_streams -of json {url}".split()
    async with asyncio.timeout(30):
        while True:
            process = await asyncio.create_subprocess_exec(
                *asked, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
            )
            out, _ = await process.communicate()
            if process.returncode == 0 and (streams := json.loads(out)["streams"]):
                found: dict[str, Any] = streams[0]
                return found
            await asyncio.sleep(0.1)


async def decoded(url: str, *, frames: int) -> NDArray[np.uint8]:
    process = await asyncio.create_subprocess_exec(
        *("ffmpeg", *_QUIET, "-rtsp_transport", "tcp", "-i", url, "-frames:v", str(frames), *_RGB),
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        out, _ = await process.communicate()
    return np.frombuffer(out, dtype=np.uint8).reshape(frames, 180, 320, 3)


@pytest.mark.parametrize("title", NASTY_TITLES)
def test_a_title_is_written_as_it_is(ffmpeg: str, title: str, tmp_path: Path) -> None:
    """As drawtext writes a file's text, which needs no escaping."""
    words = tmp_path / "title"
    words.write_text(title)
    black = "color=c=black:s=320x180:r=15,"
    ours = title_filter(title, width=320, height=180)
    size, place = ours.rpartition(":fontsize=")[2].split(":", 1)
    plain = (
        f"drawtext=fontfile={FONT}:expansion=none:textfile={words}"
        f":fontcolor=white:fontsize={size}:{place}"
    )
    written = rendered(ffmpeg, black + ours)
    assert written.max() > 200
    assert np.array_equal(written, rendered(ffmpeg, black + plain))


@pytest.mark.parametrize("title", ["", " ", "\x00\n\t", "東京", "🎥"])
def test_a_title_that_cannot_be_written_still_gives_a_picture(ffmpeg: str, title: str) -> None:
    assert rendered(ffmpeg, picture(title)).max() > 100


def test_each_site_s_picture_has_its_own_colour(ffmpeg: str) -> None:
    def mean(title: str) -> NDArray[np.float64]:
        found: NDArray[np.float64] = rendered(ffmpeg, picture(title)).mean(axis=(0, 1, 2))
        return found

    assert np.abs(mean("Dublin") - mean("New York")).max() > 25


def test_the_clock_runs(ffmpeg: str) -> None:
    """`-re` spaces the frames: over two seconds the clock's place changes."""
    done = subprocess.run(
        [
            *(ffmpeg, *_QUIET, "-re", "-f", "lavfi", "-i", picture("x")),
            *("-t", "2.2", "-vf", "crop=160:24:80:62", *_RGB),
        ],
        capture_output=True,
        check=True,
        timeout=30,
    )
    frames = np.frombuffer(done.stdout, dtype=np.uint8).reshape(-1, 24, 160, 3) > 190
    assert len({frame.tobytes() for frame in frames}) >= 2


async def test_the_facts_of_an_ffmpeg_are_read(ffmpeg: str) -> None:
    facts = await ffmpeg_facts(ffmpeg)
    assert facts.version[:1].isdigit() or facts.version.startswith("n")
    assert facts.has_libx264
    assert facts.has_drawtext


def test_without_a_system_ffmpeg_the_bundled_one_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert "imageio_ffmpeg" in find_ffmpeg()

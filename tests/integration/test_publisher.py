"""The publisher as a process, with small programs in ffmpeg's place."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from portal.publish.ending import end_publisher
from portal.publish.explain import PublisherStatus, parse_status
from tests.integration.media import has_ended, until
from tests.tries import best_of_three

_PUBLISHER = Path(__file__).parents[2] / "portal" / "publish" / "publisher.py"


@pytest.fixture
def ffmpeg(tmp_path: Path) -> Path:
    """A program that each test writes."""
    path = tmp_path / "ffmpeg"
    path.write_text("#!/bin/sh\nexit 1\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@asynccontextmanager
async def publisher(
    ffmpeg: Path,
    status: Path,
    *before: str,
    parent: int | None = None,
    options: tuple[str, ...] = (),
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *before,
        *(sys.executable, "-I", "-S", str(_PUBLISHER)),
        *("--parent", str(parent or os.getpid()), "--status", str(status), "--tag", "t"),
        *options,
        *("--", str(ffmpeg), "-i", "x", "rtsp://me:$PORTAL_PUBLISH_PASSWORD@box/cam"),
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "PORTAL_PUBLISH_PASSWORD": "s3cret"},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def read(status: Path) -> PublisherStatus:
    return parse_status(status.read_text()) if status.exists() else PublisherStatus()


async def test_a_command_that_fails_is_tried_again_ever_more_slowly_and_quoted(
    ffmpeg: Path, tmp_path: Path
) -> None:
    tried, status = tmp_path / "tried", tmp_path / "status"
    ffmpeg.write_text(f"#!/bin/sh\necho x >> {tried}\necho it broke >&2\nexit 3\n")
    began = time.monotonic()
    async with publisher(ffmpeg, status):
        await until(lambda: read(status).failures >= 4)
        assert time.monotonic() - began > 0.7  # 0.05 + 0.25 + 0.5
        assert read(status).state in {"waiting", "starting"}
        await until(lambda: tried.read_text().count("x") - read(status).failures in {0, 1})
        # Also while the next try runs: a fault must not flicker.
        assert read(status).why == "ffmpeg ended: exit code 3"
        assert read(status).said == ("it broke",)


async def test_frames_are_noticed(ffmpeg: Path, tmp_path: Path) -> None:
    status = tmp_path / "status"
    ffmpeg.write_text(
        "#!/bin/sh\nfor n in 1 2 3 4 5 6 7 8 9; do echo frame=$n; sleep 0.4; done\nsleep 60\n"
    )
    async with publisher(ffmpeg, status):
        await until(lambda: read(status).state == "sending")
        await until(lambda: read(status).state == "healthy")


async def test_it_ends_within_a_second_though_ffmpeg_does_not_want_to(
    ffmpeg: Path, tmp_path: Path
) -> None:
    status = tmp_path / "status"
    ffmpeg.write_text("#!/bin/sh\ntrap '' TERM INT\necho frame=1\nwhile :; do sleep 0.1; done\n")

    async def end() -> float:
        status.unlink(missing_ok=True)
        async with publisher(ffmpeg, status) as process:
            await until(lambda: read(status).state == "sending")
            (child,) = psutil.Process(process.pid).children()
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 0
            took = time.monotonic() - began
            assert has_ended(child)
            return took

    await best_of_three(end, below=1.5)


async def test_it_ends_with_its_parent_and_takes_ffmpeg_along(ffmpeg: Path, tmp_path: Path) -> None:
    status = tmp_path / "status"
    ffmpeg.write_text("#!/bin/sh\necho frame=1\nexec sleep 60\n")
    # The parent writes its own number in place of ours.
    command = "import os, subprocess, sys; a = sys.argv[1:]; i = a.index('--parent') + 1"
    command += "; a[i] = str(os.getpid()); subprocess.run(a)"
    async with publisher(ffmpeg, status, sys.executable, "-c", command) as parent:
        await until(lambda: read(status).state == "sending")
        own = psutil.Process(read(status).pid)
        assert own.ppid() == parent.pid
        (child,) = own.children()
        parent.kill()
        await until(lambda: has_ended(own) and has_ended(child))


async def test_ffmpeg_does_not_outlive_a_killed_publisher(ffmpeg: Path, tmp_path: Path) -> None:
    assert shutil.which("setpriv"), "util-linux is not installed"
    status = tmp_path / "status"
    ffmpeg.write_text("#!/bin/sh\necho frame=1\nexec sleep 60\n")
    async with publisher(ffmpeg, status) as process:
        await until(lambda: read(status).state == "sending")
        (child,) = psutil.Process(process.pid).children()
        process.kill()
        await until(lambda: has_ended(child))


async def test_it_does_not_start_for_a_mediamtx_that_is_gone(ffmpeg: Path, tmp_path: Path) -> None:
    async with publisher(ffmpeg, tmp_path / "status", parent=1) as process:
        assert await process.wait() == 1
    assert not (tmp_path / "status").exists()


async def test_a_status_that_cannot_be_written_does_not_stop_it(
    ffmpeg: Path, tmp_path: Path
) -> None:
    tried = tmp_path / "tried"
    ffmpeg.write_text(f"#!/bin/sh\necho x >> {tried}\nexit 3\n")
    async with publisher(ffmpeg, tmp_path / "absent" / "status"):
        await until(lambda: tried.exists() and tried.read_text().count("x") >= 3)


async def test_ffmpeg_gets_the_password_and_what_it_says_of_it_is_not_repeated(
    ffmpeg: Path, tmp_path: Path
) -> None:
    got, status = tmp_path / "got", tmp_path / "status"
    ffmpeg.write_text(
        "#!/bin/sh\n"
        f'for last; do :; done; echo "$last $PORTAL_PUBLISH_PASSWORD" > {got}\n'
        'echo "cannot open $last" >&2\n'
        "exit 1\n"
    )
    async with publisher(ffmpeg, status):
        await until(lambda: read(status).failures > 0)
    assert got.read_text() == "rtsp://me:s3cret@box/cam \n"
    assert read(status).said == ("cannot open rtsp://me:***@box/cam",)


async def test_a_camera_that_was_pulled_is_waited_for_without_starting_ffmpeg(
    ffmpeg: Path, tmp_path: Path
) -> None:
    """ffmpeg ends with exit code 0 when its camera is pulled."""
    tried, status, node = tmp_path / "tried", tmp_path / "status", tmp_path / "video0"
    node.touch()
    ffmpeg.write_text(
        f"#!/bin/sh\necho x >> {tried}\n"
        f"n=0; while [ -e {node} ]; do n=$((n+1)); echo frame=$n; sleep 0.05; done\n"
    )
    async with publisher(ffmpeg, status, options=("--device", str(node))):
        await until(lambda: read(status).state == "sending")

        async def taken_up() -> float:
            node.unlink()
            await until(lambda: read(status).state == "gone")
            before = tried.read_text().count("x")
            await asyncio.sleep(0.5)
            assert tried.read_text().count("x") == before
            assert (read(status).failures, read(status).ffmpeg) == (0, 0)
            node.touch()
            return await until(lambda: read(status).state == "sending")

        await best_of_three(taken_up, below=2)


async def test_a_first_frame_is_waited_for_as_long_as_was_asked(
    ffmpeg: Path, tmp_path: Path
) -> None:
    status = tmp_path / "status"
    ffmpeg.write_text("#!/bin/sh\nexec sleep 60\n")
    began = time.monotonic()
    async with publisher(ffmpeg, status, options=("--first-frame", "1")):
        await until(lambda: read(status).why == "no new frame for 1 s")
        assert time.monotonic() - began > 0.9
        # A machine that was too busy twice gets more time: else there would never be a picture.
        await until(lambda: read(status).why == "no new frame for 2 s")
        assert read(status).failures >= 3


async def test_a_publisher_and_its_ffmpeg_can_be_ended_at_once_though_both_hang(
    ffmpeg: Path, tmp_path: Path
) -> None:
    status = tmp_path / "status"
    ffmpeg.write_text("#!/bin/sh\ntrap '' TERM INT\necho frame=1\nwhile :; do sleep 0.1; done\n")
    async with publisher(ffmpeg, status) as process:
        await until(lambda: read(status).state == "sending")
        child = psutil.Process(read(status).ffmpeg)
        for hanging in (process.pid, child.pid):
            os.kill(hanging, signal.SIGSTOP)
        assert end_publisher(status)
        await until(lambda: has_ended(child))
        assert await process.wait() == -signal.SIGKILL
        assert not end_publisher(status)


async def test_a_number_that_belongs_to_another_process_now_is_left_alone(tmp_path: Path) -> None:
    status = tmp_path / "status"
    other = await asyncio.create_subprocess_exec("sleep", "60")
    try:
        status.write_text(f"tag t\nstate healthy\npid {other.pid}\nffmpeg {other.pid}\n")
        assert not end_publisher(status)
        assert psutil.Process(other.pid).is_running()
    finally:
        other.kill()
        await other.wait()
    assert not end_publisher(tmp_path / "absent")


async def test_a_full_disk_is_left_without_rubbish(ffmpeg: Path, tmp_path: Path) -> None:
    log = tmp_path / "runs"
    log.mkdir()
    ffmpeg.write_text(f'#!/bin/sh\nmkdir "{log}/$$"\nexit 1\n')
    status = tmp_path / "status" / "publisher.cam"
    status.parent.mkdir()
    no_byte_fits = ("prlimit", "--fsize=0")
    async with publisher(ffmpeg, status, *no_byte_fits) as process:
        await until(lambda: len(list(log.iterdir())) > 2)  # it goes on all the same
        process.terminate()
        await process.wait()
    assert list(status.parent.iterdir()) == []

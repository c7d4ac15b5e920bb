"""`portal run` as systemd sees it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from tests.integration.media import has_ended
from tests.tries import best_of_three

pytestmark = pytest.mark.timeout(240)

_CONFIG = """
    [site]
    name = "dublin"
    address = "{address}"
    [video]
    width = 320
    height = 180
    fps = 15
    bitrate_kbps = 300
    [[cameras]]
    name = "pattern"
    source = "pattern"
    [discovery]
    enabled = false
"""


@asynccontextmanager
async def portal(
    *arguments: str, env: dict[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "portal",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **(env or {})},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.communicate()


@pytest.fixture
def config_file(tmp_path: Path, loopback: str, state_dir: Path) -> Path:
    assert state_dir.exists()
    path = tmp_path / "portal.toml"
    path.write_text(_CONFIG.format(address=loopback))
    return path


async def until_state(
    address: str, wanted: dict[str, str], *, within_s: float = 60
) -> dict[str, Any]:
    """Wait until each section of the snapshot is in the wanted state; returns the snapshot."""
    deadline = time.monotonic() + within_s
    state: dict[str, Any] = {}
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < deadline:
            try:
                async with session.get(f"http://{address}:8080/api/v1/state") as response:
                    state = await response.json()
            except aiohttp.ClientError:
                state = {}
            if state and all(state[section]["state"] == value for section, value in wanted.items()):
                return state
            await asyncio.sleep(0.1)
    raise AssertionError(f"not {wanted} within {within_s} s: {state}")


async def test_systemd_hears_that_the_box_is_ready_and_alive(
    config_file: Path, tmp_path: Path
) -> None:
    heard: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox:
        inbox.bind(str(tmp_path / "notify"))
        inbox.setblocking(False)
        env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
        async with portal("--config", str(config_file), "run", env=env) as process:
            loop = asyncio.get_running_loop()
            while "camera live, searching for the other site" not in " ".join(heard):
                message = await asyncio.wait_for(loop.sock_recv(inbox, 4096), timeout=30)
                heard.append(message.decode())
            assert heard[0] == "READY=1"
            assert heard.count("WATCHDOG=1") >= 1
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), timeout=30) == 0
            while "STOPPING=1" not in heard:
                message = await asyncio.wait_for(loop.sock_recv(inbox, 4096), timeout=1)
                heard.append(message.decode())


async def test_sigterm_ends_everything_in_order_within_three_seconds(
    config_file: Path, loopback: str
) -> None:
    async def end() -> float:
        async with portal("--config", str(config_file), "run") as process:
            await until_state(loopback, {"camera": "live", "media_server": "ready"})
            below = psutil.Process(process.pid).children(recursive=True)
            assert {"mediamtx", "ffmpeg"} <= {child.name() for child in below}
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://{loopback}:8080/events"),  # a page that stays open
            ):
                began = time.monotonic()
                process.send_signal(signal.SIGTERM)
                assert await asyncio.wait_for(process.wait(), timeout=30) == 0
                took = time.monotonic() - began
            assert all(has_ended(child) for child in below)
            return took

    await best_of_three(end, below=3)


async def test_the_picture_goes_on_while_a_killed_daemon_is_started_again(
    config_file: Path, loopback: str
) -> None:
    async with portal("--config", str(config_file), "run") as first:
        state = await until_state(loopback, {"camera": "live"})
        first.kill()
        await first.wait()
    server = psutil.Process(state["media_server"]["pid"])
    publisher = server.children(recursive=True)
    async with portal("--config", str(config_file), "run") as second:
        adopted = await until_state(loopback, {"camera": "live", "media_server": "ready"})
        assert adopted["media_server"]["pid"] == server.pid
        assert all(child.is_running() for child in publisher)
        second.send_signal(signal.SIGTERM)
        assert await second.wait() == 0
    assert has_ended(server)


async def test_the_daemon_looks_at_its_own_picture_and_stays_small(
    config_file: Path, loopback: str
) -> None:
    async with portal("--config", str(config_file), "run") as process:
        state = await until_state(loopback, {"camera": "live", "picture": "live"})
        assert (state["picture"]["width"], state["picture"]["height"]) == (320, 180)
        maps = Path(f"/proc/{process.pid}/maps").read_text()
        assert "libavcodec" not in maps  # the WHEP reader runs in a child
        print("daemon RSS:", psutil.Process(process.pid).memory_info().rss // 2**20, "MiB")


async def test_a_box_that_strangers_reach_says_so(tmp_path: Path, state_dir: Path) -> None:
    assert state_dir.exists()
    exposed = tmp_path / "portal.toml"
    exposed.write_text(_CONFIG.format(address="0.0.0.0"))
    run = f"{sys.executable} -m portal --config {exposed} run"
    process = await asyncio.create_subprocess_exec(
        *("unshare", "--user", "--map-root-user", "--net", "sh", "-c"),
        f"ip link set lo up && exec {run}",
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    line = ""
    try:
        async with asyncio.timeout(40):
            while not line.startswith("WARNING") and not process.stderr.at_eof():
                line = (await process.stderr.readline()).decode()
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.communicate(), timeout=40)
    assert "WARNING site.address = 0.0.0.0: everybody on that network can watch" in line


async def test_a_box_whose_disk_is_read_only_sends_its_picture_and_says_what_it_cannot_keep(
    config_file: Path, loopback: str, state_dir: Path, tmp_path: Path
) -> None:
    memory = tmp_path / "memory"
    memory.mkdir()
    (state_dir / "privacy.json").write_text("{}")
    run = f"{sys.executable} -m portal --config {config_file} run"
    process = await asyncio.create_subprocess_exec(
        *("unshare", "--user", "--map-root-user", "--mount", "sh", "-ec"),
        f"mount --bind {state_dir} {state_dir}; mount -o remount,ro,bind {state_dir}; exec {run}",
        env={**os.environ, "RUNTIME_DIRECTORY": str(memory)},
    )
    try:
        state = await until_state(loopback, {"camera": "live", "picture": "live"})
        fault = next(one for one in state["faults"] if one["key"] == "state_dir")
        assert "cannot be written: Read-only file system" in fault["message"]
        assert list(state_dir.iterdir()) == [state_dir / "privacy.json"]
        paused_at = time.monotonic()
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"http://{loopback}:8080/api/v1/camera", json={"paused": True}) as answer,
        ):
            assert answer.status == 200
        paused = await until_state(loopback, {"camera": "paused"})
        print(f"paused after {time.monotonic() - paused_at:.2f} s")
        assert any("a power cut would forget" in one["message"] for one in paused["faults"])
    finally:
        if process.returncode is None:
            process.terminate()
        assert await asyncio.wait_for(process.wait(), timeout=40) == 0


async def test_a_taken_port_is_named_with_its_holder(config_file: Path, loopback: str) -> None:
    with socket.create_server((loopback, 8080)):
        async with portal("--config", str(config_file), "run") as process:
            _, err = await asyncio.wait_for(process.communicate(), timeout=40)
    assert process.returncode == 1
    line = err.decode().strip().splitlines()[-1]
    assert f"ports.kiosk: {loopback}:8080 is held by" in line
    assert f"pid {os.getpid()}" in line


async def test_wrong_configuration_ends_with_two_and_one_line(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[video]\nheigth = 720\n")
    async with portal("--config", str(wrong), "run") as process:
        out, err = await asyncio.wait_for(process.communicate(), timeout=40)
    assert process.returncode == 2
    assert err.decode() == 'portal: video.heigth: unknown key; did you mean "height"?\n'
    assert out == b""

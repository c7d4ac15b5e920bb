"""MediaMTX is kept running: adopted, restarted, and never confused with somebody else's."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import psutil
import pytest

from portal.config import Config
from portal.mediamtx.record import Record
from portal.words import MediaServerState
from tests.integration.media import (
    client_of,
    media_server,
    media_server_of,
    new_board,
    ready,
    small_config,
    until,
)
from tests.running import running


@pytest.fixture
def config(loopback: str) -> Config:
    return small_config(loopback)


async def test_mediamtx_runs_with_our_settings_and_answers(config: Config, state_dir: Path) -> None:
    state = new_board()
    async with media_server(config, state, state_dir), client_of(config, state_dir) as client:
        pid = await ready(state)
        assert await client.paths() == ()
        assert await client.webrtc_sessions() == ()
        listening = {
            (*connection.laddr, connection.type)
            for connection in psutil.Process(pid).net_connections()
            if connection.status in {psutil.CONN_LISTEN, psutil.CONN_NONE}
        }
        address = config.site.address
        stream, datagram = socket.SOCK_STREAM, socket.SOCK_DGRAM
        assert listening == {
            (address, 8554, stream),
            (address, 9997, stream),
            (address, 8889, stream),
            (address, 8189, stream),
            (address, 8189, datagram),
        }
        assert state.snapshot.media_server.version.startswith("v1.")
    assert not psutil.pid_exists(pid)


async def test_no_path_exists_that_a_stranger_could_publish_to(
    config: Config, state_dir: Path
) -> None:
    state = new_board()
    async with media_server(config, state, state_dir), aiohttp.ClientSession() as session:
        await ready(state)
        url = f"http://{config.site.address}:8889/anything/whip"
        offer = {"data": "v=0\r\n", "headers": {"Content-Type": "application/sdp"}}
        async with session.post(url, **offer) as answer:  # type: ignore[arg-type]
            assert answer.status in {400, 404}


async def test_hls_can_be_asked_for_by_environment(
    config: Config, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTX_HLS", "yes")
    state = new_board()
    async with media_server(config, state, state_dir):
        pid = await ready(state)
        ports = {connection.laddr.port for connection in psutil.Process(pid).net_connections()}
        assert 8888 in ports


async def test_a_killed_mediamtx_is_back_at_once(config: Config, state_dir: Path) -> None:
    state = new_board()
    async with media_server(config, state, state_dir):
        first = await ready(state)
        os.kill(first, signal.SIGKILL)
        began = time.monotonic()
        second = await ready(state, generation=2)
        print(f"MediaMTX: killed to ready again {time.monotonic() - began:.3f} s")
        assert second != first
        assert state.snapshot.faults == ()


async def test_a_hung_mediamtx_is_replaced(config: Config, state_dir: Path) -> None:
    state = new_board()
    async with media_server(config, state, state_dir):
        first = await ready(state)
        os.kill(first, signal.SIGSTOP)
        began = time.monotonic()
        await ready(state, generation=2, within_s=60)
        print(f"MediaMTX: hung to ready again {time.monotonic() - began:.1f} s")
        assert not psutil.pid_exists(first)


async def test_mediamtx_is_started_again_when_the_other_site_asked_for_it(
    config: Config, state_dir: Path
) -> None:
    state = new_board()
    async with media_server(config, state, state_dir):
        first = await ready(state)
        began = time.monotonic()
        state.update(media_server_restarts=1)
        assert await ready(state, generation=2) != first
        print(f"MediaMTX: asked to ready again {time.monotonic() - began:.3f} s")
        assert not psutil.pid_exists(first)
        assert state.snapshot.faults == ()


async def test_a_units_mediamtx_is_ended_for_its_unit_to_start_it_again(
    config: Config, state_dir: Path
) -> None:
    file = state_dir / "portal.toml"
    file.write_text(f'[site]\nname = "dublin"\naddress = "{config.site.address}"\n')
    units: list[subprocess.Popen[bytes]] = []

    def start_unit() -> None:
        argv = [sys.executable, "-m", "portal", "--config", str(file), "media-server", "run"]
        units.append(subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    state = new_board()
    try:
        start_unit()
        await until((state_dir / "mediamtx.json").exists)
        async with media_server(config, state, state_dir):
            assert await ready(state) == units[0].pid
            state.update(media_server_restarts=1)
            await until(lambda: units[0].poll() is not None)
            start_unit()  # Restart=always
            assert await ready(state, generation=2) == units[1].pid
    finally:
        for unit in units:
            unit.terminate()
            unit.wait()


async def test_a_new_daemon_adopts_the_mediamtx_of_the_one_that_crashed(
    config: Config, state_dir: Path
) -> None:
    before = new_board()
    crashed = media_server_of(config, before, state_dir)
    async with running(crashed.run):
        pid = await ready(before)
    after = new_board()
    async with media_server(config, after, state_dir):
        assert await ready(after) == pid
        assert after.snapshot.media_server.generation == 1
        os.kill(pid, signal.SIGKILL)
        assert await ready(after, generation=2) != pid
    assert not psutil.pid_exists(pid)


async def test_only_an_orderly_end_of_the_daemon_ends_mediamtx(
    config: Config, state_dir: Path
) -> None:
    async def daemon(fault: Exception | None) -> int:
        state = new_board()
        async with media_server_of(config, state, state_dir) as server, running(server.run):
            pid = await ready(state)
            if fault is not None:
                raise fault
            return pid

    with pytest.raises(RuntimeError):
        await daemon(RuntimeError("a bug"))
    record = Record.read(state_dir / "mediamtx.json")
    assert record is not None
    assert psutil.pid_exists(record.pid)
    assert await daemon(None) == record.pid
    assert not psutil.pid_exists(record.pid)


async def test_other_settings_restart_an_adopted_mediamtx(config: Config, state_dir: Path) -> None:
    before = new_board()
    async with running(media_server_of(config, before, state_dir).run):
        pid = await ready(before)
    after = new_board()
    changed = small_config(config.site.address, "[ports]\nmedia = 8190\n")
    async with media_server(changed, after, state_dir):
        assert await ready(after) != pid
        assert not psutil.pid_exists(pid)


async def test_a_stale_record_is_not_believed(config: Config, state_dir: Path) -> None:
    before = new_board()
    path = state_dir / "mediamtx.json"
    async with media_server(config, before, state_dir):
        await ready(before)
        record = Record.read(path)
    assert record is not None
    Record(
        pid=os.getpid(),  # somebody else has the number now
        start_time=record.start_time,
        boot=record.boot,
        fingerprint=record.fingerprint,
        version=record.version,
        owner="daemon",
    ).write(path)
    state = new_board()
    async with media_server(config, state, state_dir):
        assert await ready(state) != os.getpid()


async def test_a_port_that_is_taken_names_who_holds_it_and_is_tried_again(
    config: Config, state_dir: Path
) -> None:
    state = new_board()
    holder = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import socket, sys, time\n"
        f"s = socket.create_server(('{config.site.address}', 8889))\n"
        "print('listening', flush=True)\n"
        "time.sleep(60)\n",
        stdout=asyncio.subprocess.PIPE,
    )
    assert holder.stdout is not None
    await holder.stdout.readline()
    try:
        async with media_server(config, state, state_dir):
            snapshot = await asyncio.wait_for(state.wait_for(lambda new: bool(new.faults)), 30)
            (fault,) = snapshot.faults
            assert f"ports.whep: {config.site.address}:8889 is held by" in fault.message
            assert f"(pid {holder.pid})" in fault.message
            assert "ports.whep" in fault.remedy
            assert snapshot.media_server.state is MediaServerState.DOWN
            holder.kill()
            await ready(state)
            assert state.snapshot.faults == ()
    finally:
        if holder.returncode is None:
            holder.kill()
        await holder.communicate()


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (None, "is not a program that can be run"),
        ("echo v1.9.3", "is MediaMTX v1.9.3; 1.12 or newer is needed"),
        ("echo hello", "is not MediaMTX: it answers 'hello'"),
    ],
)
async def test_a_mediamtx_that_cannot_be_used_is_a_fault_with_a_remedy(
    loopback: str, state_dir: Path, tmp_path: Path, script: str | None, expected: str
) -> None:
    binary = tmp_path / "mediamtx"
    if script is not None:
        binary.write_text(f"#!/bin/sh\n{script}\n")
        binary.chmod(0o755)
    config = small_config(loopback, f'[media_server]\nbinary = "{binary}"\n')
    state = new_board()
    async with media_server(config, state, state_dir):
        snapshot = await asyncio.wait_for(state.wait_for(lambda new: bool(new.faults)), 30)
        (fault,) = snapshot.faults
        assert fault.message.startswith("media_server.binary: ")
        assert expected in fault.message
        assert fault.remedy


async def test_a_unit_that_comes_up_at_the_same_moment_is_adopted(
    config: Config, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At boot the daemon finds no record, then the unit writes its own, then the daemon starts."""
    file = state_dir / "portal.toml"
    file.write_text(f'[site]\nname = "dublin"\naddress = "{config.site.address}"\n')
    units: list[subprocess.Popen[bytes]] = []

    def unit_comes_up(_config: Config) -> None:
        argv = [sys.executable, "-m", "portal", "--config", str(file), "media-server", "run"]
        units.append(subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        deadline = time.monotonic() + 20
        while not (state_dir / "mediamtx.json").exists() and time.monotonic() < deadline:
            time.sleep(0.02)

    monkeypatch.setattr("portal.mediamtx.server.check_ports", unit_comes_up)
    state = new_board()
    try:
        async with media_server(config, state, state_dir):
            assert await ready(state) == units[0].pid
    finally:
        for unit in units:
            unit.terminate()
            unit.wait()
    assert len(units) == 1


async def test_a_service_unit_keeps_its_mediamtx(config: Config, state_dir: Path) -> None:
    """`portal media-server run` takes over from the daemon's own, and outlives the daemon."""
    state = new_board()
    file = state_dir / "portal.toml"
    file.write_text(f'[site]\nname = "dublin"\naddress = "{config.site.address}"\n')
    async with media_server(config, state, state_dir):
        first = await ready(state)
        unit = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "portal", "--config", str(file), "media-server", "run"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            assert await ready(state, generation=2) == unit.pid
            assert not psutil.pid_exists(first)
        except BaseException:
            unit.kill()
            await unit.wait()
            raise
    try:
        assert psutil.Process(unit.pid).name() == "mediamtx"
        after = new_board()
        async with media_server(config, after, state_dir):
            assert await ready(after) == unit.pid
    finally:
        unit.terminate()
        await unit.wait()
    await until(lambda: not psutil.pid_exists(unit.pid))


async def test_a_record_that_cannot_be_written_does_not_stop_mediamtx(
    config: Config, state_dir: Path
) -> None:
    (state_dir / f".mediamtx.json.{os.getpid()}").mkdir()  # as good as a full disk
    state = new_board()
    async with media_server(config, state, state_dir):
        pid = await ready(state)
        assert not (state_dir / "mediamtx.json").exists()
        assert state.snapshot.faults == ()
    assert not psutil.pid_exists(pid)


async def test_mediamtx_starts_and_ends_in_order_also_where_nothing_can_be_written_any_more(
    config: Config, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(path: Path, **_options: bool) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    (state_dir / "mediamtx.log").symlink_to("/nowhere/mediamtx.log")
    (state_dir / "mediamtx.log.1").mkdir()  # so that it stays in its place
    state = new_board()
    async with media_server(config, state, state_dir):
        pid = await ready(state)
        monkeypatch.setattr(Path, "unlink", read_only)
    assert not psutil.pid_exists(pid)

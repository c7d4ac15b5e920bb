"""The doctor before real ports, programs and pictures."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import msgspec
import pytest

from portal.config import (
    CameraSection,
    Config,
    MediaServerSection,
    PeerSection,
    SiteSection,
    VideoSection,
)
from portal.doctor import Finding, Status, run_checks
from portal.doctor.cameras import check_cameras
from portal.doctor.chain import Check, examine
from portal.doctor.listeners import check_ports
from portal.doctor.machine import check_clock, check_state_dir
from portal.doctor.network import check_discovery, check_peer
from portal.doctor.pictures import check_own, check_peers
from portal.doctor.programs import check_ffmpeg, check_media_server
from portal.doctor.subject import Subject, meet
from portal.mediamtx.record import RECORD_NAME, Record
from portal.mediamtx.running import boot_id
from portal.model import CameraStatus, LinkStatus, MediaServerStatus, RemoteSite
from portal.peers.directory import PeerDirectory
from portal.peers.discovery import Discovery
from portal.probe import probe
from portal.process import ChildProcess
from portal.state import StateBoard
from portal.web.app import make_local_app
from portal.words import CameraState
from tests.integration.streams import MOVING, STILL, bare_media_server, neighbour, publishing
from tests.integration.web_server import board_of, served
from tests.tries import TRIES, best_of_three

PATTERN = (CameraSection(name="bars", source="pattern"),)


def _subject(address: str, folder: Path, **sections: object) -> Subject:
    site = SiteSection(name="dublin", address=address)
    config = msgspec.structs.replace(Config(site=site, cameras=PATTERN), **sections)
    return Subject(config=config, state_dir=folder)


async def _one(check: object, subject: Subject) -> Finding:
    """Through the chain, so that expected faults become findings."""
    (found,) = await examine(subject, [Check(name="it", look=check, limit_s=30)])  # type: ignore[arg-type]
    return found


@contextmanager
def _python_that_listens(address: str, port: int) -> Iterator[int]:
    """A stranger's process on a port; its pid."""
    script = (
        "import socket, sys; s = socket.create_server((sys.argv[1], int(sys.argv[2])));"
        "print('ready', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script, address, str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with child:
        try:
            assert child.stdout is not None
            child.stdout.readline()
            yield child.pid
        finally:
            child.terminate()


async def test_free_ports_are_good(loopback: str, tmp_path: Path) -> None:
    found = await _one(check_ports, _subject(loopback, tmp_path))
    assert (found.status, found.detail) == (Status.OK, "all free")


async def test_who_holds_a_port_is_named_with_pid_and_key(loopback: str, tmp_path: Path) -> None:
    with _python_that_listens(loopback, 8889) as pid:
        found = await _one(check_ports, _subject(loopback, tmp_path))
    assert found.status is Status.FAIL
    assert f"{loopback}:8889 is held by python" in found.detail
    assert f"(pid {pid})" in found.detail
    assert "ports.whep" in found.detail
    assert "ports.whep" in found.remedy


async def test_a_held_udp_port_is_noticed(loopback: str, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind((loopback, 8189))
        found = await _one(check_ports, _subject(loopback, tmp_path))
    assert found.status is Status.FAIL
    assert "ports.media" in found.detail
    assert str(os.getpid()) in found.detail


async def test_an_address_of_another_machine_is_named(tmp_path: Path) -> None:
    found = await _one(check_ports, _subject("192.0.2.99", tmp_path))
    assert found.status is Status.FAIL
    assert "192.0.2.99 is not an address of this machine" in found.detail


async def test_a_missing_ffmpeg_is_named_with_its_remedy(tmp_path: Path) -> None:
    subject = _subject("127.0.0.1", tmp_path, video=VideoSection(ffmpeg="/nowhere/ffmpeg"))
    found = await _one(check_ffmpeg, subject)
    assert found.status is Status.FAIL
    assert "/nowhere/ffmpeg" in found.detail
    assert found.remedy


async def test_an_ffmpeg_without_x264_is_named(tmp_path: Path) -> None:
    fake = _program(
        tmp_path / "ffmpeg", 'case "$*" in *-version*) echo "ffmpeg version 6.0 x";; esac'
    )
    found = await _one(
        check_ffmpeg, _subject("127.0.0.1", tmp_path, video=VideoSection(ffmpeg=fake))
    )
    assert found.status is Status.FAIL
    assert "libx264" in found.detail


async def test_the_real_ffmpeg_and_media_server_are_good(tmp_path: Path) -> None:
    ffmpeg = await _one(check_ffmpeg, _subject("127.0.0.1", tmp_path))
    assert ffmpeg.status is Status.OK, ffmpeg
    server = await _one(check_media_server, _subject("127.0.0.1", tmp_path))
    assert server.status is Status.OK, server
    assert "MediaMTX v1." in server.detail


@pytest.mark.parametrize(
    ("script", "words"),
    [("echo v1.9.0", "1.9.0"), ("echo hello", "hello"), ("exit 1", "not MediaMTX")],
)
async def test_a_media_server_that_is_too_old_or_none_is_named(
    tmp_path: Path, script: str, words: str
) -> None:
    binary = _program(tmp_path / "mediamtx", script)
    subject = _subject("127.0.0.1", tmp_path, media_server=MediaServerSection(binary=binary))
    found = await _one(check_media_server, subject)
    assert found.status is Status.FAIL
    assert words in found.detail
    assert binary in found.detail
    assert found.remedy


async def test_a_missing_media_server_is_named_with_its_remedy(tmp_path: Path) -> None:
    section = MediaServerSection(binary="/nowhere/mediamtx")
    found = await _one(check_media_server, _subject("127.0.0.1", tmp_path, media_server=section))
    assert found.status is Status.FAIL
    assert "/nowhere/mediamtx" in found.detail
    assert found.remedy


def _program(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


async def test_the_state_directory_may_be_made_but_must_be_a_directory(tmp_path: Path) -> None:
    there = await _one(check_state_dir, _subject("127.0.0.1", tmp_path))
    assert there.status is Status.OK
    assert "writable" in there.detail
    to_make = await _one(check_state_dir, _subject("127.0.0.1", tmp_path / "a" / "b"))
    assert to_make.status is Status.OK
    assert "will be made" in to_make.detail
    assert not (tmp_path / "a").exists(), "the doctor changes nothing"
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        wrong = await _one(check_state_dir, _subject("127.0.0.1", path))
        assert wrong.status is Status.FAIL, path


async def test_a_state_directory_that_cannot_be_written_is_named() -> None:
    found = await _one(check_state_dir, _subject("127.0.0.1", Path("/proc/portal")))
    assert found.status is Status.FAIL
    assert "/proc/portal" in found.detail
    assert "PORTAL_STATE_DIR" in found.remedy


async def test_the_clock_is_judged_by_the_kernel(tmp_path: Path) -> None:
    found = await _one(check_clock, _subject("127.0.0.1", tmp_path))
    assert "synchronized" in found.detail


async def test_a_test_picture_is_a_camera(tmp_path: Path) -> None:
    found = await _one(check_cameras, _subject("127.0.0.1", tmp_path))
    assert (found.status, found.detail) == (Status.OK, "bars")


async def test_a_peer_that_does_not_listen_is_told_port_by_port(
    loopback: str, tmp_path: Path
) -> None:
    peers = (PeerSection(name="new-york", address=loopback),)
    subject = _subject("127.0.0.1", tmp_path, peers=peers)
    found = await _one(check_peer, subject)
    assert found.status is Status.FAIL
    assert "new-york" in found.detail
    assert "TCP 8443" in found.detail
    assert "TCP 8889" in found.detail
    with _python_that_listens(loopback, 8443), _python_that_listens(loopback, 8889):
        reached = await _one(check_peer, subject)
    assert reached.status is Status.OK, reached


async def test_a_peers_name_that_does_not_exist_is_told(tmp_path: Path) -> None:
    peers = (PeerSection(name="new-york", address="no-such-box.invalid"),)
    found = await _one(check_peer, _subject("127.0.0.1", tmp_path, peers=peers))
    assert found.status is Status.FAIL
    assert "no-such-box.invalid" in found.detail


async def test_a_peers_name_is_resolved(loopback: str, tmp_path: Path) -> None:
    peers = (PeerSection(name="new-york", address="localhost"),)
    found = await _one(check_peer, _subject(loopback, tmp_path, peers=peers))
    assert "localhost (" in found.detail


async def test_another_site_on_the_network_is_heard(loopback: str, tmp_path: Path) -> None:
    other = Config(site=SiteSection(name="new-york", address=neighbour(loopback)))
    board = board_of(other)
    task = asyncio.create_task(Discovery(other, board, PeerDirectory(other)).run())
    try:
        async with asyncio.timeout(60):
            while True:
                found = await _one(check_discovery, _subject(loopback, tmp_path))
                if "new-york" in found.detail:
                    break
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert found.status is Status.OK


@asynccontextmanager
async def _running_portal(subject: Subject) -> AsyncIterator[tuple[Subject, StateBoard]]:
    """A real web server with a state: what the doctor sees of a daemon."""
    board = board_of(subject.config)
    board.update(camera=CameraStatus(state=CameraState.LIVE))
    async with served(
        make_local_app(subject.config, board), subject.config.loopback, subject.config.ports.kiosk
    ):
        yield await meet(subject.config, subject.state_dir), board


async def test_a_portal_that_runs_is_met_and_a_stranger_is_not(
    loopback: str, tmp_path: Path
) -> None:
    subject = _subject(loopback, tmp_path)
    assert (await meet(subject.config, tmp_path)).daemon is None
    with _python_that_listens(loopback, 8080):
        assert (await meet(subject.config, tmp_path)).daemon is None
    async with _running_portal(subject) as (met, _):
        assert met.daemon is not None
        assert met.daemon.site.name == "dublin"


async def test_ports_held_by_the_running_portal_are_good_and_a_strangers_is_not(
    loopback: str, tmp_path: Path
) -> None:
    async with _running_portal(_subject(loopback, tmp_path)) as (met, board):
        found = await _one(check_ports, met)
        assert found.status is Status.OK, found
        assert "held by the portal" in found.detail
        async with bare_media_server(loopback, tmp_path) as server:
            stranger = await _one(check_ports, met)
            assert stranger.status is Status.FAIL
            assert f"mediamtx (pid {server.pid})" in stranger.detail
            board.update(media_server=MediaServerStatus(pid=server.pid))
            own = await _one(check_ports, await meet(met.config, tmp_path))
            assert own.status is Status.OK, own


async def test_a_media_server_without_its_daemon_is_good_if_it_is_this_boxs_own(
    loopback: str, tmp_path: Path
) -> None:
    subject = _subject(loopback, tmp_path)
    async with bare_media_server(loopback, tmp_path) as server:
        stranger = await _one(check_ports, subject)
        assert stranger.status is Status.FAIL
        assert f"mediamtx (pid {server.pid})" in stranger.detail
        Record(
            pid=server.pid,
            start_time=_start_time(server.pid),
            boot=boot_id(),
            fingerprint="",
            version="v1.12.1",
            owner="daemon",
        ).write(tmp_path / RECORD_NAME)
        own = await _one(check_ports, subject)
        assert own.status is Status.OK, own
        assert "take over" in own.detail


def _start_time(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


async def test_the_own_picture_is_decoded_if_the_portal_runs(loopback: str, tmp_path: Path) -> None:
    subject = _subject(loopback, tmp_path)
    unseen = await _one(check_own, subject)
    assert unseen.status is Status.WARN
    async with _running_portal(subject) as (met, _), bare_media_server(loopback, tmp_path):
        absent = await _one(check_own, met)
        assert absent.status is Status.FAIL
        assert "nobody publishes" in absent.detail
        async with publishing(loopback, MOVING):
            await _published(subject)
            live = await _seen(check_own, met, "640x360")
            assert live.status is Status.OK, live
            assert "640x360" in live.detail


async def test_a_frozen_picture_of_the_peer_is_told(loopback: str, tmp_path: Path) -> None:
    peers = (PeerSection(name="new-york", address=loopback),)
    subject = _subject(neighbour(loopback), tmp_path, peers=peers)
    async with bare_media_server(loopback, tmp_path), publishing(loopback, STILL):
        await _published(_subject(loopback, tmp_path))
        found = await _seen(check_peers, subject, "frozen")
    assert found.status is Status.FAIL
    assert "frozen" in found.detail


async def test_what_the_peer_says_of_its_camera_is_believed(tmp_path: Path, loopback: str) -> None:
    peers = (PeerSection(name="new-york", address=loopback),)
    async with _running_portal(_subject(loopback, tmp_path, peers=peers)) as (met, board):
        remote = RemoteSite(name="new-york", title="NY", version="1", camera=CameraState.PAUSED)
        board.update(link=LinkStatus(remote=remote))
        found = await _one(check_peers, await meet(met.config, tmp_path))
    assert (found.status, found.detail) == (Status.WARN, "paused there")


async def _seen(check: object, subject: Subject, words: str) -> Finding:
    """The picture, by a look that finds those words, or the third."""
    for _ in range(TRIES):
        found = await _one(check, subject)
        if words in found.detail:
            break
    return found


async def _published(subject: Subject) -> None:
    async with asyncio.timeout(40):
        while not (await probe(subject.config.whep_url, seconds=0.1)).frames:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def test_the_whole_examination_takes_under_eight_seconds_when_nothing_answers(
    loopback: str, tmp_path: Path
) -> None:
    # 192.0.2.0/24 is documentation's: its boxes never answer.
    peers = (PeerSection(name="new-york", address="192.0.2.77"),)
    config = _subject(loopback, tmp_path, peers=peers).config
    found: tuple[Finding, ...] = ()

    async def took() -> float:
        nonlocal found
        started = time.monotonic()
        found = tuple(await run_checks(config, state_dir=tmp_path))
        return time.monotonic() - started

    await best_of_three(took, below=8)
    by_name = {finding.check: finding for finding in found}
    assert by_name["peer"].status is Status.FAIL
    assert by_name["peer's picture"].status is Status.FAIL
    assert by_name["service"].status is Status.WARN
    assert all(finding.detail for finding in found)


async def test_the_command_prints_lines_or_json_and_its_exit_code_says_whether_all_is_well(
    loopback: str, tmp_path: Path
) -> None:
    file = tmp_path / "portal.toml"
    file.write_text(
        f'[site]\nname = "dublin"\naddress = "{loopback}"\n'
        '[[cameras]]\nname = "bars"\nsource = "pattern"\n[discovery]\nenabled = false\n'
    )
    env = {**os.environ, "PORTAL_STATE_DIR": str(tmp_path)}

    async def doctor(*options: str) -> tuple[int, tuple[str, ...]]:
        argv = [sys.executable, "-m", "portal", "--config", str(file), "doctor", *options]
        child = await ChildProcess.spawn(argv, name="doctor", env=env, keep_lines=500)
        try:
            return await child.wait(), child.last_lines
        finally:
            await child.stop()

    code, lines = await doctor("--json")
    assert code == 0, lines
    found = msgspec.json.decode("\n".join(lines), type=list[Finding])
    assert {finding.check for finding in found} >= {"python", "ports", "picture", "peer"}
    with _python_that_listens(loopback, 8554):
        code, lines = await doctor()
    assert code == 1
    assert any(line.startswith("✗ ports") and "8554" in line for line in lines)

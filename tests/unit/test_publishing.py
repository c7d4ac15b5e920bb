"""What MediaMTX is told, also when it is slow to answer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from portal.config import Config, VideoSection
from portal.mediamtx.client import MediaMtxClient, NoAnswerError, PathInfo
from portal.model import Camera, MediaServerStatus, SiteStatus, Snapshot
from portal.publish import service as module
from portal.publish.machine import Machine
from portal.publish.service import Publishing
from portal.state import StateBoard
from portal.words import CameraState, MediaServerState
from tests.running import running

PATTERN = Camera(id="pattern", name="pattern", source="pattern")


class SlowMediaMtx(MediaMtxClient):
    """Does what it is told, and says so when nobody listens any more."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1", "")
        self.settings: Mapping[str, Any] | None = None
        self.was_asked = 0
        self.is_late = False

    async def path(self, name: str) -> PathInfo | None:
        return None if self.settings is None else PathInfo(name=name)

    async def path_settings(self, _name: str) -> dict[str, Any] | None:
        self.was_asked += 1
        return None if self.settings is None else dict(self.settings)

    async def set_path(self, _name: str, settings: Mapping[str, Any]) -> None:
        self.settings = settings
        if self.is_late:
            raise NoAnswerError("no answer in time")

    async def delete_path(self, _name: str) -> None:
        self.settings = None


class DeafMediaMtx(SlowMediaMtx):
    async def path_settings(self, name: str) -> dict[str, Any] | None:
        await super().path_settings(name)
        raise NoAnswerError("no answer in time")


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def published_by(client: MediaMtxClient, folder: Path) -> AsyncIterator[StateBoard]:
    """Paused."""
    site = SiteStatus(name="here", title="Here", version="0", started_at=0)
    server = MediaServerStatus(state=MediaServerState.READY, pid=os.getpid(), generation=1)
    state = StateBoard(Snapshot(site=site, cameras=(PATTERN,), media_server=server, paused=True))
    config = Config(video=VideoSection(ffmpeg=sys.executable))
    service = Publishing(config, state, client, folder, machine=Machine(folder))
    async with running(service.run):
        yield state


async def test_a_pause_ends_a_camera_of_which_it_was_not_heard_that_it_was_published(
    tmp_path: Path,
) -> None:
    client = SlowMediaMtx()
    async with published_by(client, tmp_path) as state:
        await until(lambda: client.was_asked > 0)
        client.is_late = True
        state.update(paused=False)
        await until(lambda: client.settings is not None)
        state.update(paused=True)
        await until(lambda: client.settings is None)


async def test_a_paused_site_says_so_also_while_mediamtx_gives_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_POLL_FAULT_S", 0.01)
    client = DeafMediaMtx()
    async with published_by(client, tmp_path) as state:
        await until(lambda: client.was_asked > 3)
        assert state.snapshot.camera.state is CameraState.PAUSED


class BusyMediaMtx(SlowMediaMtx):
    """While it answers for the first time, ffmpeg ends, and the publisher says so."""

    def __init__(self, status: Path) -> None:
        super().__init__()
        self._status = status
        self.looks = 0

    async def path(self, name: str) -> PathInfo | None:
        self.looks += 1
        if self.looks == 1:
            self._status.write_text("state waiting\n", "utf-8")
        return PathInfo(name=name, ready=True, since=f"look {self.looks}")


async def test_what_a_publisher_says_while_mediamtx_is_asked_is_heard_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_POLL_LIVE_S", 60.0)
    client = BusyMediaMtx(tmp_path / "publisher.cam")
    async with published_by(client, tmp_path) as state:
        state.update(paused=False)
        await until(lambda: client.looks > 1)
        assert state.snapshot.camera.publication == 2

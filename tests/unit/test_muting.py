"""Who is muted is not heard, whatever MediaMTX answers."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from portal.config import Config, MicrophoneSection, VideoSection
from portal.errors import MediaServerError
from portal.mediamtx.client import MediaMtxClient
from portal.model import Camera, CameraStatus, MediaServerStatus, SiteStatus, Snapshot
from portal.publish.sound_service import SoundPublishing
from portal.state import StateBoard
from portal.words import CameraState, MediaServerState, MicrophoneState
from tests.running import running
from tests.unit.test_publishing import SlowMediaMtx, until

PATTERN = Camera(id="pattern", name="pattern", source="pattern")


class GrumblingMediaMtx(SlowMediaMtx):
    """Does what it is told, and complains."""

    async def set_path(self, name: str, settings: Mapping[str, Any]) -> None:
        await super().set_path(name, settings)
        raise MediaServerError("MediaMTX refuses")


@contextlib.asynccontextmanager
async def muted_by(client: MediaMtxClient, folder: Path) -> AsyncIterator[StateBoard]:
    site = SiteStatus(name="here", title="Here", version="0", started_at=0)
    server = MediaServerStatus(state=MediaServerState.READY, pid=os.getpid(), generation=1)
    camera = CameraStatus(state=CameraState.LIVE, camera=PATTERN, since=1)
    state = StateBoard(
        Snapshot(site=site, cameras=(PATTERN,), camera=camera, media_server=server, muted=True)
    )
    config = Config(
        video=VideoSection(ffmpeg=sys.executable),
        microphone=MicrophoneSection(enabled=True, input=("-f", "lavfi", "-i", "sine")),
    )
    async with running(SoundPublishing(config, state, client, folder).run):
        yield state


async def test_a_mute_ends_a_microphone_that_mediamtx_published_though_it_complained(
    tmp_path: Path,
) -> None:
    client = GrumblingMediaMtx()
    async with muted_by(client, tmp_path) as state:
        await until(lambda: state.snapshot.microphone is MicrophoneState.MUTED)
        state.update(muted=False)
        await until(lambda: client.settings is not None)
        state.update(muted=True)
        await until(lambda: client.settings is None)

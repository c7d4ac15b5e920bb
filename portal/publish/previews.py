"""Keeps a MediaMTX path `camera/<id>` for each present camera that is not published: somebody who
looks at one starts its publisher, and seconds after the last has gone it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from portal.config import Config, VideoSection
from portal.errors import PortalError
from portal.mediamtx.client import MediaMtxClient
from portal.mediamtx.settings import PREVIEW_PATHS
from portal.model import Camera, Snapshot
from portal.publish.command import publish_url, publisher_line
from portal.publish.encoder import encoder_argv
from portal.publish.ffmpeg import find_ffmpeg
from portal.publish.watching import PublisherWatch
from portal.state import StateBoard
from portal.words import MediaServerState

log = logging.getLogger(__name__)

_LONG_SIDE = 640
_FPS = 15
_BITRATE_KBPS = 500
_SMALLEST = 64
# A USB camera delivers within 2 s; a WHEP request that waits for it is given up after 10.
_START_TIMEOUT = "8s"
_CLOSE_AFTER = "4s"
_RETRY_S = 1.0
_LOOK_EVERY_S = 30.0  # only somebody else's change could have taken a path away


class Previews:
    """Follows `cameras`, `chosen`, `paused` and `media_server`."""

    def __init__(
        self, config: Config, state: StateBoard, client: MediaMtxClient, state_dir: Path
    ) -> None:
        self._config = config
        self._state = state
        self._client = client
        self._state_dir = state_dir
        self._ffmpeg = ""
        self._told = ""

    async def run(self) -> NoReturn:
        while True:
            snapshot = self._state.snapshot
            pause = _LOOK_EVERY_S
            try:
                await self._reconcile(snapshot)
                self._told = ""
            except PortalError as exc:
                if str(exc) != self._told:
                    log.info("previews wait: %s", exc)
                    self._told = str(exc)
                pause = _RETRY_S
            await self._state.wait_for_change(_basis, _basis(snapshot), within_s=pause)

    async def _reconcile(self, snapshot: Snapshot) -> None:
        if snapshot.media_server.state is not MediaServerState.READY or not snapshot.cameras_known:
            return
        wanted = {}
        if self._config.capture.previews:
            for camera in previewed(snapshot):
                wanted[path_of(camera)] = await self._settings(camera, snapshot.media_server.pid)
        there = {
            name: settings
            for name, settings in (await self._client.configured_paths()).items()
            if name.startswith(PREVIEW_PATHS)
        }
        for name in there.keys() - wanted.keys():
            await self._client.delete_path(name)
            PublisherWatch(self._status_path(name)).forget()
        for name, settings in wanted.items():
            if there.get(name, {}).get("runOnDemand") != settings["runOnDemand"]:
                await self._client.set_path(name, settings)

    async def _settings(self, camera: Camera, parent: int) -> Mapping[str, Any]:
        if not self._ffmpeg:
            self._ffmpeg = await asyncio.to_thread(find_ffmpeg, self._config.video.ffmpeg)
        url = self._config.rtsp_url.removesuffix("cam") + path_of(camera)
        argv = encoder_argv(
            camera,
            video=preview_video(self._config.video),
            title=self._config.title,
            ffmpeg=self._ffmpeg,
            rtsp_url=publish_url(url),
        )
        status = self._status_path(path_of(camera))
        return {
            "runOnDemand": publisher_line(argv, parent=parent, status=status),
            "runOnDemandRestart": True,
            "runOnDemandStartTimeout": _START_TIMEOUT,
            "runOnDemandCloseAfter": _CLOSE_AFTER,
        }

    def _status_path(self, name: str) -> Path:
        return self._state_dir / f"publisher.{name.replace('/', '-')}"


def path_of(camera: Camera) -> str:
    return f"{PREVIEW_PATHS}{camera.id}"


def previewed(snapshot: Snapshot) -> tuple[Camera, ...]:
    """Nobody looks at a site that is paused, not through its other cameras either."""
    if snapshot.paused:
        return ()
    elected = snapshot.elected
    return tuple(one for one in snapshot.cameras if elected is None or one.id != elected.id)


def preview_video(video: VideoSection) -> VideoSection:
    """The site's picture, but small: of the same shape, on the processor, never copied."""
    scale = min(1.0, _LONG_SIDE / max(video.width, video.height))
    return msgspec.structs.replace(
        video,
        width=max(_SMALLEST, round(video.width * scale / 2) * 2),
        height=max(_SMALLEST, round(video.height * scale / 2) * 2),
        fps=min(_FPS, video.fps),
        bitrate_kbps=min(_BITRATE_KBPS, video.bitrate_kbps),
        encoder="x264",
        copy_h264=False,
    )


def _basis(snapshot: Snapshot) -> tuple[object, ...]:
    """What a decision rests on."""
    server = snapshot.media_server
    return (previewed(snapshot), snapshot.cameras_known, server.state, server.generation)

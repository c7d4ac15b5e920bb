"""Keeps MediaMTX's path `cam` as it should be: the site's camera, or nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from pathlib import Path

from portal.config import Config
from portal.errors import PortalError
from portal.mediamtx.client import MediaMtxClient, NoAnswerError
from portal.model import Camera, CameraState, CameraStatus, MediaServerState, Snapshot
from portal.publish.command import publish_url, publisher_line, tag
from portal.publish.encoder import encoder_argv
from portal.publish.explain import PublisherStatus, explanation, parse_status
from portal.publish.ffmpeg import find_ffmpeg
from portal.state import StateBoard

log = logging.getLogger(__name__)

PATH = "cam"
_POLL_LIVE_S = 1.0
_POLL_STARTING_S = 0.1
_POLL_FAULT_S = 0.5
_POLL_IDLE_S = 3.0  # nothing to publish: only somebody else's change could bring the path back
_PATIENT_FAILURES = 3  # the first may find the camera still held by the ffmpeg before
_PUBLISHER_WITHIN_S = 5.0  # 0.04 s when the machine is idle


class Publishing:
    """The only writer of `state.camera`. Follows `cameras`, `paused` and `media_server`."""

    def __init__(
        self, config: Config, state: StateBoard, client: MediaMtxClient, state_dir: Path
    ) -> None:
        self._config = config
        self._state = state
        self._client = client
        self._status_path = state_dir / f"publisher.{PATH}"
        # What MediaMTX was last told: the generation, and the line, "" for no path.
        self._told: tuple[int, str] | None = None
        self._told_at = 0.0
        self._argv: tuple[Camera, list[str]] | None = None

    async def run(self) -> None:
        """Never returns."""
        while True:
            snapshot = self._state.snapshot
            try:
                pause = await self._reconcile(snapshot)
            except NoAnswerError:
                self._show(CameraState.STARTING, _wanted(snapshot), "waiting for MediaMTX")
                pause = _POLL_FAULT_S
            except PortalError as exc:
                self._show(CameraState.FAULT, _wanted(snapshot), str(exc))
                pause = _POLL_FAULT_S
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed(_basis(snapshot)), pause)

    async def _changed(self, basis: object) -> None:
        await self._state.wait_for(lambda snapshot: _basis(snapshot) != basis)

    async def _reconcile(self, snapshot: Snapshot) -> float:
        """One step towards what is wanted. Returns the seconds until the next look."""
        camera, server = _wanted(snapshot), snapshot.media_server
        if camera is None and not snapshot.paused and not snapshot.cameras_known:
            return _POLL_IDLE_S  # what a daemon before us published may go on
        if camera is None:
            self._show_none(snapshot)
        if server.state is not MediaServerState.READY:
            if camera is not None:
                self._show(CameraState.STARTING, camera, "waiting for MediaMTX")
            return _POLL_IDLE_S
        if camera is None:
            await self._tell(server.generation, "")
            return _POLL_IDLE_S
        argv = await self._encoder(camera)
        line = publisher_line(argv, parent=server.pid, status=self._status_path)
        await self._tell(server.generation, line)
        return await self._look(camera, tag(argv))

    async def _encoder(self, camera: Camera) -> list[str]:
        if self._argv is None or self._argv[0] != camera:
            ffmpeg = await asyncio.to_thread(find_ffmpeg, self._config.video.ffmpeg)
            argv = encoder_argv(
                camera,
                video=self._config.video,
                title=self._config.title,
                ffmpeg=ffmpeg,
                rtsp_url=publish_url(self._config.rtsp_url),
            )
            self._argv = (camera, argv)
        return self._argv[1]

    async def _tell(self, generation: int, line: str) -> None:
        """Make the path run `line`; none for "". One that runs it already is left in peace: it may
        be older than this daemon."""
        if self._told == (generation, line):
            return
        settings = await self._client.path_settings(PATH)
        if not line:
            if settings is not None:
                await self._client.delete_path(PATH)
        elif settings is None or settings.get("runOnInit") != line:
            await self._publish(line)
        self._told = (generation, line)
        self._told_at = time.monotonic()

    async def _publish(self, line: str) -> None:
        with contextlib.suppress(OSError):  # a disk that became read-only does not stop the picture
            self._status_path.unlink(missing_ok=True)  # an older publisher's
        await self._client.set_path(PATH, {"runOnInit": line, "runOnInitRestart": True})

    async def _look(self, camera: Camera, wanted: str) -> float:
        """See what became of it."""
        path = await self._client.path(PATH)
        if path is None:
            self._told = None  # MediaMTX forgot it
            return _POLL_STARTING_S
        if path.ready:
            self._show(CameraState.LIVE, camera)
            return _POLL_LIVE_S
        status = self._read_status()
        since_told = time.monotonic() - self._told_at
        if status is None or status.tag != wanted:
            if since_told > _PUBLISHER_WITHIN_S:
                self._show(CameraState.FAULT, camera, "the publisher does not start")
                return _POLL_FAULT_S
        elif not _is_alive(status.pid) and since_told > _POLL_LIVE_S:
            # MediaMTX would wait 5 s.
            await self._client.delete_path(PATH)
            self._told = None
            return 0
        elif _is_fault(status):
            self._show(CameraState.FAULT, camera, explanation(status, camera.source))
            return _POLL_FAULT_S
        self._show(CameraState.STARTING, camera)
        return _POLL_STARTING_S

    def _read_status(self) -> PublisherStatus | None:
        try:
            return parse_status(self._status_path.read_text("utf-8", errors="replace"))
        except OSError:
            return None

    def _show_none(self, snapshot: Snapshot) -> None:
        if snapshot.paused:
            self._show(CameraState.PAUSED, snapshot.elected)
        else:
            self._show(CameraState.ABSENT, None)

    def _show(self, state: CameraState, camera: Camera | None, detail: str = "") -> None:
        shown = self._state.snapshot.camera
        if (shown.state, shown.camera, shown.detail) == (state, camera, detail):
            return
        self._state.update(
            camera=CameraStatus(state=state, camera=camera, detail=detail, since=time.time())
        )
        level = logging.WARNING if state is CameraState.FAULT else logging.INFO
        name = camera.name if camera else "none"
        log.log(level, "camera %s: %s%s", name, state.value, f": {detail}" if detail else "")


def _wanted(snapshot: Snapshot) -> Camera | None:
    return None if snapshot.paused else snapshot.elected


def _basis(snapshot: Snapshot) -> tuple[object, ...]:
    """What a decision rests on."""
    server = snapshot.media_server
    known = snapshot.cameras_known
    return (_wanted(snapshot), known, snapshot.paused, server.state, server.generation)


def _is_fault(status: PublisherStatus) -> bool:
    """Worth a word: a silent camera at once, since each try takes 10 s."""
    silent = status.failures > 0 and status.why.startswith("no new frame")
    return silent or status.failures >= _PATIENT_FAILURES


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid > 0

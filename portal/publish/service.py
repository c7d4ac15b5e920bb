"""Keeps MediaMTX's path `cam` as it should be: the site's camera, or nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from pathlib import Path

from portal.config import Config
from portal.errors import PortalError
from portal.mediamtx.client import MediaMtxClient, NoAnswerError
from portal.model import Camera, CameraStatus, Snapshot
from portal.publish.codecs import COPY
from portal.publish.command import publisher_line, tag
from portal.publish.encoder import Plan
from portal.publish.ending import end_publishers
from portal.publish.explain import PublisherStatus, complaint_of, explained
from portal.publish.machine import Machine
from portal.publish.preparing import Preparation
from portal.publish.told import ToldPath
from portal.publish.watching import PublisherWatch, is_alive, is_fault, with_names
from portal.state import StateBoard
from portal.store import Store
from portal.words import CameraState, MediaServerState, PictureState

log = logging.getLogger(__name__)

PATH = "cam"
_POLL_LIVE_S = 1.0
_POLL_STARTING_S = 0.1
_POLL_FAULT_S = 0.5
_POLL_IDLE_S = 3.0  # nothing to do until something else is wanted
_STATUS_EVERY_S = 0.1  # one stat(2)
_POLL_PAUSED_S = 0.25  # until MediaMTX has forgotten the path
_COPY_FAILURES = 2  # then its pictures are encoded instead
_ENCODER_FAILURES = 2  # then x264 takes its place
_PUBLISHER_WITHIN_S = 5.0  # 0.04 s when the machine is idle
# With these it is not the copying that fails.
_NOT_FOR_COPYING = {"busy", "denied", "bandwidth", "gone"}


class Publishing:
    """The only writer of `state.camera`. Follows `cameras`, `chosen`, `paused`, `media_server`
    and `publisher_restarts`; `picture` where the camera's own H.264 is copied."""

    def __init__(
        self,
        config: Config,
        state: StateBoard,
        client: MediaMtxClient,
        state_dir: Path,
        *,
        machine: Machine | None = None,
    ) -> None:
        self._state = state
        self._client = client
        self._state_dir = state_dir
        self._watch = PublisherWatch(state_dir / f"publisher.{PATH}")
        self._preparation = Preparation(config, Store(state_dir), machine=machine)
        self._path = ToldPath(client, PATH, self._watch)
        self._plan: tuple[Camera, Plan] | None = None
        # Since the last pause: by its end, what stood against copying may have passed.
        self._is_planned = False
        self._restarts = state.snapshot.publisher_restarts
        self._published_since: str | None = None  # by MediaMTX's clock
        self._publication = 0

    async def run(self) -> None:
        """Never returns."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(), name="publishing")
            group.create_task(self._stay_paused(), name="pause")
            group.create_task(self._follow_encoders(), name="encoders")

    async def _follow(self) -> None:
        while True:
            snapshot = self._state.snapshot
            written = self._watch.written_at()
            try:
                pause = await self._reconcile(snapshot)
            except NoAnswerError:
                if (camera := _wanted(snapshot)) is not None:  # else what it is stays true
                    self._show(CameraState.STARTING, camera, "waiting for MediaMTX")
                pause = _POLL_FAULT_S
            except PortalError as exc:
                self._show(CameraState.FAULT, _wanted(snapshot), str(exc))
                pause = _POLL_FAULT_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._news(_basis(snapshot), written)

    async def _news(self, basis: object, written: int) -> None:
        """Something else is wanted, or the publisher wrote about itself: it does so when its ffmpeg
        ends and begins, and readers of the old one have to hear of the new one at once."""
        while written == self._watch.written_at():
            if await self._state.wait_for_change(_basis, basis, within_s=_STATUS_EVERY_S):
                return

    async def _stay_paused(self) -> None:
        """A pause waits for nobody: not for a MediaMTX that hangs, nor for an ffmpeg that does,
        nor for those who look after microphone and previews. Repeated until the path is gone,
        since MediaMTX brings a dead publisher back."""
        while True:
            await self._state.wait_for(lambda snapshot: snapshot.paused)
            end_publishers(self._state_dir)
            if self._path.is_absent:
                await self._state.wait_for(lambda snapshot: not snapshot.paused)
            else:
                await asyncio.sleep(_POLL_PAUSED_S)

    async def _follow_encoders(self) -> None:
        while True:
            if await self._preparation.prove():
                self._plan = None

    async def _reconcile(self, snapshot: Snapshot) -> float:
        """One step towards what is wanted. Returns the seconds until the next look."""
        camera, server = _wanted(snapshot), snapshot.media_server
        if camera is None and not snapshot.paused and not snapshot.cameras_known:
            return _POLL_IDLE_S  # what a daemon before us published may go on
        self._forget_absent(snapshot)
        if camera is None:
            self._show_none(snapshot)
        if server.state is not MediaServerState.READY:
            if camera is not None:
                self._show(CameraState.STARTING, camera, "waiting for MediaMTX")
            return _POLL_IDLE_S
        if camera is None:
            self._is_planned = False
            self._restarts = snapshot.publisher_restarts
            await self._path.tell(server.generation, "")
            return _POLL_IDLE_S
        if snapshot.publisher_restarts != self._restarts:
            self._restarts = snapshot.publisher_restarts
            await self._end()
        plan = await self._prepared(camera, snapshot)
        if plan is None:
            return 0
        line = publisher_line(
            plan.argv, parent=server.pid, status=self._watch.path, device=camera.device
        )
        await self._path.tell(server.generation, line)
        return await self._look(camera, plan)

    def _forget_absent(self, snapshot: Snapshot) -> None:
        present = {camera.id for camera in snapshot.cameras}
        self._preparation.forget_absent(present)
        if self._plan is not None and self._plan[0].id not in present:
            self._plan = None

    async def _prepared(self, camera: Camera, snapshot: Snapshot) -> Plan | None:
        """How to publish it; None when something else is wanted before that is known."""
        if self._plan is None or self._plan[0] != camera or not self._is_planned:
            self._plan = None
            self._show(CameraState.STARTING, camera)

            async def free() -> None:
                await self._path.tell(snapshot.media_server.generation, "")

            preparing = asyncio.create_task(self._preparation.plan_for(camera, free=free))
            changed = asyncio.create_task(self._state.wait_for_change(_basis, _basis(snapshot)))
            try:
                await asyncio.wait({preparing, changed}, return_when=asyncio.FIRST_COMPLETED)
                if preparing.done():
                    self._plan = (camera, preparing.result())
                    self._is_planned = True
            finally:
                preparing.cancel()
                changed.cancel()
                await asyncio.gather(preparing, changed, return_exceptions=True)
        return self._plan[1] if self._plan else None

    async def _end(self) -> None:
        """The publisher, whatever state it is in; the next step starts a new one."""
        log.info("camera: the publisher is started anew")
        await self._path.end()

    async def _look(self, camera: Camera, plan: Plan) -> float:
        """See what became of it."""
        path = await self._client.path(PATH)
        if path is None:
            self._path.was_forgotten()
            return _POLL_STARTING_S
        if path.ready:
            self._watch.saw_picture()
            if self._watch.runs_dry(path.received):
                await self._end()
                return 0
            if plan.encoder == COPY and _shows_nothing(self._state.snapshot):
                self._stop_copying(camera, "a screen decodes nothing of it")
                return 0
            if path.since != self._published_since:
                self._published_since = path.since
                self._publication += 1
            self._show(CameraState.LIVE, camera)
            return _POLL_LIVE_S
        return await self._look_at_publisher(camera, plan)

    async def _look_at_publisher(self, camera: Camera, plan: Plan) -> float:
        """There is no picture yet, or no more."""
        status = self._watch.read()
        since_told = self._path.since_told_s
        if status is None or status.tag != tag(plan.argv):
            if since_told > _PUBLISHER_WITHIN_S:
                self._show(CameraState.FAULT, camera, "the publisher does not start")
                return _POLL_FAULT_S
        elif not is_alive(status) and since_told > _POLL_LIVE_S:
            # MediaMTX would wait 5 s.
            await self._path.take_away()
            return 0
        elif self._watch.hangs(status):
            await self._end()
            return 0
        elif status.failures or status.state == "gone":
            return await self._explain(camera, plan, status)
        self._show(CameraState.STARTING, camera)
        return _POLL_STARTING_S

    async def _explain(self, camera: Camera, plan: Plan, status: PublisherStatus) -> float:
        """Its ffmpeg ended, perhaps not for the first time."""
        is_compressed = plan.delivers.startswith(("MJPG", "JPEG", "H264"))
        meant = explained(status, camera.source, is_compressed=is_compressed)
        if (
            plan.encoder == COPY
            and status.failures >= _COPY_FAILURES
            and meant.cause not in _NOT_FOR_COPYING
        ):
            self._stop_copying(camera, meant.words)
            return 0
        complaint = complaint_of(plan.encoder, status.said)
        is_silent = status.why.startswith("no new frame")
        if complaint and not is_silent and status.failures >= _ENCODER_FAILURES:
            self._preparation.distrust_encoder(complaint)
            self._plan = None
            return 0
        if not is_fault(status):
            self._show(CameraState.STARTING, camera)
            return _POLL_STARTING_S
        shown = self._state.snapshot.camera
        if meant.cause != "busy" or (shown.camera, shown.cause) != (camera, meant.cause):
            meant = await asyncio.to_thread(with_names, meant, camera)
            self._show(CameraState.FAULT, camera, meant.words, meant.cause)
        return _POLL_FAULT_S

    def _stop_copying(self, camera: Camera, reason: str) -> None:
        self._preparation.distrust_copy(camera, reason)
        self._plan = None

    def _show_none(self, snapshot: Snapshot) -> None:
        if snapshot.paused:
            self._show(CameraState.PAUSED, snapshot.elected)
        else:
            self._show(CameraState.ABSENT, None)

    def _show(
        self, state: CameraState, camera: Camera | None, detail: str = "", cause: str = ""
    ) -> None:
        shown = self._state.snapshot.camera
        plan = self._plan[1] if self._plan and self._plan[0] == camera else Plan(argv=())
        is_same = (shown.state, shown.camera, shown.detail) == (state, camera, detail)
        status = CameraStatus(
            state=state,
            camera=camera,
            detail=detail,
            since=shown.since if is_same else time.time(),
            delivers=plan.delivers,
            encoder=plan.encoder,
            note=plan.note,
            cause=cause,
            publication=self._publication,
        )
        self._state.update(camera=status)
        if is_same:
            return
        level = logging.WARNING if state is CameraState.FAULT else logging.INFO
        name = camera.name if camera else "none"
        log.log(level, "camera %s: %s%s", name, state.value, f": {detail}" if detail else "")


def _wanted(snapshot: Snapshot) -> Camera | None:
    return None if snapshot.paused else snapshot.elected


def _basis(snapshot: Snapshot) -> tuple[object, ...]:
    """What a decision rests on."""
    server = snapshot.media_server
    return (
        _wanted(snapshot),
        snapshot.cameras_known,
        snapshot.paused,
        snapshot.publisher_restarts,
        server.state,
        server.generation,
    )


def _shows_nothing(snapshot: Snapshot) -> bool:
    """A look found the path there, and not one picture in it."""
    picture = snapshot.picture
    return picture.state is PictureState.STALLED and not picture.width

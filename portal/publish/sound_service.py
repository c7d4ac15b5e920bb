"""Keeps MediaMTX's path `cam/sound` as it should be: the site's microphone, or nothing.

Muted is not silence that is sent: the path is taken away, and with it the ffmpeg that listens. So
nothing that starts again by itself can be heard, and no part of the picture's way is touched.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from portal.config import Config
from portal.errors import PortalError
from portal.mediamtx.client import MediaMtxClient, NoAnswerError
from portal.model import Camera, Snapshot
from portal.publish.command import publish_url, publisher_line, tag
from portal.publish.ffmpeg import find_ffmpeg
from portal.publish.sound import PATH, SoundSource, sound_argv, sound_explanation, sound_source
from portal.publish.told import ToldPath
from portal.publish.watching import PublisherWatch
from portal.state import StateBoard
from portal.words import CameraState, MediaServerState, MicrophoneState

log = logging.getLogger(__name__)

FAULT = "microphone"
_POLL_ON_S = 1.0
_POLL_STARTING_S = 0.1
_POLL_FAULT_S = 1.0
_POLL_IDLE_S = 3.0
_POLL_SILENT_S = 0.25  # until MediaMTX has forgotten the path
_PATIENT_FAILURES = 2  # the first may find the microphone still held by the ffmpeg before
_CARDS = Path("/proc/asound")
# Camera states beside which a site may be heard. Who unplugs the camera does not expect to be.
_BESIDE = {CameraState.STARTING, CameraState.LIVE, CameraState.FAULT}


class SoundPublishing:
    """The only writer of `state.microphone`. Follows `muted`, `paused`, `camera`, `media_server`.

    Sound that cannot be had is a fault that is shown and tried again; the picture never waits.
    """

    def __init__(
        self,
        config: Config,
        state: StateBoard,
        client: MediaMtxClient,
        state_dir: Path,
        *,
        cards: Path = _CARDS,
    ) -> None:
        self._config = config
        self._state = state
        self._client = client
        self._cards = cards
        self._watch = PublisherWatch(state_dir / "publisher.sound")
        self._path = ToldPath(client, PATH, self._watch)
        self._argv: tuple[SoundSource, list[str]] | None = None

    async def run(self) -> None:
        """Never returns."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(), name="sound")
            group.create_task(self._stay_silent(), name="mute")

    async def _follow(self) -> None:
        while True:
            snapshot = self._state.snapshot
            basis = _basis(snapshot)
            try:
                pause = await self._reconcile(snapshot)
            except NoAnswerError:
                pause = _POLL_FAULT_S
            except PortalError as exc:
                self._fail(exc.message, exc.remedy)
                pause = _POLL_FAULT_S
            await self._state.wait_for_change(_basis, basis, within_s=pause)

    async def _stay_silent(self) -> None:
        """A mute waits for nobody: not for a MediaMTX that hangs, nor for an ffmpeg that does.
        Repeated until the path is gone, since MediaMTX brings a dead publisher back."""
        while True:
            await self._state.wait_for(self._is_unwanted)
            self._watch.end()
            if self._path.is_absent:
                await self._state.wait_for(lambda snapshot: not self._is_unwanted(snapshot))
            else:
                await asyncio.sleep(_POLL_SILENT_S)

    def _is_unwanted(self, snapshot: Snapshot) -> bool:
        """Nobody is to be heard. Unknown while cameras are: what a daemon before us published may
        go on."""
        if not self._config.microphone.enabled or snapshot.muted or snapshot.paused:
            return True
        shown = snapshot.camera
        is_known = snapshot.cameras_known and bool(shown.since)
        return is_known and (shown.camera is None or shown.state not in _BESIDE)

    async def _reconcile(self, snapshot: Snapshot) -> float:
        """One step towards what is wanted. Returns the seconds until the next look."""
        if self._is_unwanted(snapshot):
            return await self._rest(snapshot)
        camera = snapshot.camera.camera
        if camera is None or not snapshot.cameras_known or not snapshot.camera.since:
            return _POLL_IDLE_S
        source = sound_source(self._config.microphone, camera)
        if source is None or not self._is_plugged(source):
            await self._silence(snapshot)
            self._fail(*_missing(source, camera))
            return _POLL_FAULT_S
        server = snapshot.media_server
        if server.state is not MediaServerState.READY:
            self._show(MicrophoneState.OFF)
            return _POLL_IDLE_S
        argv = await self._encoder(source)
        line = publisher_line(argv, parent=server.pid, status=self._watch.path)
        await self._path.tell(server.generation, line)
        return await self._look(tag(argv))

    async def _rest(self, snapshot: Snapshot) -> float:
        """Nobody is to be heard, and nothing is wrong with that."""
        self._state.clear_fault(FAULT)
        if not await self._silence(snapshot):
            return _POLL_IDLE_S
        is_muted = self._config.microphone.enabled and snapshot.muted
        self._show(MicrophoneState.MUTED if is_muted else MicrophoneState.OFF)
        return _POLL_IDLE_S

    async def _silence(self, snapshot: Snapshot) -> bool:
        """Whether nobody listens: a MediaMTX that does not answer yet may be an older daemon's."""
        server = snapshot.media_server
        if server.state is MediaServerState.READY:
            await self._path.tell(server.generation, "")
        return server.state is not MediaServerState.STARTING

    def _is_plugged(self, source: SoundSource) -> bool:
        """Asked of the kernel: a try every few seconds costs a process each."""
        if not source.card:
            return True
        name = f"card{source.card}" if source.card.isdigit() else source.card
        return (self._cards / name).exists()

    async def _encoder(self, source: SoundSource) -> list[str]:
        if self._argv is None or self._argv[0] != source:
            ffmpeg = await asyncio.to_thread(find_ffmpeg, self._config.video.ffmpeg)
            argv = sound_argv(
                source,
                microphone=self._config.microphone,
                ffmpeg=ffmpeg,
                rtsp_url=publish_url(f"{self._config.rtsp_url}/sound"),
            )
            self._argv = (source, argv)
        return self._argv[1]

    async def _look(self, wanted: str) -> float:
        """See what became of it."""
        path = await self._client.path(PATH)
        if path is None:
            self._path.was_forgotten()
            return _POLL_STARTING_S
        if path.ready:
            self._watch.saw_picture()
            if self._watch.runs_dry(path.received):
                return await self._end()
            self._show(MicrophoneState.ON)
            self._state.clear_fault(FAULT)
            return _POLL_ON_S
        status = self._watch.read()
        if status is not None and status.tag == wanted:
            if self._watch.hangs(status):
                return await self._end()
            if status.failures >= _PATIENT_FAILURES:
                self._fail(sound_explanation(status))
                return _POLL_FAULT_S
        self._show(MicrophoneState.OFF)
        return _POLL_STARTING_S

    async def _end(self) -> float:
        """The publisher hangs; the next step starts a new one."""
        log.info("microphone: the publisher is started anew")
        self._show(MicrophoneState.OFF)
        await self._path.end()
        return 0

    def _fail(self, message: str, remedy: str = "") -> None:
        self._show(MicrophoneState.OFF)
        self._state.raise_fault(FAULT, message, remedy=remedy)

    def _show(self, state: MicrophoneState) -> None:
        if state is not self._state.snapshot.microphone:
            log.info("microphone: %s", state.value)
            self._state.update(microphone=state)


def _missing(source: SoundSource | None, camera: Camera) -> tuple[str, str]:
    """In words, and what to do."""
    if source is None:
        remedy = "name one in microphone.device (/proc/asound/cards lists them)"
        return f"{camera.name} has no microphone of its own", remedy
    return f"the microphone {source.device} is not there", "plug it in"


def _basis(snapshot: Snapshot) -> tuple[object, ...]:
    """What a decision rests on."""
    server, camera = snapshot.media_server, snapshot.camera
    return (
        snapshot.muted,
        snapshot.paused,
        snapshot.cameras_known,
        camera.camera,
        camera.state in _BESIDE,
        server.state,
        server.generation,
    )

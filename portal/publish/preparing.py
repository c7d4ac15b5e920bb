"""From a camera to the way it is published: asks the machine and the camera what `plan` must
know, and remembers the answers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable, Set

import msgspec

from portal.backoff import Backoff
from portal.config import Config
from portal.errors import PortalError
from portal.model import Camera
from portal.publish.codecs import X264, Encoder
from portal.publish.command import publish_url
from portal.publish.copying import Copying
from portal.publish.encoder import Plan, plan
from portal.publish.encoders import Encoders
from portal.publish.ffmpeg import find_ffmpeg
from portal.publish.formats import copyable_format
from portal.publish.machine import Machine
from portal.store import Store

log = logging.getLogger(__name__)

# A trial takes seconds of a core, beside a picture: again later and later, up to once a day.
_AGAIN_AFTER_S = 600.0
_AGAIN_AT_LEAST_S = 86_400.0


class Preparation:
    """One per published path."""

    def __init__(self, config: Config, store: Store, *, machine: Machine | None = None) -> None:
        self._config = config
        self._copying = Copying(store)
        self._encoders = Encoders(store, config.video, machine=machine)
        self._encoder: Encoder | None = None  # None: not asked for yet
        self._is_distrusted = False  # one failed in use: no trial counts any more
        self._to_prove = asyncio.Event()
        # After trials that said nothing: seconds until the next, while one is due.
        self._backoff = Backoff(first_s=_AGAIN_AFTER_S, cap_s=_AGAIN_AT_LEAST_S)
        self._again_in_s: float | None = None
        self._told = ""

    async def plan_for(self, camera: Camera, *, free: Callable[[], Awaitable[None]]) -> Plan:
        """Some milliseconds; the first time that a camera offers H.264, three seconds of looking
        at it, before which `free` must make whoever of us has it open let go. Raises
        `ProcessError`."""
        video = self._config.video
        ffmpeg = await asyncio.to_thread(find_ffmpeg, video.ffmpeg)
        if self._encoder is None:
            remembered = await self._encoders.remembered(ffmpeg)
            self._encoder = remembered or Encoder()  # the picture does not wait for the trial
            if self._encoders.has_untried:
                self._to_prove.set()
        notes = []
        copied = copyable_format(camera, video)
        if copied is not None:
            reason = await self._copying.reason_against(camera, copied, ffmpeg=ffmpeg, free=free)
            if reason:
                notes.append(f"its H.264 is not copied: {reason}")
                copied = None
        elif video.encoder not in {"auto", "x264"} and self._encoder.name == X264:
            notes.append(f'video.encoder = "{video.encoder}" does not work here')
        made = plan(
            camera,
            video=video,
            title=self._config.title,
            ffmpeg=ffmpeg,
            rtsp_url=publish_url(self._config.rtsp_url),
            encoder=self._encoder,
            copied=copied,
            cores=len(os.sched_getaffinity(0)),
        )
        return msgspec.structs.replace(made, note="; ".join(filter(None, [made.note, *notes])))

    def distrust_copy(self, camera: Camera, reason: str) -> None:
        """Its copied H.264 gave no picture: the next plan encodes."""
        copied = copyable_format(camera, self._config.video)
        if copied is not None:
            self._copying.distrust(camera, copied, reason)

    def distrust_encoder(self, reason: str) -> None:
        """It encoded on trial and fails in use: x264 until the daemon's next start."""
        log.warning("x264 encodes instead: %s", reason)
        self._encoder = Encoder()
        self._is_distrusted = True

    def forget_absent(self, present: Set[str]) -> None:
        """Of cameras that are gone, by their ids: the next plug may go better."""
        self._copying.forget_absent(present)

    async def prove(self) -> bool:
        """Wait until hardware is found that was not tried, or that failed for a reason that may
        have passed, and try it. Whether plans change."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._again_in_s):
                await self._to_prove.wait()
        self._to_prove.clear()
        self._again_in_s = None
        try:
            ffmpeg = await asyncio.to_thread(find_ffmpeg, self._config.video.ffmpeg)
            found = await self._encoders.prove(ffmpeg)
        except PortalError as exc:
            self._again_in_s = self._backoff.next()
            if str(exc) != self._told:
                log.warning("encoders cannot be tried now, but later: %s", exc)
                self._told = str(exc)
            return False
        if self._is_distrusted:
            return False
        before, self._encoder = self._encoder, found
        return found != before

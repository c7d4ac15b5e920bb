"""Which of the machine's H.264 encoders to believe in: each is tried, the verdict kept until the
machine changes."""

from __future__ import annotations

import asyncio
import logging

import msgspec

from portal.config import VideoSection
from portal.errors import ProcessError, StoreError
from portal.model import Value
from portal.process import ChildProcess
from portal.publish.codecs import Encoder
from portal.publish.machine import Machine
from portal.publish.trial import prove
from portal.store import Store

log = logging.getLogger(__name__)

_DOCUMENT = "encoders"


class Tried(Value, frozen=True):
    """One encoder. `reason` is "" when it works."""

    encoder: Encoder
    reason: str = ""


class Tries(msgspec.Struct, frozen=True):
    """The document: what was found on the machine that `machine` names."""

    machine: str = ""
    tried: tuple[Tried, ...] = ()


class Encoders:
    """The choice, and the trials behind it."""

    def __init__(
        self, store: Store, video: VideoSection, *, machine: Machine | None = None
    ) -> None:
        self._store = store
        self._video = video
        self._machine = machine or Machine()
        self.has_untried = False  # as far as `remembered` saw: `prove` it

    async def remembered(self, ffmpeg: str) -> Encoder | None:
        """What to use; None when nothing here is known to work, and something was not tried."""
        return await asyncio.to_thread(self._remembered, ffmpeg)

    def _remembered(self, ffmpeg: str) -> Encoder | None:
        candidates = self._machine.candidates(self._video.encoder)
        if not candidates:
            return Encoder()
        tries = self._load()
        if tries.machine != self._machine.fingerprint(ffmpeg, self._video):
            self.has_untried = True
            return None
        tried = {one.encoder: one.reason for one in tries.tried}
        works = next((one for one in candidates if tried.get(one) == ""), None)
        better = candidates[: candidates.index(works)] if works is not None else candidates
        self.has_untried = any(one not in tried for one in better)
        return works or (None if self.has_untried else Encoder())

    async def prove(self, ffmpeg: str) -> Encoder:
        """Try those that are new here, in order, until one works. Seconds; cancelling is fine.
        Raises `ProcessError` when none did, and one failed for a reason that may pass: it is worth
        another try."""
        machine = await asyncio.to_thread(self._machine.fingerprint, ffmpeg, self._video)
        tries = await asyncio.to_thread(self._load)
        tried = {one.encoder: one.reason for one in tries.tried} if tries.machine == machine else {}
        found = Encoder()
        passing: ProcessError | None = None
        known = await _known_to(ffmpeg)
        for candidate in await asyncio.to_thread(self._machine.candidates, self._video.encoder):
            if candidate not in tried:
                try:
                    tried[candidate] = (
                        await prove(candidate, ffmpeg=ffmpeg, video=self._video)
                        if candidate.name in known
                        else "this ffmpeg does not know it"
                    )
                except ProcessError as exc:
                    passing = ProcessError(f"{candidate.name}: {exc.message}", remedy=exc.remedy)
                    continue
                log.info("encoder %s: %s", candidate.name, tried[candidate] or "works")
            if not tried[candidate]:
                found = candidate
                break
        kept = tuple(Tried(encoder=one, reason=reason) for one, reason in tried.items())
        if (found_out := Tries(machine=machine, tried=kept)) != tries:
            await asyncio.to_thread(self._save, found_out)
        if passing is not None and found == Encoder():
            raise passing
        return found

    def _load(self) -> Tries:
        try:
            return self._store.load(_DOCUMENT, Tries)
        except StoreError as exc:
            log.warning("%s", exc)
            return Tries()

    def _save(self, tries: Tries) -> None:
        try:
            self._store.save(_DOCUMENT, tries)
        except StoreError as exc:  # they are tried again after the next start
            log.warning("%s", exc)


async def _known_to(ffmpeg: str) -> str:
    """ffmpeg's own list of encoders. Raises `ProcessError`."""
    child = await ChildProcess.spawn(
        [ffmpeg, "-hide_banner", "-nostdin", "-encoders"], name="ffmpeg", keep_lines=1000
    )
    try:
        async with asyncio.timeout(10):
            code = await child.wait()
    except TimeoutError as exc:
        raise ProcessError(f"{ffmpeg} -encoders gave no answer within 10 s") from exc
    finally:
        await child.stop()
    if code:
        raise ProcessError(f"{ffmpeg} -encoders ended with {code}", last_lines=child.last_lines)
    return " ".join(child.last_lines)

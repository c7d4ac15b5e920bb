"""Whether a camera's own H.264 can be sent as it is: looked at once, remembered with the reason,
unless that may pass."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Set
from pathlib import Path

import msgspec

from portal.errors import ProcessError, StoreError
from portal.model import Camera, Value
from portal.process import ChildProcess
from portal.publish.encoder import QUIET, v4l2_input
from portal.publish.formats import ChosenFormat
from portal.publish.stream import StreamFacts, is_damaged, misfit, piece_of_video, stream_facts
from portal.store import Store

log = logging.getLogger(__name__)

# A screen that joins waits for the next keyframe.
KEYFRAME_GAP_S = 2.0
# Long enough for two keyframes that are that far apart; the picture waits for it, once per camera.
LOOK_S = 3.0
_OPENING_S = 15.0  # ffmpeg's start and stream-on take 0.7 s, 8 s on a box that is overloaded
_LATE_S = 5.0
_ENOUGH = 0.8  # of that; a camera in the dark sends few frames
_AGAIN_AFTER_S = 600.0
_DAMAGED_TIMES = 3  # then it is the camera's way
_KEPT = 50  # cameras
_DOCUMENT = "h264"

_Key = tuple[str, int, int, float]  # camera, width, height, rate


class Verdict(Value, frozen=True):
    """Of one camera in one format. `reason` is "" when its H.264 can be copied."""

    camera: str
    width: int
    height: int
    rate: float
    reason: str = ""


class Verdicts(msgspec.Struct, frozen=True):
    """The document."""

    verdicts: tuple[Verdict, ...] = ()


class Copying:
    """What is known of the cameras' own H.264."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[_Key, str] | None = None
        self._distrusted: dict[_Key, str] = {}
        # What may have passed a while later, and when it was seen, by time.monotonic().
        self._passing: dict[_Key, tuple[str, float]] = {}
        self._damaged: Counter[_Key] = Counter()

    async def reason_against(
        self,
        camera: Camera,
        form: ChosenFormat,
        *,
        ffmpeg: str,
        free: Callable[[], Awaitable[None]],
    ) -> str:
        """ "" when `form` can be copied, else why not. May look at the camera for three seconds,
        in which nobody else can open it, `free` being called before; cancelling ends the look at
        once."""
        key = _key(camera, form)
        if self._known is None:
            self._known = await asyncio.to_thread(self._load)
        if key in self._distrusted:
            return self._distrusted[key]
        if key in self._known:
            return self._known[key]
        if key in self._passing:
            reason, seen_at = self._passing[key]
            if time.monotonic() - seen_at < _AGAIN_AFTER_S:
                return reason
        await free()
        try:
            facts = await _look(camera, form, ffmpeg=ffmpeg)
        except ProcessError as exc:  # busy, pulled: nothing was learned of the camera
            return self._may_pass(camera, key, f"it could not be looked at: {exc.message}")
        reason = _misfit(facts, form)
        if is_damaged(facts):
            self._damaged[key] += 1
            if self._damaged[key] < _DAMAGED_TIMES:
                return self._may_pass(camera, key, reason)
        log.info("H.264 of %s: %s", camera.name, reason or "can be copied")
        self._known[key] = reason
        await asyncio.to_thread(self._save)
        return reason

    def _may_pass(self, camera: Camera, key: _Key, reason: str) -> str:
        log.info("H.264 of %s is not copied for now: %s", camera.name, reason)
        self._passing[key] = (reason, time.monotonic())
        return reason

    def distrust(self, camera: Camera, form: ChosenFormat, reason: str) -> None:
        """It failed in use: not copied again until it was absent, or the daemon's next start."""
        log.warning("H.264 of %s is no longer copied: %s", camera.name, reason)
        self._distrusted[_key(camera, form)] = reason

    def forget_absent(self, present: Set[str]) -> None:
        """Of cameras that are gone, by their ids: the next plug may go better."""
        for of in (self._distrusted, self._passing):
            for key in [key for key in of if key[0] not in present]:
                del of[key]

    def _load(self) -> dict[_Key, str]:
        try:
            document = self._store.load(_DOCUMENT, Verdicts)
        except StoreError as exc:
            log.warning("%s", exc)
            document = Verdicts()
        return {
            (one.camera, one.width, one.height, one.rate): one.reason for one in document.verdicts
        }

    def _save(self) -> None:
        kept = [*(self._known or {}).items()][-_KEPT:]
        verdicts = tuple(
            Verdict(camera=key[0], width=key[1], height=key[2], rate=key[3], reason=reason)
            for key, reason in kept
        )
        try:
            self._store.save(_DOCUMENT, Verdicts(verdicts=verdicts))
        except StoreError as exc:  # it is looked at again after the next start
            log.warning("%s", exc)


def _key(camera: Camera, form: ChosenFormat) -> _Key:
    return (camera.id, form.width, form.height, round(form.rate, 3))


async def _look(camera: Camera, form: ChosenFormat, *, ffmpeg: str) -> StreamFacts:
    """Raises `ProcessError` when it could not be seen, or not long enough for what it is."""
    with piece_of_video() as piece:
        await _record(camera, form, ffmpeg=ffmpeg, piece=piece)
        facts = await stream_facts(piece)
    needed_s = LOOK_S * _ENOUGH if _misfit(facts, form) else LOOK_S / 2
    # A damaged one may have lost its ends, too.
    if facts.frames and facts.seconds < needed_s and not is_damaged(facts):
        raise ProcessError(f"it sent {facts.seconds:.1f} s of {LOOK_S:g} s")
    if not await asyncio.to_thread(Path(camera.device).exists):
        raise ProcessError("it was unplugged")
    return facts


def _misfit(facts: StreamFacts, form: ChosenFormat) -> str:
    return misfit(facts, width=form.width, height=form.height, keyframe_gap_s=KEYFRAME_GAP_S)


async def _record(camera: Camera, form: ChosenFormat, *, ffmpeg: str, piece: Path) -> None:
    argv = [ffmpeg, *QUIET, *v4l2_input(camera.device, form), "-map", "0:v:0", "-an"]
    argv += ["-t", f"{LOOK_S:g}", "-c:v", "copy", "-flush_packets", "1", "-f", "mpegts", str(piece)]
    child = await ChildProcess.spawn(argv, name="look at H.264")
    try:
        async with asyncio.timeout(_OPENING_S) as limit:
            while not await asyncio.to_thread(_has_begun, piece) and child.returncode is None:  # noqa: ASYNC110 - another process's file tells no event
                await asyncio.sleep(0.1)
            limit.reschedule(asyncio.get_running_loop().time() + LOOK_S + _LATE_S)
            code = await child.wait()
    except TimeoutError as exc:
        raise ProcessError("it sends nothing") from exc
    finally:
        # Nothing to flush, and a pause may wait for it.
        await asyncio.shield(child.stop(grace_s=0))
    if code:
        words = child.last_lines[-1] if child.last_lines else f"exit code {code}"
        raise ProcessError(words, last_lines=child.last_lines)


def _has_begun(piece: Path) -> bool:
    return piece.exists() and piece.stat().st_size > 0

"""Proves the picture that this box publishes: looks at it as a screen would, seldom."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from portal.backoff import Backoff
from portal.config import Config
from portal.errors import ProcessError
from portal.model import PictureStatus, Snapshot
from portal.process import ChildProcess
from portal.state import StateBoard
from portal.verdict import ProbeResult
from portal.words import CameraState, PictureState

log = logging.getLogger(__name__)

FAULT = "picture"

# A look takes up to 3 s of signalling, 5 s of waiting for a frame, 2 s of looking, 2 s of closing.
_LOOK_LIMIT_S = 15.0


async def look(
    url: str,
    *,
    seconds: float = 2.0,
    patience_s: float = 5.0,
    limit_s: float = _LOOK_LIMIT_S,
    nice: int = 10,
) -> ProbeResult:
    """Run `portal.probe` on `url` as a child of low priority: its libraries cost 60 MB here.

    A probe that does not work at all is a result too: `unknown`, with the reason.
    """
    argv = ["nice", "-n", str(nice), sys.executable, "-P", "-m", "portal.probe", url, "--json"]
    argv += ["--seconds", f"{seconds:g}", "--patience", f"{patience_s:g}"]
    try:
        child = await ChildProcess.spawn(argv, name="probe")
    except ProcessError as exc:
        return ProbeResult(url=url, state=PictureState.UNKNOWN, reason=str(exc))
    try:
        async with asyncio.timeout(limit_s):
            await child.wait()
    except TimeoutError:
        return ProbeResult(
            url=url, state=PictureState.UNKNOWN, reason=f"the probe took over {limit_s:g} s"
        )
    finally:
        await child.stop()
    return _parsed(url, child.last_lines)


def _parsed(url: str, lines: tuple[str, ...]) -> ProbeResult:
    last = lines[-1] if lines else "it said nothing"
    try:
        return msgspec.json.decode(last, type=ProbeResult)
    except msgspec.DecodeError:
        return ProbeResult(url=url, state=PictureState.UNKNOWN, reason=f"the probe failed: {last}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How seldom. One look costs about 1 s of CPU, and 90 MB while it lasts."""

    settle_s: float = 1.0  # after the camera became live: the encoder finds its rate
    spacing_s: float = 15.0  # between two looks, whatever happens: a loose plug flaps
    routine_s: float = 600.0  # while all is well: a camera can freeze without a word
    looks_before_fault: int = 2


class PictureCheck:
    """The only writer of `state.picture`. Out of the media path: it reads as one more screen."""

    def __init__(
        self,
        config: Config,
        state: StateBoard,
        *,
        look: Callable[[str], Awaitable[ProbeResult]] = look,
        pace: Pace = Pace(),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = config.whep_url
        self._state = state
        self._look = look
        self._pace = pace
        self._sleep = sleep
        self._monotonic = monotonic
        self._next_look_at = 0.0

    async def run(self) -> None:
        """Never returns. Each scene (camera back, MediaMTX new) is looked at anew."""
        while True:
            scene = _scene(self._state.snapshot)
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(self._watch(), name="picture")
                await self._state.wait_for(lambda now, scene=scene: _scene(now) != scene)  # type: ignore[misc]
                watching.cancel()

    async def _watch(self) -> None:
        """Look at one scene: after a while, again while it is bad, seldom while it is good."""
        camera = self._state.snapshot.camera
        if camera.state is not CameraState.LIVE:
            self._state.clear_fault(FAULT)
            paused = camera.state is CameraState.PAUSED
            self._publish(PictureState.PAUSED if paused else PictureState.ABSENT, camera.detail)
            return
        self._publish(PictureState.UNKNOWN, "not looked at yet")
        await self._sleep(self._pace.settle_s)
        backoff = Backoff(first_s=self._pace.spacing_s, cap_s=self._pace.routine_s)
        bad_looks = 0
        while True:
            await self._sleep(max(0.0, self._next_look_at - self._monotonic()))
            self._next_look_at = self._monotonic() + self._pace.spacing_s
            result = await self._look(self._url)
            self._tell(result)
            if result.is_live:
                self._state.clear_fault(FAULT)
                backoff.reset()
                bad_looks = 0
                await self._sleep(self._pace.routine_s)
                continue
            bad_looks += 1
            if bad_looks >= self._pace.looks_before_fault:
                self._state.raise_fault(FAULT, _fault_message(result), remedy=result.remedy)
            await self._sleep(backoff.next())

    def _tell(self, result: ProbeResult) -> None:
        before = self._state.snapshot.picture.state
        self._state.update(
            picture=PictureStatus(
                state=result.state,
                fps=result.fps,
                width=result.width,
                height=result.height,
                detail=result.reason,
                checked_at=time.time(),
            )
        )
        if result.state is before:
            return
        if result.is_live:
            log.info("picture is live: %dx%d, %g fps", result.width, result.height, result.fps)
        else:
            log.warning("picture is %s: %s", result.state, result.reason)

    def _publish(self, state: PictureState, detail: str) -> None:
        self._state.update(picture=PictureStatus(state=state, detail=detail))


def _fault_message(result: ProbeResult) -> str:
    if result.state is PictureState.UNKNOWN:
        return f"this site's picture cannot be checked: {result.reason}"
    return f"this site's picture is not live: {result.reason}"


def _scene(snapshot: Snapshot) -> tuple[object, ...]:
    """What makes an earlier look worthless when it changes."""
    camera = snapshot.camera
    return (
        camera.state,
        camera.since,
        camera.camera.id if camera.camera else "",
        snapshot.media_server.generation,
    )

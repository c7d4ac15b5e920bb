"""What this box does when the other site asks it for a step: as much as is reasonable.

An ask comes from outside. It can cost a second of picture at most, and that seldom.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Never

import msgspec

from portal.config import Config
from portal.healing.limits import Allowance, Limit
from portal.model import PeerAnswer, PeerAsk, Snapshot
from portal.picture import look
from portal.state import StateBoard
from portal.verdict import ProbeResult
from portal.words import CameraState, HealStep, MediaServerState, PictureState

log = logging.getLogger(__name__)

LIMITS = {
    HealStep.PEER_PUBLISHER: Limit(min_interval_s=10, per_hour=12),
    HealStep.PEER_MEDIA_SERVER: Limit(min_interval_s=120, per_hour=3),
}
# A restart of the publisher is done at once: the screen there has seen enough, and a look takes
# 2 s. Who asks again so soon had nothing of the last one: then our own eyes are asked.
_TRUST_EVERY_S = 15.0
# MediaMTX serves other readers too: a look first, always. Two that are told that the picture is
# good here, and the third is believed: the fault may lie where only the other site looks.
_INSISTS = 3
_INSISTS_WITHIN_S = 300.0
_LOOK_S = 2.0  # less does not tell a still picture from one that moves
_LOOK_PATIENCE_S = 3.0

_WORDS = {
    HealStep.PEER_PUBLISHER: "a restart of the publisher",
    HealStep.PEER_MEDIA_SERVER: "a restart of MediaMTX",
}


async def _brief_look(url: str) -> ProbeResult:
    return await look(url, seconds=_LOOK_S, patience_s=_LOOK_PATIENCE_S, nice=0)


class Answering:
    """Follows `asks.asked`; the only writer of `asks.answered`, `publisher_restarts` and
    `media_server_restarts`."""

    def __init__(
        self,
        config: Config,
        state: StateBoard,
        *,
        look: Callable[[str], Awaitable[ProbeResult]] = _brief_look,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._is_willing = config.healing.peer
        self._url = config.whep_url
        self._state = state
        self._look = look
        self._monotonic = monotonic
        self._allowances = {step: Allowance(limit) for step, limit in LIMITS.items()}
        self._trusted_at: float | None = None
        self._insisted: list[float] = []
        self._told = ""

    async def run(self) -> Never:
        """Never returns. Asks that come while one is decided about: the newest counts."""
        seen: PeerAsk | None = None
        while True:
            now = await self._state.wait_for(lambda now, seen=seen: now.asks.asked != seen)  # type: ignore[misc]
            seen = now.asks.asked
            if seen is not None:
                await self._decide(seen)

    async def _decide(self, ask: PeerAsk) -> None:
        reason, picture = self._objection(ask), PictureState.UNKNOWN
        if not reason and self._must_look(ask.step):
            picture = (await self._look(self._url)).state
            is_good = picture is PictureState.LIVE and not self._insists(ask.step)
            # The look took its time: the world may be another.
            reason = "the picture moves here" if is_good else self._objection(ask)
        if reason:
            self._decline(ask, reason, picture)
        else:
            self._accept(ask, picture)

    def _objection(self, ask: PeerAsk) -> str:
        snapshot = self._state.snapshot
        if ask.step not in LIMITS:
            return "that is not for another site to ask"
        if not self._is_willing:
            return "healing.peer is off here"
        if snapshot.link.peer is None or snapshot.link.peer.name != ask.peer:
            return "this site shows another one"
        if fault := _unfit(snapshot):
            return fault
        wait_s = self._allowances[ask.step].wait_s(self._monotonic())
        return f"that was done lately; again in {_about(wait_s)}" if wait_s else ""

    def _must_look(self, step: HealStep) -> bool:
        if step is HealStep.PEER_MEDIA_SERVER:
            return True
        now = self._monotonic()
        return self._trusted_at is not None and now - self._trusted_at < _TRUST_EVERY_S

    def _insists(self, step: HealStep) -> bool:
        """Whether this one is asked for again and again."""
        now = self._monotonic()
        if step is not HealStep.PEER_MEDIA_SERVER:
            return False
        self._insisted = [at for at in self._insisted if now - at < _INSISTS_WITHIN_S] + [now]
        return len(self._insisted) >= _INSISTS

    def _accept(self, ask: PeerAsk, picture: PictureState) -> None:
        now = self._monotonic()
        self._allowances[ask.step].spend(now)
        why = ask.reason or "without a reason"
        log.warning("%s asked for %s: %s", ask.peer, _WORDS[ask.step], why)
        self._told = ""
        snapshot = self._state.snapshot
        if ask.step is HealStep.PEER_PUBLISHER:
            self._trusted_at = now
            self._state.update(publisher_restarts=snapshot.publisher_restarts + 1)
        else:
            self._insisted.clear()
            self._state.update(media_server_restarts=snapshot.media_server_restarts + 1)
        self._answer(ask, "", picture)

    def _decline(self, ask: PeerAsk, reason: str, picture: PictureState) -> None:
        told = f"{ask.peer} {ask.step} {reason.partition(';')[0]}"
        if told != self._told:  # once: a peer may ask for ever
            log.info("%s asked for %s: declined, %s", ask.peer, ask.step.value, reason)
        self._told = told
        self._answer(ask, reason, picture)

    def _answer(self, ask: PeerAsk, reason: str, picture: PictureState) -> None:
        asks = self._state.snapshot.asks
        answered = PeerAnswer(
            peer=ask.peer,
            step=ask.step,
            accepted=not reason,
            reason=reason,
            number=ask.number,
            picture=picture,
        )
        declined = asks.declined + bool(reason)
        self._state.update(asks=msgspec.structs.replace(asks, answered=answered, declined=declined))


def _unfit(snapshot: Snapshot) -> str:
    """Why no step would help anybody now."""
    if snapshot.paused:
        return "the camera is paused"
    if snapshot.media_server.state is not MediaServerState.READY:
        return "MediaMTX is being started"
    if snapshot.camera.state is not CameraState.LIVE:
        return f"the camera is {snapshot.camera.state.value}"
    return ""


def _about(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} s"

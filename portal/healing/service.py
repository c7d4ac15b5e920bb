"""Watches this box's screen, finds out where a fault is, and orders the smallest step against it.

The page takes the first steps itself, and the publishers and MediaMTX look after themselves. What
is ordered here is for what they did not see.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Never

import msgspec

from portal.backoff import Backoff
from portal.config import Config
from portal.healing.ladder import Ladder, Place
from portal.healing.reboot import Reboot
from portal.healing.sight import Sight, Trouble, sight_of
from portal.healing.stillness import Stillness
from portal.model import Heal, PageOrder, PeerAnswer, PeerAsk, Snapshot
from portal.picture import look
from portal.state import StateBoard
from portal.verdict import ProbeResult
from portal.words import HealStep, PictureState

log = logging.getLogger(__name__)

_TICK_S = 0.5
# Each spell of darkness by itself: a picture that comes back is not disturbed for former ones.
_DARK_S = 4.0  # a page that lost its session has a new one within 2 s
_SILENT_S = 15.0  # a page that is loaded anew reports within 5 s, in a new browser within 15
_LOOK_S = 2.0  # less does not tell a still picture from one that moves
_LOOK_PATIENCE_S = 3.0
_STILL_LOOK_EVERY_S = 10.0  # where one told nothing

_ORDERED = {
    HealStep.SESSION: "a new session",
    HealStep.TRANSPORT: "a session over the other transport",
    HealStep.RELOAD: "a reload of the page",
    HealStep.BROWSER: "a restart of the browser",
    HealStep.COMPOSITOR: "a restart of the compositor",
    HealStep.PEER_PUBLISHER: "a restart of the other site's publisher",
    HealStep.PEER_MEDIA_SERVER: "a restart of the other site's MediaMTX",
    HealStep.REBOOT: "a reboot of this box",
}


async def _brief_look(url: str) -> ProbeResult:
    return await look(url, seconds=_LOOK_S, patience_s=_LOOK_PATIENCE_S, nice=0)


class Healing:
    """The only writer of `heals`, `page_order`, `browser_restarts`, `compositor_restarts` and
    `asks.ask`."""

    def __init__(
        self,
        config: Config,
        state: StateBoard,
        reboot: Reboot,
        *,
        look: Callable[[str], Awaitable[ProbeResult]] = _brief_look,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        # Through our own forwarder, as the page asks: it holds the keys.
        self._url = config.kiosk_url.removesuffix("kiosk/") + "whep/peer"
        self._state = state
        self._reboot = reboot
        self._look = look
        self._clock = clock
        self._monotonic = monotonic
        self._ladder = Ladder(without=() if config.healing.reboot else (HealStep.REBOOT,))
        self._stillness = Stillness()
        self._place: Place | None = None
        self._look_at = 0.0
        self._still_look_at = 0.0
        self._looks = Backoff(first_s=10.0, cap_s=300.0)
        self._before: Snapshot | None = None  # what the screen said when the trouble began
        self._spell: tuple[Trouble, float] | None = None  # what is wrong now, and since when
        self._heard: PeerAnswer | None = None
        self._awaited = False  # an answer to what we asked
        self._told = ""

    async def run(self) -> Never:
        """Never returns."""
        while True:
            snapshot = self._state.snapshot
            await self.attend(snapshot)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK_S):
                    await self._state.wait_for(lambda now, seen=snapshot: _news(seen, now))  # type: ignore[misc]

    async def attend(self, snapshot: Snapshot) -> None:
        """One look at the screen, and the step that it calls for, if any."""
        now = self._monotonic()
        sight = sight_of(snapshot, self._clock())
        self._hear(snapshot.asks.answer)
        if sight.trouble in {Trouble.NOTHING, Trouble.GOOD}:
            self._rest(sight, now)
            return
        if sight.trouble is Trouble.STILL:
            self._see_frames(now)
            await self._attend_still(sight, now)
            return
        self._stillness.unknown()
        if self._spell is None or self._spell[0] is not sight.trouble:
            self._spell = (sight.trouble, now)
        if self._before is None:
            self._before = snapshot
        place = await self._whereabouts(sight, now)
        if place is not None:
            now = self._monotonic()
            step = self._ladder.next(place, now, done=_done_by_page(self._before, snapshot))
            if step is not None:
                await self._do(step, sight.reason)

    def _rest(self, sight: Sight, now: float) -> None:
        self._see_frames(now)
        if sight.trouble is Trouble.GOOD:
            self._stillness.moving(now)
        else:
            self._stillness.unknown()

    def _see_frames(self, now: float) -> None:
        """They come, or none are due: no climb goes on."""
        self._spell = None
        self._ladder.good(now)
        if self._ladder.began is None and self._before is not None:
            self._place, self._before = None, None
            self._look_at = 0.0
            self._looks.reset()

    async def _attend_still(self, sight: Sight, now: float) -> None:
        """Frames come and are decoded, all alike: of the camera there, or of our own screen. A
        look past the screen tells, before anybody is asked for anything."""
        was_vain = self._stillness.is_vain
        may = self._ladder.allows(HealStep.PEER_PUBLISHER, now) and now >= self._still_look_at
        wants = self._stillness.still(now, sight.still_s if may else 0.0)
        if self._stillness.is_vain and not was_vain:
            log.info("the restart changed nothing: the picture is taken for a still scene")
        if not wants:
            return
        before = _publication(self._state.snapshot)
        found = await self._look(self._url)
        now, snapshot = self._monotonic(), self._state.snapshot
        self._still_look_at = now + _STILL_LOOK_EVERY_S
        is_still = sight_of(snapshot, self._clock()).trouble is Trouble.STILL
        is_still &= _publication(snapshot) == before  # else it was started again by its own
        if is_still and found.state is PictureState.STALLED and found.connected:
            self._ladder.spend(HealStep.PEER_PUBLISHER, now)
            self._order(HealStep.PEER_PUBLISHER, sight.reason)
        elif is_still and found.state is PictureState.LIVE:
            log.info("%s; from here the other site's picture moves", sight.reason)
            self._stillness.declined()
        else:
            self._stillness.withdraw()

    async def _whereabouts(self, sight: Sight, now: float) -> Place | None:
        """Where the fault is; None while it is too early to say."""
        self._ladder.bad(now)
        spell_s = now - self._spell[1] if self._spell else 0.0
        if sight.trouble is Trouble.SILENT:
            return Place.SCREEN if spell_s >= _SILENT_S else None
        if spell_s < _DARK_S:
            return None
        if now >= self._look_at:
            found = await self._look(self._url)
            self._look_at = self._monotonic() + self._looks.next()
            self._place = _place_of(found)
            told = f"{sight.reason}; from here the other site's picture is {found.state.value}"
            if told != self._told:
                log.info("%s%s", told, f" ({found.reason})" if found.reason else "")
            self._told = told
            if sight_of(self._state.snapshot, self._clock()).trouble is not Trouble.DARK:
                return None  # it came back meanwhile
        return self._place

    def _hear(self, answer: PeerAnswer | None) -> None:
        if answer is None or answer == self._heard:
            return
        self._heard = answer
        if not self._awaited:
            return  # nobody asked: a peer may say so for ever
        self._awaited = False
        if answer.accepted:
            log.info("%s does %s", answer.peer, _ORDERED[answer.step])
            return
        log.info("%s declined %s: %s", answer.peer, _ORDERED[answer.step], answer.reason)
        if answer.picture is PictureState.LIVE:
            self._stillness.declined()
            self._place = Place.PAGE

    async def _do(self, step: HealStep, reason: str) -> None:
        self._order(step, reason)
        if step is HealStep.REBOOT:
            refusal = await self._reboot.do()
            if refusal:
                log.warning("no reboot: %s", refusal)

    def _order(self, step: HealStep, reason: str) -> None:
        log.warning("healing by %s: %s", _ORDERED[step], reason)
        now = self._state.snapshot
        match step:
            case HealStep.BROWSER:
                self._state.update(browser_restarts=now.browser_restarts + 1)
            case HealStep.COMPOSITOR:
                self._state.update(compositor_restarts=now.compositor_restarts + 1)
            case HealStep.SESSION | HealStep.TRANSPORT | HealStep.RELOAD:
                number = now.page_order.number + 1 if now.page_order else 1
                self._state.update(page_order=PageOrder(step=step, number=number))
            case HealStep.PEER_PUBLISHER | HealStep.PEER_MEDIA_SERVER:
                self._ask(step, reason)
            case HealStep.REBOOT:
                pass
        self._count(step, reason)

    def _ask(self, step: HealStep, reason: str) -> None:
        asks, peer = self._state.snapshot.asks, self._state.snapshot.link.peer
        ask = PeerAsk(
            peer=peer.name if peer else "",
            step=step,
            reason=reason[:200],
            number=asks.ask.number + 1 if asks.ask else 1,
        )
        self._awaited = True
        self._state.update(asks=msgspec.structs.replace(asks, ask=ask))

    def _count(self, step: HealStep, reason: str) -> None:
        heals = self._state.snapshot.heals
        count = next((heal.count for heal in heals if heal.step is step), 0) + 1
        heal = Heal(step=step, count=count, reason=reason, at=self._clock())
        self._state.update(heals=(*(one for one in heals if one.step is not step), heal))


def _place_of(found: ProbeResult) -> Place:
    """A probe that does not work, or finds no way for the media, says nothing against either
    site."""
    if found.state is PictureState.LIVE:
        return Place.PAGE
    is_stalled = found.state is PictureState.STALLED and found.connected
    return Place.THERE if is_stalled or found.state is PictureState.ABSENT else Place.WAY


def _done_by_page(before: Snapshot, now: Snapshot) -> set[HealStep]:
    """The steps that the page took itself since the trouble began."""
    old, new = before.screen.report, now.screen.report
    if old is None or new is None:
        return set()
    if new.page != old.page:
        return {HealStep.SESSION, HealStep.TRANSPORT, HealStep.RELOAD}
    counts = {heal.step: heal.count for heal in old.steps}
    return {heal.step for heal in new.steps if heal.count > counts.get(heal.step, 0)}


def _publication(snapshot: Snapshot) -> int | None:
    return snapshot.link.remote.publication if snapshot.link.remote else None


def _news(seen: Snapshot, now: Snapshot) -> bool:
    """What is worth a look before the next tick."""
    return (now.screen, now.asks.answer) != (seen.screen, seen.asks.answer)

"""Watches one browser on one screen until it, or the compositor below it, must be started again.

What can be healed inside of the browser is healed here. A page that is well is only looked at.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable

import msgspec

from portal.errors import KioskError
from portal.kiosk.browser import Browser
from portal.kiosk.connectors import is_any_screen_there
from portal.kiosk.following import Followed, Word
from portal.kiosk.ladder import Ladder, Step, Trouble
from portal.kiosk.looking import Sight, look
from portal.kiosk.weight import Weight

_LOG = logging.getLogger(__name__)

_EVERY_S = 1.0
# A busy box may need seconds for an answer; a hung one never gives it.
_ANSWER_S = 4.0
_MISSES = 2
# A page that was asked for is there within 1 s, on a busy Raspberry Pi within 5.
_LOADING_S = 8.0
# The page's scripts run 0.1 s after its HTML; without them it stays as it was delivered.
_OPENING_S = 15.0
_UNPAINTED_LOOKS = 5

Answers = Callable[[], Awaitable[bool]]


class Watchdog:
    """`watch()` returns the step that is beyond it: the browser's restart, or the compositor's."""

    def __init__(
        self,
        *,
        url: str,
        splash: str,
        followed: Followed,
        ladder: Ladder,
        memory_mb: int,
    ) -> None:
        self._url = url
        self._splash = splash
        self._followed = followed
        self._ladder = ladder
        self._memory_mb = memory_mb
        self._shown = splash
        self._obeyed: Word | None = None
        self._was_well = False
        self.covers_in_black = False  # set where nothing else makes the screen dark
        self.status = ""

    def choose_url(self) -> str:
        """What a browser is to show now: the page, or the splash while no daemon serves it."""
        self._shown = self._url if self._followed.is_up else self._splash
        return self._shown

    async def watch(self, browser: Browser, compositor_answers: Answers | None) -> Step:
        """Until a step is due that only the caller can do; its waiting time is over then."""
        self._begin(browser)
        while True:
            now = time.monotonic()
            if ordered := self._order():
                _LOG.info("%s, as the box's daemon asked", ordered.value)
                self._ladder.done(ordered, now)
                return ordered
            trouble = await self._trouble(browser, compositor_answers)
            if trouble is None:
                await self._followed.changed(_EVERY_S)
                continue
            step = await self.take(trouble)
            if step in {Step.BROWSER, Step.COMPOSITOR}:
                return step
            with contextlib.suppress(TimeoutError, KioskError):  # the next look decides
                await self._heal(browser, step)
            self._loading_since = time.monotonic()
            self._unpainted = 0
            self._misses = 0

    async def take(self, trouble: Trouble, detail: str = "") -> Step:
        """The step against `trouble`, said, counted, and waited for."""
        step = self._ladder.next_step(trouble)
        wait_s = self._ladder.wait_s(step, time.monotonic())
        reason = f"{trouble.value}: {detail}" if detail else trouble.value
        number = self._ladder.counts[step] + 1
        waits = f", in {wait_s:.0f} s" if wait_s >= 1 else ""
        _LOG.warning("%s (%s, number %d)%s", reason, step.value, number, waits)
        self._was_well = False
        self.status = f"{reason}: {step.value}"
        await asyncio.sleep(wait_s)
        self._ladder.done(step, time.monotonic())
        return step

    def _begin(self, browser: Browser) -> None:
        now = time.monotonic()
        self._was_well = False
        self._loading_since = now
        self._crashes = browser.crashes
        self._misses = 0
        self._unpainted = 0
        self._compositor_misses = 0
        self._weight = Weight(self._memory_mb, now)
        if self._obeyed is not None:  # what was ordered meanwhile is done: this one is new
            restarts = self._followed.word.browser_restarts
            self._obeyed = msgspec.structs.replace(self._obeyed, browser_restarts=restarts)

    def _order(self) -> Step | None:
        """A counter that grew is an order; one that fell belongs to a daemon that started anew.
        What was ordered before the first word that we heard is done: all is new."""
        if not self._followed.has_heard:
            return None
        before, word = self._obeyed or self._followed.word, self._followed.word
        self._obeyed = word
        if word.compositor_restarts > before.compositor_restarts:
            return Step.COMPOSITOR
        if word.browser_restarts > before.browser_restarts:
            return Step.BROWSER
        return None

    async def _heal(self, browser: Browser, step: Step) -> None:
        if step is Step.PAGE:
            await browser.show(self.choose_url())
        elif step is Step.RENDERER:
            await browser.renew(self.choose_url())
            self._crashes = browser.crashes
        else:
            await browser.end_processes("GPU")

    async def _trouble(
        self, browser: Browser, compositor_answers: Answers | None
    ) -> Trouble | None:
        if compositor_answers is not None and not await self._compositor(compositor_answers):
            return Trouble.COMPOSITOR_SILENT
        if browser.crashes > self._crashes:
            self._crashes = browser.crashes
            return Trouble.CRASHED
        try:
            sight = await look(browser, is_dark=self._is_dark, within_s=_ANSWER_S)
        except TimeoutError:
            return await self._silence(browser)
        except KioskError:
            sight = Sight()  # between two pages
        self._misses = 0
        return await self._judge(browser, sight)

    @property
    def _is_dark(self) -> bool:
        return self.covers_in_black and not self._followed.word.display_on

    async def _compositor(self, answers: Answers) -> bool:
        if await answers():
            self._compositor_misses = 0
        else:
            self._compositor_misses += 1
        return self._compositor_misses <= _MISSES

    async def _silence(self, browser: Browser) -> Trouble | None:
        if browser.crashes > self._crashes:
            return None  # the next look tells
        self._misses += 1
        if self._misses < _MISSES:
            return None
        if await browser.answers(within_s=_ANSWER_S / 2):
            return Trouble.HUNG
        return Trouble.BROWSER_SILENT

    async def _judge(self, browser: Browser, sight: Sight) -> Trouble | None:
        now = time.monotonic()
        loading_s = now - self._loading_since
        is_ours = sight.is_page(self._url)
        if not is_ours:
            if self._followed.is_up and self._shown != self._url:
                await self._show(browser)
            elif self._followed.is_up and loading_s > _LOADING_S:
                _LOG.debug("seen: %s", sight)
                return Trouble.LOST
            elif not self._followed.is_up and not sight.splash and loading_s > _LOADING_S:
                await self._show(browser)  # not Chromium's own words for it
            return None
        if sight.state == "opening" and self._followed.is_up and loading_s > _OPENING_S:
            return Trouble.LOST
        if not self._is_painted(sight):
            return Trouble.UNPAINTED
        if self._weight.is_due(now):
            self._weight.take(await asyncio.to_thread(browser.memory_mb), now)
        is_good = sight.live and self._followed.word.display_on
        if self._weight.is_too_much(now, is_picture_good=is_good):
            self._weight = Weight(self._memory_mb, now)
            return Trouble.HEAVY
        if not self._was_well:
            _LOG.info("the screen shows the page")
        self._was_well = True
        self.status = f"the screen shows the page ({sight.state})"
        self._ladder.all_is_well(now)
        return None

    def _is_painted(self, sight: Sight) -> bool:
        """A screen that is off or unplugged paints nothing, and nobody misses it."""
        is_due = self._followed.word.display_on and is_any_screen_there()
        self._unpainted = 0 if sight.painted or not is_due else self._unpainted + 1
        return self._unpainted < _UNPAINTED_LOOKS

    async def _show(self, browser: Browser) -> None:
        with contextlib.suppress(TimeoutError, KioskError):  # the next look tells
            await browser.show(self.choose_url())
        self._loading_since = time.monotonic()

"""`POST /api/v1/screen`: the kiosk page's report, once a second, and the order that answers it.

Several pages may report, for people open the kiosk page in a browser too, but one is the screen:
the newest that `portal kiosk` loaded (`/kiosk/?screen`), else the first that came, until it is
silent.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable

import msgspec
from aiohttp import web

from portal.model import PageOrder, ScreenReport, ScreenStatus
from portal.peers.untrusted import cleaned
from portal.state import StateBoard
from portal.web.faults import RequestError
from portal.web.wishes import read_wish
from portal.words import HealStep, ScreenState

log = logging.getLogger(__name__)

# Four reports are missing: the page hangs, or is gone.
SILENT_AFTER_S = 4.0
# A picture that decodes but stands still that long is not live. The page counts from where it is
# sure of it, which takes it 1 to 3 s (kiosk/motion.js).
STILL_AFTER_S = 2.0
# A report is 700 bytes; two reasons of 500 characters fit in.
MAX_BYTES = 8 * 1024

CLOSED = "closed"  # the last word of a page that goes away
_EXAMPLE = '{"page": "a1", "state": "live", "uptime_s": 1}'


class OrderForPage(msgspec.Struct, frozen=True):
    """What the page that reported is to do: a step, or nothing."""

    order: str = ""


def state_of(report: ScreenReport) -> ScreenState:
    """Connected is not live: that takes decoded frames that move."""
    is_still = report.moved_s is not None and report.moved_s >= STILL_AFTER_S
    if report.state == "live" and report.fps > 0 and not is_still:
        return ScreenState.LIVE
    return ScreenState.CONNECTED if report.transport else ScreenState.WAITING


class ScreenIntake:
    """The only writer of `screen`. Orders come from `page_order`, each is given once."""

    def __init__(self, state: StateBoard, *, clock: Callable[[], float] = time.time) -> None:
        self._state = state
        self._clock = clock
        self._silence: asyncio.TimerHandle | None = None
        self._done = 0  # number of the last order that the page was given, or found
        self.reports = 0
        self.steps: Counter[HealStep] = Counter()  # that pages took by themselves

    def take(self, report: ScreenReport) -> HealStep | None:
        """The order for this page."""
        screen = self._state.snapshot.screen
        known = screen.report
        is_new = known is None or known.page != report.page
        # A page that was loaded anew on the screen replaces the old one; a second tab waits.
        if known is not None and is_new and not report.screen:
            return None
        if report.state == CLOSED:
            if not is_new:
                self._forget("its page was closed")
            return None
        self.reports += 1
        self._count_steps(None if is_new else known, report)
        now, state = self._clock(), state_of(report)
        if state is not screen.state:
            log.info("screen: %s", _in_words(state, report))
        since = now if state is not screen.state else screen.since
        self._state.update(
            screen=ScreenStatus(state=state, report=report, seen_at=now, since=since)
        )
        self._expect_next()
        return self._order(is_new=is_new)

    def _order(self, *, is_new: bool) -> HealStep | None:
        order: PageOrder | None = self._state.snapshot.page_order
        number = order.number if order else 0
        # What was ordered of an earlier page is done by loading this one; a daemon's first order
        # reaches the page that was there before it.
        wanted = order.step if order and number > self._done and not is_new else None
        self._done = number
        return wanted

    def _count_steps(self, known: ScreenReport | None, report: ScreenReport) -> None:
        """Since the page's last report; of a page that is new here, nothing is known to be new."""
        if known is None:
            return
        before = {heal.step: heal.count for heal in known.steps}
        for heal in report.steps:
            more = heal.count - before.get(heal.step, 0)
            if more > 0:
                self.steps[heal.step] += more
                log.info("screen: the page took the step %s: %s", heal.step, _shown(heal.reason))

    def _expect_next(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
        loop = asyncio.get_running_loop()
        self._silence = loop.call_later(SILENT_AFTER_S, self._forget, "its page reports no more")

    def _forget(self, why: str) -> None:
        """A tab that somebody closed is no fault; the screen's own page should be there."""
        screen = self._state.snapshot.screen
        if self._silence is not None:
            self._silence.cancel()
        if screen.report is None:
            return
        log.info("screen: %s", why)
        absent = ScreenStatus()
        if screen.report.screen:
            absent = ScreenStatus(seen_at=screen.seen_at, since=self._clock())
        self._state.update(screen=absent)

    async def close(self, _app: web.Application | None = None) -> None:
        """An `on_cleanup` hook."""
        if self._silence is not None:
            self._silence.cancel()


def _in_words(state: ScreenState, report: ScreenReport) -> str:
    match state:
        case ScreenState.LIVE:
            return f"live, {report.width}x{report.height} by {report.transport or 'WebRTC'}"
        case ScreenState.CONNECTED:
            still = f"the picture stands still for {report.moved_s or 0:.0f} s"
            why = _shown(report.reason) or (still if report.fps > 0 else "no frame is decoded")
            return f"connected, but not live: {why}"
        case _:
            return f"no picture: {_shown(report.reason) or report.state}"


def _shown(text: str) -> str:
    return cleaned(text, 200)


def add_screen_route(app: web.Application, intake: ScreenIntake) -> None:
    async def post_screen(request: web.Request) -> web.Response:
        if (request.content_length or 0) > MAX_BYTES:
            raise RequestError(
                413,
                f"a report of {request.content_length} bytes",
                remedy=f"at most {MAX_BYTES} bytes",
            )
        report = await read_wish(request, ScreenReport, _EXAMPLE)
        answer = OrderForPage(intake.take(report) or "")
        return web.Response(body=msgspec.json.encode(answer), content_type="application/json")

    app.on_cleanup.append(intake.close)
    app.router.add_post("/api/v1/screen", post_screen)

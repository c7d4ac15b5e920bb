"""The page's steps of the healing ladder: what it decides, and that the other transport helps."""

from __future__ import annotations

import itertools
from typing import Any

from playwright.async_api import Browser, Page

from portal.words import HealStep, ScreenState
from tests.e2e.kiosk_box import kiosk_box, media_server, open_page
from tests.e2e.test_kiosk_truth import until, until_screen
from tests.fakes.udp_relay import Network, UdpRelay
from tests.integration.streams import MOVING, publishing

# Runs `STORY` with the real module: `at(s)` sets the clock, `tries()` makes an attempt that is
# answered and brings nothing, and says how it was made.
TELL = """async () => {
    const {PageLadder} = await import('/kiosk/ladder.js');
    const start = 1e12;
    let now = start, memory = null;
    const begin = () => new PageLadder(memory, (newest) => { memory = newest; });
    let ladder = begin();
    const at = (s) => { now = start + s * 1000; };
    const tries = (wasAnswered = true) => {
        const {transport} = ladder.next(now);
        ladder.failed('no picture came', wasAnswered, now);
        return transport;
    };
    const counts = () => Object.fromEntries(ladder.heals.map((heal) => [heal.step, heal.count]));
    STORY
}"""


async def tell(page: Page, story: str) -> Any:
    return await page.evaluate(TELL.replace("STORY", story))


async def test_each_step_has_its_turn_its_limit_and_its_reason(
    loopback: str, browser: Browser
) -> None:
    async with kiosk_box(loopback) as box:
        page = await open_page(browser, box)

        turns = "return [tries(), tries(), tries(), tries(), counts(), ladder.heals[0].reason];"
        assert await tell(page, turns) == [
            "any",
            "tcp",
            "any",
            "tcp",
            {"transport": 3},
            "no picture came",
        ]

        refused = "return [tries(false), tries(false), tries(false), counts()];"
        assert await tell(page, refused) == ["any", "any", "any", {}], "nobody there: wait"

        learned = """
            tries(); const second = ladder.next(now).transport; ladder.moving(second, now);
            at(60); ladder.stalled('no frame came', now); const later = ladder.next(now).transport;
            ladder.moving(later, now);
            at(700); ladder.stalled('no frame came', now);
            return [second, later, ladder.next(now).transport];"""
        assert await tell(page, learned) == ["tcp", "tcp", "any"], "what worked is asked first"

        stall = """
            ladder.next(now); ladder.moving('any', now);
            ladder.stalled('no frame came for a second', now); ladder.next(now);
            return counts();"""
        assert await tell(page, stall) == {"session": 1}

        reloads = """
            const done = [];
            const look = (s) => { at(s); if (ladder.wantsReload(now)) {
                ladder.reloading('no picture', now); done.push(s); ladder = begin(); } };
            for (let s = 0; s < 7200; s += 10) { tries(); look(s); }
            return [done, counts().reload];"""
        done, count = await tell(page, reloads)
        assert done[0] == 40
        assert [b - a for a, b in itertools.pairwise(done)][:3] == [600, 1200, 2400]
        assert count == len(done)

        no_reload = """
            const wanted = [];
            for (let s = 0; s < 600; s += 10) {
                at(s); tries(false); wanted.push(ladder.wantsReload(now)); }
            ladder.rest(); ladder.moving('any', now); wanted.push(ladder.wantsReload(now));
            return wanted.includes(true);"""
        assert await tell(page, no_reload) is False, "no reload brings a box back that is off"

        still = """
            const asked = [];
            ladder.moving('any', now);
            for (let s = 0; s < 7200; s += 1) {
                at(s);
                if (ladder.wantsSession(s * 1000, now)) { ladder.next(now); asked.push(s); } }
            return asked;"""
        assert await tell(page, still) == [2, 302, 902, 2102, 4502], "ever less often"

        a_day = """
            let asked = 0;
            ladder.moving('any', now);
            for (let s = 0; s < 86400; s += 1.01) {
                at(s); if (ladder.wantsSession(s * 1000, now)) { ladder.next(now); asked += 1; } }
            return asked;"""
        assert await tell(page, a_day) <= 5 + 24, "and never more often again"
        await page.close()


# A feed without a picture whose every way was tried, and a daemon that takes requests and hangs.
NO_ANSWER = """async () => {
    const {Truth} = await import('/kiosk/truth.js');
    let asked = 0;
    window.fetch = (address) => address === '.'
        ? new Promise(() => { asked += 1; }) : Promise.reject(new Error('gone'));
    const feed = Object.assign(new EventTarget(), {moving: false, reader: null, renew() {}});
    new Truth(feed, document.createElement('video'),
        () => ({state: 'connecting', reason: '', isDue: true, ageMs: () => null}));
    for (let i = 0; i < 4; i += 1) feed.plan.failed('no picture came', true);
    const now = performance.now.bind(performance);
    performance.now = () => now() + 60_000;
    await new Promise((done) => setTimeout(done, 3500));
    return asked;
}"""


async def test_a_daemon_that_hangs_is_asked_for_the_page_once(
    loopback: str, browser: Browser
) -> None:
    """Six open requests are all that Chromium has for one server."""
    async with kiosk_box(loopback) as box:
        page = await open_page(browser, box)
        assert await page.evaluate(NO_ANSWER) == 1
        await page.close()


async def test_where_udp_is_dropped_the_picture_comes_by_tcp(
    loopback: str, other_loopback: str, browser: Browser
) -> None:
    """No datagram arrives, in a session that began so and in one that worked before."""
    relay = UdpRelay(listen=(other_loopback, 8189), target=(loopback, 8189))
    relay.network = Network(loss=1.0)
    async with (
        media_server(loopback, told=other_loopback),
        publishing(loopback, MOVING),
        relay.open(),
        kiosk_box(loopback) as box,
    ):
        page = await open_page(browser, box)
        await until_screen(box, ScreenState.LIVE)
        assert transport(box.board.snapshot.screen.report) == "tcp"
        relay.network = Network()
        await page.reload()
        await until(box, lambda now: transport(now.screen.report) == "udp")
        await until_screen(box, ScreenState.LIVE)
        relay.network = Network(loss=1.0)
        await until(box, lambda now: transport(now.screen.report) == "tcp", within_s=40)
        await until_screen(box, ScreenState.LIVE)
        await page.close()


async def test_where_only_small_datagrams_pass_the_page_tries_tcp(
    loopback: str, other_loopback: str, browser: Browser
) -> None:
    """ICE and DTLS come through, pictures do not: the session is connected and black."""
    relay = UdpRelay(listen=(other_loopback, 8189), target=(loopback, 8189))
    relay.network = Network(largest=1000)
    async with (
        media_server(loopback, told=other_loopback),
        publishing(loopback, MOVING),
        relay.open(),
        kiosk_box(loopback) as box,
    ):
        page = await open_page(browser, box)
        await until_screen(box, ScreenState.LIVE, within_s=40)
        report = box.board.snapshot.screen.report
        assert report is not None
        assert relay.carried > 0
        assert report.transport == "tcp"
        assert HealStep.TRANSPORT in {heal.step for heal in report.steps}
        await page.close()


def transport(report: Any) -> str:
    return report.transport if report else ""

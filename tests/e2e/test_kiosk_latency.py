"""The kiosk chooses how long frames wait, by what the network does to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Browser, Page

from tests.e2e.kiosk_box import kiosk_box, media_server, open_page, until_state
from tests.fakes.udp_relay import QUIET, Network, UdpRelay
from tests.integration.streams import MOVING, publishing

# Feeds the real module with frames of 30 fps. `NETWORK` maps seconds from the start to how late
# the frame is, in ms; says when the mode changed, and the last target.
CHOOSE = """async ([seconds, policy]) => {
    const {LatencyChooser} = await import('/kiosk/latency.js');
    const chooser = new LatencyChooser();
    chooser.setPolicy(policy);
    const late = (second, frame) => NETWORK;
    const changes = [];
    let mode = chooser.mode;
    for (let frame = 0; frame < seconds * 30; frame++) {
        const sent = frame * 1000 / 30;
        chooser.onFrame(5000 + sent + late(sent / 1000, frame), (frame * 3000) % 2 ** 32);
        if (chooser.mode !== mode) changes.push([Math.round(sent / 1000), mode = chooser.mode]);
    }
    return {changes, mode, target: chooser.targetMs};
}"""


async def choose(page: Page, network: str, seconds: int, policy: str = "auto") -> dict[str, Any]:
    chosen: dict[str, Any] = await page.evaluate(
        CHOOSE.replace("NETWORK", network), [seconds, policy]
    )
    return chosen


async def test_auto_goes_smooth_quickly_and_back_slowly(loopback: str, browser: Browser) -> None:
    async with kiosk_box(loopback) as box:
        page = await open_page(browser, box)

        quiet = await choose(page, "frame % 7", 120)
        assert quiet == {"changes": [], "mode": "lowest", "target": None}

        rough = await choose(page, "second > 20 && second < 40 ? frame * 37 % 60 : 2", 120)
        (smooth_at, smooth), (lowest_at, lowest) = rough["changes"]
        assert (smooth, lowest) == ("smooth", "lowest")
        assert 20 <= smooth_at <= 26
        assert 65 <= lowest_at <= 85

        lossy = await choose(page, "frame % 9 ? 2 : 80", 30)
        assert lossy["mode"] == "smooth"
        assert 80 <= lossy["target"] <= 120, "long enough for a packet sent again"

        stall = await choose(page, "second > 20 && second < 20.4 ? 400 : 2", 60)
        assert stall["changes"] == [], "one stall is no network that needs a buffer"

        relapse = "[25, 75].some(at => second > at && second < at + 10) ? frame % 2 * 90 : 2"
        back = [
            at for at, mode in (await choose(page, relapse, 300))["changes"] if mode == "lowest"
        ]
        assert back[1] - 85 > back[0] - 35 + 20, "longer after each relapse"
        await page.close()


async def test_a_persons_choice_of_latency_wins_over_measurements(
    loopback: str, browser: Browser
) -> None:
    async with kiosk_box(loopback) as box:
        page = await open_page(browser, box)
        assert (await choose(page, "frame % 2 * 90", 30, "lowest"))["target"] is None
        assert (await choose(page, "0", 30, "smooth"))["target"] == 40
        assert (await choose(page, "frame % 2 * 90", 30, "smooth"))["target"] >= 90
        await page.close()


@dataclass(frozen=True, slots=True)
class Buffered:
    """What the jitter buffer did in the last second, by the browser's own figures.

    Of a target of N ms Chromium keeps 10 for the display and about 1 for decoding: measured, 60
    aims at 49, 80 at 69, 120 at 109. `waited_ms` is less by what frames come later than their
    timestamps foretell: 1 ms on a quiet machine, 7 to 11 on a busy one.
    """

    waited_ms: float
    aimed_ms: float


async def buffered(page: Page) -> Buffered:
    figures: list[float] = await page.evaluate(
        """async () => {
            const read = async () => {
                for (const entry of (await window.peer.getStats()).values())
                    if (entry.type === 'inbound-rtp') return entry;
            };
            const before = await read();
            await new Promise((done) => setTimeout(done, 1000));
            const after = await read();
            const mean = (name) => 1000 * (after[name] - before[name]) /
                (after.jitterBufferEmittedCount - before.jitterBufferEmittedCount);
            return [mean('jitterBufferDelay'), mean('jitterBufferTargetDelay')];
        }"""
    )
    return Buffered(*figures)


async def until_buffered(page: Page, is_right: Callable[[Buffered], bool]) -> None:
    async with asyncio.timeout(30):
        while not is_right(await buffered(page)):
            pass


async def test_frames_wait_in_a_buffer_only_where_the_network_is_rough(
    loopback: str, other_loopback: str, browser: Browser
) -> None:
    """The real chain through a relay: Chromium's buffer comes back at run time."""
    relay = UdpRelay(listen=(other_loopback, 8189), target=(loopback, 8189))
    async with (
        media_server(loopback, told=other_loopback),
        publishing(loopback, MOVING),
        relay.open(),
        kiosk_box(loopback) as box,
    ):
        page = await browser.new_page(viewport={"width": 640, "height": 360})
        await page.add_init_script(
            """window.RTCPeerConnection = class extends RTCPeerConnection {
                constructor(...args) { super(...args); (window.peers ??= []).push(this); }
            };
            // A session that was tried beside a stalled one may be the one that was given up.
            Object.defineProperty(window, 'peer', {
                get: () => window.peers.findLast((peer) => peer.connectionState === 'connected'),
            });"""
        )
        box.change_site(latency="lowest")
        await page.goto(box.url, wait_until="commit")
        await until_state(page, "live", within_s=20)
        assert relay.carried > 0, "the media runs through the relay"
        await until_buffered(page, lambda it: it.waited_ms < 12)
        box.change_site(latency="smooth")
        await until_buffered(page, lambda it: it.aimed_ms > 27 and it.waited_ms > 12)
        box.change_site(latency="lowest")
        await until_buffered(page, lambda it: it.waited_ms < 12)

        box.change_site(latency="auto")
        relay.network = Network(delay_s=0.02, jitter_s=0.12)
        await page.wait_for_selector(":root[data-latency=smooth]", timeout=20_000)
        relay.network = QUIET
        await until_buffered(page, lambda it: it.waited_ms > 60)
        await page.close()

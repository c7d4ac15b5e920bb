"""What the screen says in each state. The link's words are set by the test: a real one cannot be
made to say them all in a moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from portal.model import Fault, LinkStatus, MediaServerStatus, Peer
from portal.words import CameraState, LinkState, MediaServerState
from tests.e2e.kiosk_box import (
    DESKTOP,
    PHONE,
    KioskBox,
    kiosk_box,
    media_server,
    open_page,
    until_state,
)
from tests.integration.streams import MOVING, publishing

NOBODY = LinkStatus()
DOWN = MediaServerStatus(state=MediaServerState.DOWN, detail="It ended with code 1")

# state, link, remote camera, headline
STATES = [
    ("searching", LinkState.SEARCHING, None, "Looking for the other site"),
    ("connecting", LinkState.CONNECTING, None, "Connecting to New York"),
    ("unplugged", LinkState.UP, CameraState.ABSENT, "The camera in New York is unplugged"),
    ("starting", LinkState.UP, CameraState.STARTING, "The camera in New York is starting"),
    ("paused", LinkState.UP, CameraState.PAUSED, "New York is paused"),
    ("remote-fault", LinkState.UP, CameraState.FAULT, "The camera in New York has a problem"),
]


@pytest_asyncio.fixture
async def box(loopback: str) -> AsyncIterator[KioskBox]:
    """A box whose peer has no media server: there is nothing to see."""
    async with kiosk_box(loopback) as opened:
        yield opened


async def headline(page: Page) -> str:
    return (await page.inner_text("#headline")).replace("\u00a0", " ")


async def test_each_state_says_in_large_words_what_is_so(box: KioskBox, browser: Browser) -> None:
    page = await open_page(browser, box, size=DESKTOP)
    for state, link, camera, words in STATES:
        box.say(link, camera)
        await until_state(page, state)
        assert await headline(page) == words
        size = await page.evaluate("parseFloat(getComputedStyle(headline).fontSize)")
        assert size >= 80, "not readable from five metres"


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_no_words_leave_the_screen(
    size: tuple[int, int], box: KioskBox, browser: Browser
) -> None:
    """Not even those of a peer that calls itself by the longest name allowed."""
    page = await open_page(browser, box, size=size)
    box.board.update(
        faults=(Fault(key="x", message="long " * 30, remedy="word" * 30),),
        link=LinkStatus(
            state=LinkState.CONNECTING, peer=Peer(name="w", title="W" * 64, address="192.0.2.1")
        ),
    )
    await until_state(page, "fault")
    await within_screen(page)
    box.board.update(faults=())
    await until_state(page, "connecting")
    await within_screen(page)


async def within_screen(page: Page) -> None:
    outside: list[Any] = await page.evaluate(
        """() => ['headline', 'detail', 'here', 'notice', 'sign'].filter((id) => {
            const box = document.getElementById(id).getBoundingClientRect();
            return box.width && (box.left < 0 || box.top < 0 ||
                box.right > innerWidth || box.bottom > innerHeight);
        })"""
    )
    assert outside == []


async def test_a_fault_of_this_box_is_shown_with_its_remedy(
    box: KioskBox, browser: Browser
) -> None:
    page = await open_page(browser, box)
    box.board.update(
        link=NOBODY,
        faults=(Fault(key="udev", message="Cameras cannot be watched", remedy="Start udev"),),
    )
    await until_state(page, "fault")
    assert await page.inner_text("#detail") == "Cameras cannot be watched. Start udev."
    box.board.update(faults=(), media_server=DOWN)
    await expect(page.locator("#headline")).to_have_text("This box cannot send its own picture")
    box.board.update(media_server=MediaServerStatus(state=MediaServerState.READY))
    await until_state(page, "searching")


async def test_a_card_is_told_to_screen_readers_and_markup_in_names_stays_text(
    box: KioskBox, browser: Browser
) -> None:
    page = await open_page(browser, box)
    peer = Peer(name="x", title="<img src=x onerror=alert(1)>", address="192.0.2.1")
    box.board.update(link=LinkStatus(state=LinkState.CONNECTING, peer=peer))
    await expect(page.get_by_role("status").first).to_contain_text("<img")
    assert await page.locator("#words img").count() == 0


async def test_motion_is_left_out_for_whoever_asks_for_that(
    box: KioskBox, browser: Browser
) -> None:
    page = await open_page(browser, box)
    box.board.update(link=NOBODY)
    await until_state(page, "searching")
    running = "document.getAnimations().filter(a => a instanceof CSSAnimation).length"
    assert await page.evaluate(running) > 0
    await page.emulate_media(reduced_motion="reduce")
    assert await page.evaluate(running) == 0


async def test_nothing_of_a_browser_shows(box: KioskBox, browser: Browser) -> None:
    page = await open_page(browser, box)
    await until_state(page, "connecting")
    found = await page.evaluate(
        """async () => {
            await document.fonts.ready;
            const style = getComputedStyle(document.querySelector('#headline'));
            const menu = new MouseEvent('contextmenu', {cancelable: true, bubbles: true});
            return {
                cursor: style.cursor,
                selection: style.userSelect,
                menu: document.body.dispatchEvent(menu),
                scrolls: document.documentElement.scrollHeight > innerHeight,
                font: document.fonts.check('16px Inter'),
            };
        }"""
    )
    assert found == {
        "cursor": "none",
        "selection": "none",
        "menu": False,
        "scrolls": False,
        "font": True,
    }


async def test_a_daemon_that_is_gone_is_said_when_there_is_no_picture(
    loopback: str, browser: Browser
) -> None:
    async with kiosk_box(loopback) as box:
        page = await open_page(browser, box)
        await until_state(page, "connecting")
    await until_state(page, "fault")
    assert "restarting" in await headline(page)
    async with kiosk_box(loopback) as again:
        again.board.update(link=NOBODY)
        await until_state(page, "searching")
        await page.close()


async def test_a_picture_that_moves_is_covered_only_if_the_other_site_asks_for_it(
    loopback: str, browser: Browser
) -> None:
    async with media_server(loopback), publishing(loopback, MOVING):
        async with kiosk_box(loopback) as box:
            page = await open_page(browser, box)
            await until_state(page, "live")
            for link in (LinkState.CONNECTING, LinkState.LOST, LinkState.SEARCHING):
                box.say(link)
                await stays_live(page)
            box.board.update(faults=(Fault(key="x", message="The disk is full"),))
            await expect(page.locator("#notice")).to_have_text("The disk is full.")
            await stays_live(page)
            box.say(LinkState.UP, CameraState.PAUSED)
            await until_state(page, "paused")
            box.board.update(faults=())
            box.say(LinkState.UP, CameraState.LIVE)
            await until_state(page, "live")
        # The daemon is gone; the picture does not need it.
        await expect(page.locator("#notice")).to_contain_text("restarting", timeout=10_000)
        await stays_live(page)
        async with kiosk_box(loopback):
            await expect(page.locator("#notice")).to_be_empty(timeout=10_000)
            await stays_live(page)
            await page.close()


async def stays_live(page: Page) -> None:
    """For half a second without a break. A busy machine may show no frame for a moment."""
    looks = 0
    async with asyncio.timeout(15):
        while looks < 12:
            state = await page.evaluate("document.documentElement.dataset.state")
            looks = looks + 1 if state == "live" else 0
            await asyncio.sleep(0.05)

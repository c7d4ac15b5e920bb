"""The first page in a real browser: it says what is so, as it changes, to anybody who looks."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, expect

from portal.model import (
    Camera,
    CameraStatus,
    Heal,
    LinkStatus,
    MediaServerStatus,
    Peer,
    RemoteSite,
    ScreenStatus,
    SiteStatus,
    Snapshot,
)
from portal.state import StateBoard
from portal.web.app import make_local_app, make_public_app
from portal.words import (
    CameraState,
    HealStep,
    LinkState,
    MediaServerState,
    MicrophoneState,
    ScreenState,
)
from tests.integration.streams import MOVING, publishing
from tests.integration.web_server import (
    board_of,
    config_at,
    media_server,
    served,
    until_ready,
    until_sessions,
)

C920 = Camera(id="046d:082d", name="C920", source="usb", device="/dev/video0")
NEW_YORK = Peer(name="new-york", title="New York", address="192.0.2.7", version="0.1")
LIVE = CameraStatus(state=CameraState.LIVE, camera=C920)


def remote(camera: CameraState) -> RemoteSite:
    return RemoteSite(name="new-york", title="New York", version="0.1", camera=camera)


def up(camera: CameraState = CameraState.LIVE) -> LinkStatus:
    return LinkStatus(state=LinkState.UP, peer=NEW_YORK, remote=remote(camera), rtt_s=0.012)


HEADLINES = [
    (LIVE, up(), "The camera C920 is on. New York sees you, and you see New York."),
    (
        LIVE,
        up(CameraState.ABSENT),
        "The camera C920 is on. New York sees you, but has no camera plugged in.",
    ),
    (
        LIVE,
        up(CameraState.PAUSED),
        "The camera C920 is on. New York sees you, but has paused its own camera.",
    ),
    (CameraStatus(), LinkStatus(), "No camera is plugged in here. Looking for the other site."),
    (CameraStatus(), up(), "No camera is plugged in here. You see New York."),
    (
        CameraStatus(state=CameraState.PAUSED, camera=C920),
        up(),
        "The camera C920 is paused. You see New York.",
    ),
    (
        CameraStatus(state=CameraState.FAULT, camera=C920, detail="busy"),
        LinkStatus(state=LinkState.LOST, peer=NEW_YORK),
        "The camera C920 cannot be used. New York does not answer.",
    ),
    (
        CameraStatus(state=CameraState.STARTING, camera=C920),
        LinkStatus(state=LinkState.CONNECTING, peer=NEW_YORK),
        "The camera C920 is starting. Connecting to New York.",
    ),
]


class OpenPage:
    """The page of a box under test, and what went wrong in it."""

    def __init__(self, page: Page, state: StateBoard, base: str) -> None:
        self.page = page
        self.state = state
        self.base = base
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    def _on_console(self, message: ConsoleMessage) -> None:
        # A refused offer shows up by itself: a page without a media server has those.
        if "/whep/" not in message.location["url"]:
            self.complaints.append(f"{message.type} {message.text}")

    def card(self, key: str) -> Any:
        return self.page.locator(f'.card[data-key="{key}"]')


@asynccontextmanager
async def page_of(
    browser: Browser,
    address: str,
    *,
    public: bool = False,
    state: StateBoard | None = None,
    **look: Any,
) -> AsyncIterator[OpenPage]:
    config = config_at(address)
    board = state or board_of(config)
    app = make_public_app(config, board) if public else make_local_app(config, board)
    async with served(app, address, 8443 if public else 8080) as base:
        context = await browser.new_context(**look)
        try:
            opened = OpenPage(await context.new_page(), board, base)
            await opened.page.goto(base)
            yield opened
        finally:
            await context.close()


@pytest.mark.parametrize("public", [False, True], ids=["local", "public"])
async def test_the_page_says_in_words_what_changes(
    browser: Browser, loopback: str, public: bool
) -> None:
    async with page_of(browser, loopback, public=public) as opened:
        headline = opened.page.locator("#headline")
        await expect(opened.page.locator("h1")).to_have_text("Dublin")
        for camera, link, words in HEADLINES:
            opened.state.update(camera=camera, link=link)
            await expect(headline).to_have_text(words)
        opened.state.update(
            media_server=MediaServerStatus(
                state=MediaServerState.READY, version="v1.12.1", pid=7, generation=3, since=1.0
            ),
            link=up(),
        )
        await expect(opened.card("server")).to_contain_text("MediaMTX v1.12.1")
        await expect(opened.card("server")).to_contain_text("Started anew 2 times")
        await expect(opened.card("other")).to_contain_text("12 ms there and back")
        await expect(opened.card("box")).to_contain_text("Portal 0.0-test")
        opened.state.raise_fault("disk", "the disk is full", remedy="delete old logs")
        await expect(opened.page.locator("#faults")).to_contain_text("the disk is full")
        await expect(opened.page.locator("#faults")).to_contain_text("delete old logs")
        opened.state.clear_fault("disk")
        await expect(opened.page.locator("#faults")).to_be_hidden()
        assert opened.complaints == []
        assert all(url.startswith(opened.base) for url in opened.requests), opened.requests


async def test_what_a_stranger_calls_itself_stays_text(browser: Browser, loopback: str) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    stranger = Peer(
        name=hostile, title=hostile, address="x/@javascript:alert(1)//", version=hostile
    )
    site = RemoteSite(
        name=hostile,
        title=hostile,
        version=hostile,
        camera=CameraState.FAULT,
        camera_name=hostile,
        detail=hostile,
    )
    async with page_of(browser, loopback) as opened:
        link = LinkStatus(
            state=LinkState.UP, peer=stranger, remote=site, others=(stranger,), detail=hostile
        )
        opened.state.update(link=link)
        await expect(opened.card("other")).to_contain_text(hostile)
        assert await opened.page.locator("img").count() == 0
        for href in await opened.page.locator("a").evaluate_all("all => all.map(a => a.href)"):
            assert href == "" or href.startswith("http://"), href
        assert opened.complaints == []


async def test_both_pictures_move_while_the_page_is_looked_at(
    browser: Browser, loopback: str, other_loopback: str
) -> None:
    async with (
        media_server(loopback) as here,
        media_server(other_loopback) as there,
        publishing(loopback, MOVING),
        publishing(other_loopback, MOVING),
        page_of(browser, loopback) as opened,
    ):
        await until_ready(here)
        await until_ready(there)
        peer = msgspec.structs.replace(NEW_YORK, address=other_loopback)
        opened.state.update(camera=LIVE, link=msgspec.structs.replace(up(), peer=peer))
        for figure in ("own", "other"):
            await expect(opened.page.locator(f"#{figure} .frame.moving")).to_be_visible(
                timeout=20_000
            )
        await opened.page.wait_for_function(
            "[...document.querySelectorAll('video')].map(v => v.videoWidth).join() === '640,640'"
        )
        # The other site's camera is pulled out: its picture gives way to words, ours stays.
        opened.state.update(
            link=msgspec.structs.replace(up(CameraState.ABSENT), peer=peer),
        )
        await expect(opened.page.locator("#other .veil")).to_have_text(
            "No camera is plugged in at New York"
        )
        await until_sessions(there, 0)
        await until_sessions(here, 1)
        # Nobody looks any more.
        await opened.page.goto("about:blank")
        await until_sessions(here, 0)
        assert opened.complaints == []


async def test_the_camera_is_paused_and_shown_again_by_keyboard(
    browser: Browser, loopback: str
) -> None:
    async with page_of(browser, loopback) as opened:
        opened.state.update(camera=LIVE, link=up())
        button = opened.page.locator("#pause")
        await expect(button).to_have_text("Pause my camera")
        for _ in range(10):
            await opened.page.keyboard.press("Tab")
            if await button.evaluate("button => button === document.activeElement"):
                break
        await opened.page.keyboard.press("Enter")
        await expect(button).to_have_text("Show me again")
        assert opened.state.snapshot.paused is True
        await expect(opened.page.locator("#own .veil")).to_have_text(
            "Paused: nobody sees this site"
        )
        await opened.page.keyboard.press("Space")
        await expect(button).to_have_text("Pause my camera")
        assert opened.state.snapshot.paused is False


async def test_the_page_mutes_and_darkens_where_there_is_something_to_do_so_with(
    browser: Browser, loopback: str
) -> None:
    async with page_of(browser, loopback) as opened:
        mute, display = opened.page.locator("#mute"), opened.page.locator("#display")
        await expect(opened.page.locator("#pause")).to_be_visible()
        await expect(mute).to_be_hidden()
        await expect(display).to_be_hidden()
        opened.state.update(
            microphone=MicrophoneState.ON,
            screen=ScreenStatus(state=ScreenState.LIVE, seen_at=time.time()),
        )
        await mute.click()
        await expect(mute).to_have_text("Let me be heard")
        assert opened.state.snapshot.muted
        await display.click()
        await expect(display).to_have_text("Switch the screen on")
        assert not opened.state.snapshot.display_on
        await display.click()
        await expect(display).to_have_text("Switch the screen off")
        assert opened.complaints == []


async def test_the_page_says_what_the_camera_delivers_and_what_it_lacks(
    browser: Browser, loopback: str
) -> None:
    lacks = "60 fps is wanted, the camera has 30"
    async with page_of(browser, loopback) as opened:
        told = {"delivers": "MJPG 1280x720, 30 fps", "encoder": "libx264", "note": lacks}
        opened.state.update(camera=msgspec.structs.replace(LIVE, **told))
        card = opened.card("camera")
        await expect(card).to_contain_text("MJPG 1280x720, 30 fps, encoded by libx264")
        await expect(card).to_contain_text(lacks)
        opened.state.update(camera=msgspec.structs.replace(LIVE, **told | {"encoder": "copy"}))
        await expect(card).to_contain_text("sent as the camera encodes it")


async def test_the_page_says_until_when_quiet_hours_hide_the_camera(
    browser: Browser, loopback: str
) -> None:
    async with page_of(browser, loopback, timezone_id="Europe/Dublin") as opened:
        seven = datetime(2026, 11, 21, 7, tzinfo=UTC).timestamp()
        paused = CameraStatus(state=CameraState.PAUSED, camera=LIVE.camera)
        opened.state.update(camera=paused, paused=True, quiet_until=seven)
        await expect(opened.page.locator("#own .veil")).to_contain_text(
            "in quiet hours until 07:00"
        )
        await expect(opened.card("camera")).to_contain_text("it is shown again at 07:00")


async def test_the_page_tells_what_was_done_to_get_the_picture_back(
    browser: Browser, loopback: str
) -> None:
    async with page_of(browser, loopback) as opened:
        opened.state.update(link=up())
        await expect(opened.card("healing")).to_contain_text("Nothing had to be done")
        reason = "the same picture for 2 s at 30 frames a second"
        heal = Heal(step=HealStep.PEER_PUBLISHER, count=2, reason=reason, at=time.time() - 120)
        opened.state.update(heals=(heal,))
        await expect(opened.card("healing")).to_contain_text("Helped 2 times")
        await expect(opened.card("healing")).to_contain_text(
            f"New York was asked to start its camera again, 2 times, last 2 minutes ago: {reason}"
        )


async def test_the_public_page_offers_nothing_that_it_may_not_do(
    browser: Browser, loopback: str
) -> None:
    async with page_of(browser, loopback, public=True) as opened:
        await expect(opened.card("box")).to_be_visible()
        assert await opened.page.locator("button, video").count() == 0
        await expect(opened.page.locator("#own .player")).to_have_attribute(
            "href", f"http://{loopback}:8889/cam/"
        )


async def test_the_page_says_when_its_box_is_gone_and_comes_back_with_it(
    browser: Browser, loopback: str
) -> None:
    config = config_at(loopback)
    state = board_of(config)
    context = await browser.new_context()
    page = await context.new_page()
    async with served(make_public_app(config, state), loopback) as base:
        await page.goto(base)
        await expect(page.locator("#headline")).to_contain_text("Looking for the other site.")
        await expect(page.locator("#offline")).to_be_hidden()
    await expect(page.locator("#offline")).to_be_visible()
    state.update(camera=LIVE)
    async with served(make_public_app(config, state), loopback):
        await expect(page.locator("#headline")).to_contain_text("C920", timeout=10_000)
        await expect(page.locator("#offline")).to_be_hidden()
        await context.close()


async def test_a_page_of_the_old_version_loads_itself_anew(browser: Browser, loopback: str) -> None:
    async with page_of(browser, loopback) as opened:
        await expect(opened.page.locator(".who")).to_contain_text("version 0.0-test")
        updated = msgspec.structs.replace(opened.state.snapshot.site, version="0.1")
        opened.state.update(site=updated)
        await expect(opened.page.locator(".who")).to_contain_text("version 0.1")


async def test_the_page_fits_any_screen_without_sideways_scrolling(
    browser: Browser, loopback: str
) -> None:
    long = "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch"
    site = SiteStatus(name="dublin", title=long, version="0.1", started_at=time.time())
    camera = msgspec.structs.replace(LIVE, camera=msgspec.structs.replace(C920, name=long))
    link = msgspec.structs.replace(up(), peer=msgspec.structs.replace(NEW_YORK, title=long))
    state = StateBoard(Snapshot(site=site, camera=camera, link=link, cameras=(C920,)))
    for public in (False, True):
        async with page_of(browser, loopback, public=public, state=state) as opened:
            await expect(opened.card("box")).to_be_visible()
            for width in (320, 360, 768, 1280):
                await opened.page.set_viewport_size({"width": width, "height": 700})
                wide = await opened.page.evaluate("document.documentElement.scrollWidth")
                assert wide <= width


async def test_all_text_stands_out_from_its_ground_by_day_and_by_night(
    browser: Browser, loopback: str
) -> None:
    """WCAG 2 AA: 4.5 to 1 for text of this size."""
    for scheme in ("light", "dark"):
        async with page_of(browser, loopback, color_scheme=scheme) as opened:
            opened.state.raise_fault("disk", "the disk is full", remedy="delete old logs")
            await expect(opened.page.locator("#faults")).to_contain_text("the disk is full")
            assert await opened.page.evaluate(CONTRAST) >= 4.5


# The worst contrast between a text and the nearest background behind it.
CONTRAST = """() => {
  const parse = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = parse(color).map((v) => {
      const s = v / 255;
      return s <= 0.03928 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    const color = getComputedStyle(element).backgroundColor;
    const seen = parse(color)[3] !== 0;
    return seen || !element.parentElement ? color : ground(element.parentElement);
  };
  const texts = [...document.querySelectorAll("body *")].filter(
    (e) => e.checkVisibility() && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()));
  return Math.min(...texts.map((element) => {
    const a = light(getComputedStyle(element).color);
    const b = light(ground(element));
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  }));
}"""

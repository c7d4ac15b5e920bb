"""The picture on the screen: real MediaMTX, real ffmpeg, read from what Chromium shows."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import time
from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from portal.words import CameraState, LinkState
from tests.e2e.conftest import thumbnail
from tests.e2e.kiosk_box import (
    KioskBox,
    PeerMedia,
    kiosk_box,
    media_server,
    open_page,
    until_state,
)
from tests.integration.streams import MOVING, publishing

Box = tuple[KioskBox, PeerMedia]


@pytest_asyncio.fixture
async def box(loopback: str) -> AsyncIterator[Box]:
    """A box whose peer's media server runs; nobody publishes yet."""
    async with media_server(loopback) as media, kiosk_box(loopback) as opened:
        yield opened, media


async def until_moving(page: Page, *, within_s: float = 15) -> None:
    """Decoded pixels change."""
    before: list[int] = []
    async with asyncio.timeout(within_s):
        while True:
            now = await thumbnail(page)
            if before and now and now != before:
                return
            before = now
            await asyncio.sleep(0.1)


async def test_the_other_site_moves_with_nothing_in_the_way(
    box: Box, loopback: str, browser: Browser
) -> None:
    async with publishing(loopback, MOVING):
        page = await open_page(browser, box[0])
        await until_state(page, "live", within_s=20)
        await until_moving(page)
        await expect(page.locator("#card")).to_be_hidden()
        await expect(page.locator("#notice")).to_be_hidden()
        # Muted, or no browser would start it by itself.
        assert await page.evaluate("picture.muted && !picture.paused")
        await page.close()


async def test_the_other_sites_title_comes_and_goes(
    box: Box, loopback: str, browser: Browser
) -> None:
    async with publishing(loopback, MOVING):
        page = await open_page(browser, box[0])
        title = page.locator("#title")
        await expect(title).to_have_css("opacity", "1", timeout=20_000)
        await expect(title).to_have_text("New York")
        await expect(title).to_have_css("opacity", "0", timeout=20_000)
        assert await page.evaluate("document.documentElement.dataset.state") == "live"
        await page.close()


@pytest.mark.parametrize(("width", "height"), [(640, 480), (360, 640)])
async def test_a_picture_keeps_its_shape_between_black_bars(
    width: int, height: int, box: Box, loopback: str, browser: Browser
) -> None:
    red = ("-f", "lavfi", "-i", f"color=red:s={width}x{height}:r=30,noise=alls=9:allf=t")
    async with publishing(loopback, red):
        page = await open_page(browser, box[0])
        shown, is_red = await until_red(page)
        await page.close()
    rows, columns = np.flatnonzero(is_red.any(axis=1)), np.flatnonzero(is_red.any(axis=0))
    seen_width, seen_height = columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1
    assert seen_height == pytest.approx(720, abs=3)
    assert seen_width == pytest.approx(720 * width / height, abs=3)
    assert columns[0] == pytest.approx((1280 - seen_width) / 2, abs=3)
    assert shown[:, 5].max() == 0, "the bars are black"


async def until_red(page: Page) -> tuple[np.ndarray, np.ndarray]:
    """A photograph of the page without its title, and where it is red. A picture that stalls, as on
    a busy machine, is awaited."""
    title = page.locator("#title")
    await expect(title).to_have_css("opacity", "1", timeout=20_000)
    async with asyncio.timeout(40):
        while True:
            await expect(title).to_have_css("opacity", "0", timeout=20_000)
            shown = await pixels(page)
            is_red = (shown[..., 0] > 150) & (shown[..., 1] < 100)
            state = await page.evaluate("document.documentElement.dataset.state")
            if state == "live" and is_red.any():
                return shown, is_red


async def pixels(page: Page) -> np.ndarray:
    from PIL import Image  # noqa: PLC0415 - needed here alone, and slow to import

    image = Image.open(io.BytesIO(await page.screenshot())).convert("RGB")
    return np.asarray(image)


LAST_PICTURE = """() => {
    const canvas = document.querySelector('#last-picture');
    const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const colours = new Set();
    for (let i = 0; i < data.length; i += 4)
        colours.add((data[i] >> 5) << 10 | (data[i + 1] >> 5) << 5 | data[i + 2] >> 5);
    return [colours.size, canvas.width, canvas.height];
}"""


async def test_a_picture_that_stands_still_though_connected_is_fetched_again(
    box: Box, loopback: str, browser: Browser
) -> None:
    kiosk, media = box
    async with publishing(loopback, MOVING) as ffmpeg:
        page = await open_page(browser, kiosk)
        await until_state(page, "live", within_s=20)
        await until_moving(page)
        offers = kiosk.requests.count(("POST", "/whep/peer"))
        os.kill(ffmpeg.pid, signal.SIGSTOP)
        try:
            await until_state(page, "connecting")
            await until_state(page, "lost")
            assert kiosk.requests.count(("POST", "/whep/peer")) > offers
            counter = page.locator("#counter")
            await expect(counter).to_have_text("5 s")  # counts from the last frame
            behind = await page.evaluate(
                "getComputedStyle(document.querySelector('#last-picture')).opacity"
            )
            assert behind == "1"
            colours, width, height = await page.evaluate(LAST_PICTURE)
            assert (width, height) == (480, 270)
            assert colours > 20, "of a test picture in many colours"
        finally:
            os.kill(ffmpeg.pid, signal.SIGCONT)
        await until_state(page, "live")
        await until_moving(page)
        await media.until_sessions(1)  # of the old one and the new one, the first to move stays
        await page.close()


TAKEN_AT_THE_END = """async () => {
    const {LastPicture} = await import('/kiosk/last-picture.js');
    const source = document.createElement('canvas');
    [source.width, source.height] = [640, 360];
    const context = source.getContext('2d');
    const video = document.createElement('video');
    video.muted = true;
    video.srcObject = source.captureStream(30);
    const painting = setInterval(() => {
        context.fillStyle = `rgb(200, ${performance.now() % 5}, 0)`;
        context.fillRect(0, 0, 640, 360);
    }, 30);
    await video.play();
    await new Promise((done) => video.requestVideoFrameCallback(done));
    clearInterval(painting);
    const target = document.createElement('canvas');
    const taken = new LastPicture(target).take(video);
    video.srcObject = null;
    await taken;
    const [red, green, blue] = target.getContext('2d').getImageData(240, 135, 1, 1).data;
    return [target.width, target.height, red > 150, green < 50, blue < 50];
}"""


@pytest.mark.parametrize(
    "browser_that",
    ["", "delete window.VideoFrame", "VideoFrame.prototype.copyTo = () => Promise.reject(Error())"],
    ids=["copies frames", "knows no frames", "cannot copy this one"],
)
async def test_the_last_picture_is_kept_though_its_session_ends_at_once(
    browser_that: str, box: Box, browser: Browser
) -> None:
    page = await open_page(browser, box[0], script=browser_that)
    assert await page.evaluate(TAKEN_AT_THE_END) == [480, 270, True, True, True]
    await page.close()


async def test_a_picture_comes_back_when_its_publisher_does(
    box: Box, loopback: str, browser: Browser
) -> None:
    kiosk, _ = box
    async with publishing(loopback, MOVING):
        page = await open_page(browser, kiosk)
        await until_state(page, "live", within_s=20)
    await until_state(page, "connecting")
    async with publishing(loopback, MOVING):
        await until_state(page, "live")
        await until_moving(page)
        await page.close()


async def test_a_camera_plugged_in_there_is_on_the_screen_without_waiting_for_a_retry(
    box: Box, loopback: str, browser: Browser
) -> None:
    kiosk, media = box
    async with publishing(loopback, MOVING):
        page = await open_page(browser, kiosk)
        await until_state(page, "live", within_s=20)
        kiosk.say(LinkState.UP, CameraState.ABSENT)
        await until_state(page, "unplugged")
        await media.until_sessions(0)
        kiosk.requests.clear()
        await asyncio.sleep(2)
        assert kiosk.requests == [], "it asks for what is not there"
        kiosk.say(LinkState.UP, CameraState.LIVE)
        began = time.monotonic()
        await until_state(page, "live")
        await page.close()
    assert time.monotonic() - began < 5, "a session and a keyframe take one"


@pytest.mark.parametrize("leaving", ["navigates", "closes"])
async def test_a_page_that_goes_away_ends_its_session(
    leaving: str, box: Box, loopback: str, browser: Browser
) -> None:
    kiosk, media = box
    async with publishing(loopback, MOVING):
        page = await open_page(browser, kiosk)
        await until_state(page, "live", within_s=20)
        await media.until_sessions(1)
        if leaving == "navigates":
            await page.goto("about:blank")
        else:
            await page.close(run_before_unload=True)
        await media.until_sessions(0)
        assert [method for method, _ in kiosk.requests].count("DELETE") == 1
        if not page.is_closed():
            await page.close()


async def test_keys_show_the_figures_and_this_sites_own_picture(
    box: Box, loopback: str, browser: Browser
) -> None:
    kiosk, media = box
    async with publishing(loopback, MOVING):
        page = await open_page(browser, kiosk)
        await until_state(page, "live", within_s=20)
        await page.keyboard.press("s")
        figures = page.locator("#stats")
        await expect(figures).to_contain_text("640 \u00d7 360", timeout=10_000)
        for figure in ("fps", "Mbit/s", "Picture age", "Jitter buffer", "Decoding", "Round trip"):
            await expect(figures).to_contain_text(figure)
        await expect(figures).to_contain_text("≈")
        await page.keyboard.press("s")
        await expect(figures).to_be_hidden()

        kiosk.change_site(self_view="always")
        own = page.locator("#self")
        await expect(own).to_be_visible()
        await media.until_sessions(2)
        await expect(own).to_have_js_property("videoWidth", 640, timeout=15_000)
        await page.keyboard.press("v")
        await expect(own).to_be_hidden()
        await media.until_sessions(1)
        await page.close()


async def test_a_page_that_goes_away_begins_no_session(
    box: Box, loopback: str, browser: Browser
) -> None:
    kiosk, media = box
    async with publishing(loopback, MOVING):
        page = await open_page(browser, kiosk)
        await until_state(page, "live", within_s=20)
        await until_moving(page)
        offers = kiosk.requests.count(("POST", "/whep/peer"))
        await page.evaluate("window.dispatchEvent(new PageTransitionEvent('pagehide'))")
        await media.until_sessions(0)
        await asyncio.sleep(1)  # for what must not come
        assert kiosk.requests.count(("POST", "/whep/peer")) == offers
        await media.until_sessions(0)
        await page.close()

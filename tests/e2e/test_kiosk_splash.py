"""A new box: its screen says who it is and where people find its own page."""

from __future__ import annotations

import asyncio
import io
from ipaddress import ip_interface

import pytest
import zxingcpp
from PIL import Image
from playwright.async_api import Browser, Page, expect

from portal.config import Config, SiteSection
from portal.model import LinkStatus
from portal.web import splash
from portal.words import CameraState, LinkState
from tests.e2e.kiosk_box import DESKTOP, PHONE, kiosk_box, open_page, until_state

PORTRAIT = (1080, 1920)


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The box is in two networks."""
    found = (ip_interface("192.168.178.43/24"), ip_interface("10.0.0.7/8"))
    monkeypatch.setattr(splash, "site_interfaces", lambda _config: found)
    monkeypatch.setattr(Config, "is_exposed", True)


@pytest.mark.usefixtures("addresses")
@pytest.mark.parametrize("size", [DESKTOP, (1280, 720), PORTRAIT, PHONE])
async def test_a_phone_can_scan_the_way_to_the_box_from_its_screen(
    size: tuple[int, int], loopback: str, browser: Browser
) -> None:
    async with kiosk_box(loopback) as box:
        box.board.update(link=LinkStatus())
        page = await open_page(browser, box, size=size)
        await expect(page.locator("#splash img")).to_be_visible()
        await expect(page.locator("#splash li")).to_have_text(
            ["192.168.178.43:8443", "10.0.0.7:8443"]
        )
        await expect(page.locator("#here")).to_have_text("Dublin")
        await expect(page.locator("#card")).to_have_css("opacity", "1")
        assert await scanned(page) == "http://192.168.178.43:8443/"
        outside = await page.evaluate(
            """() => ['headline', 'detail', 'splash', 'here'].filter((id) => {
                const box = document.getElementById(id).getBoundingClientRect();
                return box.left < 0 || box.top < 0 ||
                    box.right > innerWidth || box.bottom > innerHeight; })"""
        )
        assert outside == []
        await page.close()


async def scanned(page: Page) -> str:
    """The screen's one code, once it is painted."""
    async with asyncio.timeout(15):
        while True:
            shown = Image.open(io.BytesIO(await page.screenshot())).convert("RGB")
            if codes := zxingcpp.read_barcodes(shown):
                (code,) = codes
                return str(code.text)


@pytest.mark.usefixtures("addresses")
async def test_who_has_met_another_site_needs_no_code(loopback: str, browser: Browser) -> None:
    async with kiosk_box(loopback) as box:
        box.board.update(link=LinkStatus())
        page = await open_page(browser, box)
        await expect(page.locator("#splash")).to_be_visible()
        box.say(LinkState.CONNECTING)
        await until_state(page, "connecting")
        await expect(page.locator("#splash")).to_be_visible()
        box.say(LinkState.UP, CameraState.ABSENT)
        await until_state(page, "unplugged")
        await expect(page.locator("#splash")).to_be_hidden()
        box.board.update(link=LinkStatus(), met=True)
        await until_state(page, "searching")
        await expect(page.locator("#splash")).to_be_hidden()
        await page.close()


async def test_a_box_that_nobody_else_can_reach_shows_no_code(
    loopback: str, browser: Browser
) -> None:
    assert splash.own_urls(Config(site=SiteSection(address=loopback))) == ()
    async with kiosk_box(loopback) as box:
        box.board.update(link=LinkStatus())
        page = await open_page(browser, box)
        await until_state(page, "searching")
        async with page.expect_response("**/whereabouts.json"):
            pass
        await expect(page.locator("#splash")).to_be_hidden()
        await page.close()

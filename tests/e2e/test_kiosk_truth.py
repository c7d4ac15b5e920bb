"""What the page tells the daemon about the picture: the truth, from the pixels."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from collections import Counter
from collections.abc import Callable
from math import inf

import aiohttp
import psutil
import pytest
from playwright.async_api import Browser, expect

from portal.model import PageOrder, ScreenReport, Snapshot
from portal.words import CameraState, HealStep, LinkState, ScreenState
from tests.e2e.kiosk_box import KioskBox, kiosk_box, media_server, open_page, until_state
from tests.fakes.freezing_camera import freezing_camera
from tests.integration.streams import MOVING, publishing
from tests.tries import best_of_three

pytestmark = pytest.mark.timeout(180)


async def until(box: KioskBox, holds: Callable[[Snapshot], bool], *, within_s: float = 40) -> None:
    async with asyncio.timeout(within_s):
        await box.board.wait_for(holds)


async def until_screen(box: KioskBox, state: ScreenState, *, within_s: float = 40) -> None:
    await until(box, lambda now: now.screen.state is state, within_s=within_s)


async def test_the_page_reports_each_second_what_it_shows(
    loopback: str, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="portal")
    async with media_server(loopback), publishing(loopback, MOVING), kiosk_box(loopback) as box:
        page = await open_page(browser, box)
        await until_screen(box, ScreenState.LIVE)
        for _ in range(8):  # a busy machine has worse seconds
            first, report = await two_seconds(box)
            if report.frames - first.frames > 40 and is_good(report):
                break
        assert (report.width, report.height) == (640, 360)
        assert 15 < report.fps < 45
        seconds = report.uptime_s - first.uptime_s
        assert report.frames - first.frames == pytest.approx(30 * seconds, rel=0.4)
        assert report.packets_received > 100
        assert report.packets_lost <= report.packets_received // 50
        assert report.transport == "udp"
        assert report.rtt_s is not None
        assert report.rtt_s < 0.2
        assert report.decode_s is not None
        assert 0 < report.decode_s < 0.2
        assert report.jitter_buffer_s is not None
        assert report.age_s is not None
        assert 0.005 < report.age_s < 1
        # One, but where this machine was too busy to show frames for a second.
        assert 1 <= report.sessions <= box.requests.count(("POST", "/whep/peer"))
        assert report.moved_s is not None
        assert report.moved_s < 1
        assert report.picture not in {"", first.picture}
        assert report.reason == ""
        assert (await page.evaluate("portal.report().page")) == report.page
        async with (
            aiohttp.ClientSession() as http,
            http.get(box.url.replace("/kiosk/", "/metrics")) as answer,
        ):
            metrics = await answer.text()
        assert 'portal_screen_state{state="live"} 1.0' in metrics
        assert 'portal_screen_transport{transport="udp"} 1.0' in metrics
        await page.close(run_before_unload=True)
        await until_screen(box, ScreenState.ABSENT)
        assert "its page was closed" in caplog.text


def is_good(report: ScreenReport) -> bool:
    return (
        15 < report.fps < 45
        and (report.rtt_s or 0) < 0.2
        and (report.decode_s or 0) < 0.2
        and (report.age_s or 0) < 1
        and (report.moved_s or 0) < 1
    )


async def two_seconds(box: KioskBox) -> tuple[ScreenReport, ScreenReport]:
    """Reports from before and after. The first second's figures are of half a second."""

    def is_after(now: Snapshot, uptime_s: float, fps: float = 0) -> bool:
        report = now.screen.report
        return report is not None and report.uptime_s > uptime_s and report.fps > fps

    await until(box, lambda now: is_after(now, 0, fps=20))
    first = box.board.snapshot.screen.report
    assert first is not None
    await until(box, lambda now: is_after(now, first.uptime_s + 2))
    report = box.board.snapshot.screen.report
    assert report is not None
    return first, report


async def test_without_a_picture_the_report_says_why(loopback: str, browser: Browser) -> None:
    async with kiosk_box(loopback) as box:
        page = await open_page(browser, box)
        await until_screen(box, ScreenState.WAITING)
        await until(
            box,
            lambda now: now.screen.report is not None and "New York" in now.screen.report.reason,
        )
        await page.close()


@pytest.mark.parametrize("looks_by", ["VideoFrame", "canvas"])
async def test_a_source_that_freezes_while_its_frames_flow_is_seen(
    looks_by: str, loopback: str, browser: Browser
) -> None:
    async with (
        media_server(loopback),
        freezing_camera(loopback) as camera,
        kiosk_box(loopback) as box,
    ):
        without = "delete window.VideoFrame" if looks_by == "canvas" else ""
        page = await open_page(browser, box, script=without)
        await until_screen(box, ScreenState.LIVE)
        await until_steady(box)
        before = steps_of(box)
        camera.frozen.set()
        began = time.monotonic()
        await until_screen(box, ScreenState.CONNECTED)
        took = time.monotonic() - began
        print(f"frozen source reported after {took:.1f} s")
        assert took < 15, "4 to 5 s, and what this machine is busy with"
        await until(
            box,
            lambda now: (
                now.screen.report is not None
                and now.screen.report.fps > 15  # its frames flow
                and now.screen.report.reason == "the picture stands still"
            ),
        )
        await expect(page.locator("#notice")).to_have_text(
            "The picture from New York stands still."
        )
        await until_state(page, "live")
        # A new session was tried beside it, once: it costs nothing.
        await until(box, lambda _: steps_of(box) == before + Counter([HealStep.SESSION]))
        camera.frozen.clear()
        await until_screen(box, ScreenState.LIVE)
        await expect(page.locator("#notice")).to_be_empty()
        await page.close()


def steps_of(box: KioskBox) -> Counter[HealStep]:
    """What the page did of its own accord."""
    report = box.board.snapshot.screen.report
    return Counter({heal.step: heal.count for heal in report.steps} if report else {})


async def test_looking_at_the_picture_keeps_none_of_its_frames(
    loopback: str, browser: Browser
) -> None:
    """Drawn on a canvas, each frame of 720p stays as 3.7 MB, until half a gigabyte is taken."""
    source = ("-f", "lavfi", "-i", "testsrc2=s=1280x720:r=30")
    async with media_server(loopback), publishing(loopback, source), kiosk_box(loopback) as box:
        page = await open_page(browser, box)
        await until_screen(box, ScreenState.LIVE)
        pictures: set[str] = set()
        async with asyncio.timeout(30):
            while len(pictures) < 8:
                pictures.add(await page.evaluate("portal.report()?.picture ?? ''"))
                await asyncio.sleep(0.2)
        shared_mb = max(process.memory_info().shared for process in renderers()) / 1e6
        print(f"the page shares {shared_mb:.0f} MB with the browser, its program included")
        assert shared_mb < 250
        await page.close()


def renderers() -> list[psutil.Process]:
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if "--type=renderer" in process.cmdline()
    ]


async def until_steady(box: KioskBox) -> None:
    """The picture has moved for some seconds: a still scene with a camera's noise does."""
    hashes: set[str] = set()
    async with asyncio.timeout(60):
        while len(hashes) < 5:
            report = box.board.snapshot.screen.report
            if report is not None and report.state == "live":
                hashes.add(report.picture)
                assert report.moved_s is not None
                if report.moved_s:  # it stood while this machine was busy
                    hashes.clear()
            await box.board.wait_for(lambda now, old=report: now.screen.report != old)  # type: ignore[misc]


async def test_a_picture_that_nobody_looks_at_gets_no_stiller(
    loopback: str, browser: Browser
) -> None:
    """Frames are decoded on while the browser paints none: its GPU process hangs, or the screen."""
    async with kiosk_box(loopback) as box:
        page = await open_page(browser, box)
        before, after = await page.evaluate("""async () => {
            const {PictureEye} = await import('/kiosk/picture-eye.js');
            const eye = new PictureEye(document.createElement('canvas'));
            const wait = (ms) => new Promise((done) => setTimeout(done, ms));
            for (let i = 0; i < 10; i += 1) { eye.onFrame(); await wait(100); }
            const before = eye.stillS;
            await wait(500);
            return [before, eye.stillS];
        }""")
        assert before == after
        assert 0.6 < after < 15  # half a second less than the ten looks took
        await page.close()


async def test_an_order_never_disturbs_a_good_picture_and_helps_a_bad_one(
    loopback: str, browser: Browser
) -> None:
    async with (
        media_server(loopback),
        freezing_camera(loopback) as camera,
        kiosk_box(loopback) as box,
    ):
        page = await open_page(browser, box)
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        await until_screen(box, ScreenState.LIVE)
        numbers = itertools.count(1)

        async def new_sessions() -> float:
            await until_steady(box)
            before = sessions(box)
            for step in (HealStep.SESSION, HealStep.RELOAD):
                words = f"portal: {step} was ordered, but the picture is good"
                told = said.count(words)
                box.board.update(page_order=PageOrder(step=step, number=next(numbers)))
                with contextlib.suppress(TimeoutError):  # a picture that stood just then
                    async with asyncio.timeout(10):
                        while said.count(words) == told:  # noqa: ASYNC110 - the browser tells no event
                            await asyncio.sleep(0.05)
                if said.count(words) == told:
                    return inf
            return sessions(box) - before

        await best_of_three(new_sessions, below=1)
        before = sessions(box)
        camera.frozen.set()
        await until_screen(box, ScreenState.CONNECTED)
        await until(
            box, lambda now: now.screen.report is not None and now.screen.report.sessions > before
        )
        name = page_name(box)
        box.board.update(page_order=PageOrder(step=HealStep.RELOAD, number=next(numbers)))
        await until(box, lambda _: page_name(box) not in {"", name})
        report = box.board.snapshot.screen.report
        assert report is not None
        assert {heal.step: heal.reason for heal in report.steps}[HealStep.RELOAD] == (
            "the daemon ordered it"
        )
        # The next one at once would be a page that only loads.
        await until_screen(box, ScreenState.CONNECTED)
        name = page_name(box)
        box.board.update(page_order=PageOrder(step=HealStep.RELOAD, number=next(numbers)))
        await asyncio.sleep(2.5)
        assert page_name(box) == name
        await page.close()


def page_name(box: KioskBox) -> str:
    report = box.board.snapshot.screen.report
    return report.page if report else ""


def sessions(box: KioskBox) -> int:
    report = box.board.snapshot.screen.report
    return report.sessions if report else 0


async def test_a_page_stays_without_its_daemon_and_reports_again_when_it_is_back(
    loopback: str, browser: Browser
) -> None:
    async with media_server(loopback), publishing(loopback, MOVING):
        async with kiosk_box(loopback) as box:
            page = await open_page(browser, box)
            await until_screen(box, ScreenState.LIVE)
            name = page_name(box)
        await expect(page.locator("#notice")).to_contain_text("restarting", timeout=20_000)
        await page.wait_for_function("portal.report().state === 'live'")
        async with kiosk_box(loopback) as again:
            await until_screen(again, ScreenState.LIVE)
            assert page_name(again) == name, "the same page: it was not loaded anew"
            await page.close()


async def test_a_network_that_is_gone_is_said_and_its_return_needs_nobody(
    loopback: str, browser: Browser
) -> None:
    async with media_server(loopback), kiosk_box(loopback) as box:
        async with publishing(loopback, MOVING):
            page = await browser.new_page()
            await page.add_init_script(
                "Object.defineProperty(navigator, 'onLine', {get: () => !window.offline});"
            )
            await page.goto(box.url, wait_until="commit")
            await until_state(page, "live")
        box.say(LinkState.LOST)
        await page.evaluate("window.offline = true")
        await until_state(page, "lost")
        await expect(page.locator("#detail")).to_contain_text("no network")
        await page.evaluate("window.offline = false")
        async with publishing(loopback, MOVING):
            box.say(LinkState.UP, CameraState.LIVE)
            await until_state(page, "live")
            await page.close()

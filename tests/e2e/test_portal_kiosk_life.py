"""The life of a screen: before the daemon, without it, switched off, restarted on demand, ended."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from pathlib import Path

import psutil
import pytest
from aiohttp import web

from bench.source import Mode
from portal.model import SiteStatus, Snapshot
from portal.process import ChildProcess
from portal.state import StateBoard
from portal.web.events import EventStreams
from tests.e2e.kiosk_box import KioskBox, kiosk_box, serving
from tests.e2e.ordinary_user import OrdinaryUser
from tests.e2e.screen_box import FPS, Screen, daemon, kiosk_config, other_site, screen
from tests.e2e.television import television
from tests.integration.media import has_ended

pytestmark = pytest.mark.timeout(150)

_MODE = Mode(1280, 720, FPS)
_SPLASH = (7, 9, 13)  # its background
_BLACK = (0, 0, 0)


async def test_a_daemon_that_comes_late_finds_a_splash_and_one_that_goes_leaves_the_picture(
    tmp_path: Path, loopback: str, other_loopback: str, user: OrdinaryUser
) -> None:
    config = kiosk_config(user, loopback, other_loopback)
    async with television(user, 1280, 720) as tv, screen(tv, config, _MODE) as kiosk:
        await kiosk.until_color(_SPLASH)
        async with (
            other_site(tmp_path, other_loopback, loopback, _MODE),
            daemon(config) as here,
        ):
            await kiosk.until_live()
            os.kill(here.pid, signal.SIGKILL)
            await kiosk.until_said("the daemon is gone")
            await goes_on(kiosk)
            async with daemon(config):
                await kiosk.until_live()
        assert not [line for line in kiosk.lines if line.startswith("WARNING")]


async def goes_on(kiosk: Screen) -> None:
    """The picture, for ten photographs in a row. A busy machine may show none for a moment."""
    looks = 0
    async with asyncio.timeout(30):
        while looks < 10:
            age = await kiosk.age_ms()
            looks = looks + 1 if age is not None and age < 3000 else 0


async def test_a_screen_that_is_not_wanted_is_black_and_the_daemon_orders_restarts(
    loopback: str, other_loopback: str, user: OrdinaryUser
) -> None:
    config = kiosk_config(user, loopback, other_loopback)
    async with (
        television(user, 1280, 720) as tv,
        kiosk_box(loopback) as box,
        screen(tv, config, _MODE) as kiosk,
    ):
        await kiosk.until_said("the screen shows the page")
        box.board.update(display_on=False)
        await kiosk.until_color(_BLACK)
        box.board.update(display_on=True)
        await kiosk.until_lit()

        browser, compositor = kiosk.browser(), kiosk.compositor()
        box.board.update(browser_restarts=1)
        await kiosk.until_said("restart the browser, as the box's daemon asked")
        await asyncio.to_thread(psutil.wait_procs, [browser], 15)
        assert compositor.is_running()
        box.board.update(compositor_restarts=1)
        await kiosk.until_said("restart the compositor, as the box's daemon asked")
        await asyncio.to_thread(psutil.wait_procs, [compositor], 15)
        await kiosk.until_said("the screen shows the page", after=len(kiosk.lines))
        await kiosk.until_lit()


async def test_a_white_page_is_loaded_again_until_it_is_ours(
    loopback: str, other_loopback: str, user: OrdinaryUser
) -> None:
    asked = 0

    async def page(_request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        ours = "<html data-state=live><body style='background:#00ff00'>"
        return web.Response(text=ours if asked > 1 else "<html>", content_type="text/html")

    board = StateBoard(Snapshot(site=SiteStatus(name="a", title="A", version="1", started_at=0)))
    events = EventStreams(board)
    app = web.Application()
    app.router.add_get("/kiosk/", page)
    app.router.add_get("/events", events.handle)
    app.on_shutdown.append(events.close)
    config = kiosk_config(user, loopback, other_loopback)
    async with (
        serving(KioskBox(loopback, board, app)),
        television(user, 1280, 720) as tv,
        screen(tv, config, _MODE) as kiosk,
    ):
        await kiosk.until_said("the page is not ours (load the page, number 1)")
        await kiosk.until_said("the screen shows the page")
        await kiosk.until_color((0, 255, 0))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_nothing_outlives_the_kiosk(
    number: signal.Signals, loopback: str, other_loopback: str, user: OrdinaryUser
) -> None:
    config = kiosk_config(user, loopback, other_loopback)
    async with television(user, 1280, 720) as tv:
        kiosk = await ChildProcess.spawn(
            [*user.words, sys.executable, "-m", "portal", "kiosk", "--config", str(config)],
            name="kiosk",
            env=tv.env,
        )
        try:
            async with asyncio.timeout(30):
                while not any("up after" in line for line in kiosk.last_lines):  # noqa: ASYNC110 - its log tells
                    await asyncio.sleep(0.1)
                while len(below := psutil.Process(kiosk.pid).children(recursive=True)) <= 5:  # noqa: ASYNC110 - nor do processes
                    await asyncio.sleep(0.1)
            os.kill(kiosk.pid, number)
            async with asyncio.timeout(15):
                code = await kiosk.wait()
                while not all(has_ended(process) for process in below):  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.1)
            assert code == (0 if number is signal.SIGTERM else -number)
        finally:
            await kiosk.stop()
        if number is signal.SIGTERM:
            assert not list(user.home.glob("portal-*")), "its folders in memory are gone"


async def test_systemd_hears_that_the_screen_is_ready_alive_and_ending(
    loopback: str, other_loopback: str, user: OrdinaryUser
) -> None:
    config = kiosk_config(user, loopback, other_loopback)
    heard: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        path = user.home / "notify"
        systemd.bind(str(path))
        path.chmod(0o666)
        systemd.setblocking(False)
        told = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "1000000"}
        async with (
            television(user, 1280, 720) as tv,
            kiosk_box(loopback),
            screen(tv, config, _MODE, env=told) as kiosk,
        ):
            await kiosk.until_said("the screen shows the page")
            async with asyncio.timeout(20):
                while not {"READY=1", "WATCHDOG=1"} <= set(heard) or not any(
                    line.startswith("STATUS=the screen shows the page") for line in heard
                ):
                    heard.append(
                        (await asyncio.get_running_loop().sock_recv(systemd, 500)).decode()
                    )
        while "STOPPING=1" not in heard:
            heard.append((await asyncio.get_running_loop().sock_recv(systemd, 500)).decode())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be refused as root")
async def test_root_is_refused_in_words(tmp_path: Path) -> None:
    config = tmp_path / "portal.toml"
    config.write_text("")
    kiosk = await ChildProcess.spawn(
        [sys.executable, "-m", "portal", "kiosk", "--config", str(config)], name="kiosk"
    )
    assert await kiosk.wait() == 1
    await kiosk.stop()
    assert "does not run as root" in kiosk.last_lines[-1]


async def test_a_desk_gets_a_window_and_closing_it_is_the_end(
    loopback: str, other_loopback: str, user: OrdinaryUser
) -> None:
    config = kiosk_config(user, loopback, other_loopback)
    async with (
        television(user, 1280, 720) as tv,
        kiosk_box(loopback),
        screen(tv, config, _MODE, "--windowed") as kiosk,
    ):
        await kiosk.until_said("the screen shows the page")
        async with asyncio.timeout(10):
            while "Portal" not in re.findall(r'"name": "(.*?)"', await tv.windows()):
                pass
        await tv.close_window()
        async with asyncio.timeout(20):
            assert await kiosk.process.wait() == 0

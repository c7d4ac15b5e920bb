"""`portal kiosk`: the compositor, the browser in it and what keeps both, until it is ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from functools import partial
from urllib.parse import urljoin

from portal.config import Config
from portal.errors import KioskError, ProcessError
from portal.kiosk.browser import Browser, find_browser
from portal.kiosk.cec import switch_tv
from portal.kiosk.compositor import Compositor
from portal.kiosk.connectors import is_any_screen_there
from portal.kiosk.following import Followed, follow
from portal.kiosk.ladder import Ladder, Step, Trouble
from portal.kiosk.outputs import Outputs
from portal.kiosk.splash import splash_url
from portal.kiosk.watchdog import Watchdog
from portal.systemd import Unit

_LOG = logging.getLogger(__name__)

_OUTPUTS_EVERY_S = 2.0
_COMPOSITOR_ANSWER_S = 2.0


async def run_kiosk(config: Config, *, windowed: bool, url: str = "") -> None:
    """Until SIGTERM or SIGINT. Raises `KioskError` when the screen cannot be had."""
    if os.geteuid() == 0:
        raise KioskError(
            "the kiosk does not run as root: Chromium's sandbox needs an ordinary user",
            remedy="run it as the user kiosk, or as yourself with --windowed",
        )
    kiosk = Kiosk(config, windowed=windowed, url=url)
    running = asyncio.create_task(kiosk.run(), name="kiosk")
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running


class Kiosk:
    """One screen."""

    def __init__(self, config: Config, *, windowed: bool, url: str = "") -> None:
        self._section = config.kiosk
        self._browser_path = find_browser(config.kiosk.browser)
        self._compositor = None if windowed else Compositor(config.kiosk)
        page = url or f"{config.kiosk_url}?screen"
        self._events = urljoin(page, "/events")
        self._followed = Followed()
        self._ladder = Ladder()
        self._watchdog = Watchdog(
            url=page,
            splash=splash_url(config.title),
            followed=self._followed,
            ladder=self._ladder,
            memory_mb=config.kiosk.memory_mb,
        )
        self._unit = Unit()

    async def run(self) -> None:
        """Returns only when a desk's window was closed."""
        tasks = [
            asyncio.create_task(follow(self._events, self._followed), name="follow"),
            asyncio.create_task(self._unit.beat(), name="beat"),
            asyncio.create_task(self._tell_status(), name="status"),
            asyncio.create_task(self._switch_tv(), name="tv"),
        ]
        screen = asyncio.create_task(self._keep_screen(), name="screen")
        try:
            done, _ = await asyncio.wait([*tasks, screen], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._unit.stopping()
            for task in (*tasks, screen):
                task.cancel()
            await asyncio.gather(*tasks, screen, return_exceptions=True)

    async def _keep_screen(self) -> None:
        if self._compositor is None:
            while await self._keep_browser(self._desk(), None) is not None:
                self._give_up_if_exhausted()
            return
        compositor = self._compositor
        while True:
            await self._until_a_screen_is_there()
            try:
                await compositor.open()
                _LOG.info("%s runs on %s", compositor.name, compositor.socket.name)
                env = compositor.env(os.environ)
                browser = self._browser("wayland", env)
                outputs = asyncio.create_task(self._keep_outputs(env), name="outputs")
                try:
                    await self._keep_browser(browser, compositor)
                finally:
                    outputs.cancel()
                    await asyncio.gather(outputs, return_exceptions=True)
            except (KioskError, ProcessError) as exc:
                await self._watchdog.take(Trouble.COMPOSITOR_ENDED, str(exc))
            finally:
                await compositor.close()
            self._give_up_if_exhausted()

    def _give_up_if_exhausted(self) -> None:
        if self._ladder.is_exhausted:
            raise KioskError("the screen cannot be had", remedy="see the lines before this one")

    async def _until_a_screen_is_there(self) -> None:
        """Some compositors end with their last screen: they are not started again and again while
        the TV is unplugged."""
        if is_any_screen_there():
            return
        _LOG.info("waiting for a screen to be plugged in")
        self._unit.ready()
        while not is_any_screen_there():  # noqa: ASYNC110 - 1 s is soon enough for who plugs a TV
            await asyncio.sleep(1.0)

    def _desk(self) -> Browser:
        if os.environ.get("WAYLAND_DISPLAY"):
            return self._browser("wayland", os.environ)
        if os.environ.get("DISPLAY"):
            return self._browser("x11", os.environ)
        raise KioskError(
            "--windowed needs a desk: neither WAYLAND_DISPLAY nor DISPLAY is set",
            remedy="run it in a graphical session, or without --windowed",
        )

    def _browser(self, platform: str, env: os._Environ[str] | dict[str, str]) -> Browser:
        return Browser(
            self._browser_path,
            env=env,
            platform=platform,
            is_kiosk=self._compositor is not None,
        )

    async def _keep_browser(self, browser: Browser, compositor: Compositor | None) -> Step | None:
        """Returns when the compositor must be started again; None: a desk's window was closed."""
        while True:
            try:
                began = time.monotonic()
                await browser.open(self._watchdog.choose_url())
                _LOG.info("the browser is up after %.1f s", time.monotonic() - began)
                self._unit.ready()
                step = await self._until_a_step(browser, compositor)
            except (KioskError, ProcessError) as exc:
                is_alone = compositor is None or await compositor.answers(
                    within_s=_COMPOSITOR_ANSWER_S
                )
                trouble = Trouble.BROWSER_ENDED if is_alone else Trouble.COMPOSITOR_ENDED
                step = await self._watchdog.take(trouble, str(exc))
            finally:
                await browser.close()
            if step is not Step.BROWSER:
                return step

    async def _until_a_step(self, browser: Browser, compositor: Compositor | None) -> Step | None:
        answers = None
        if compositor is not None:
            answers = partial(compositor.answers, within_s=_COMPOSITOR_ANSWER_S)
        watching = asyncio.create_task(self._watchdog.watch(browser, answers), name="watch")
        browser_end = asyncio.create_task(browser.ended(), name="browser's end")
        ends = [browser_end]
        if compositor is not None:
            # First, because a browser ends with its compositor.
            ends.insert(0, asyncio.create_task(compositor.ended(), name="compositor's end"))
        try:
            await asyncio.wait([watching, *ends], return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                return watching.result()
            if compositor is not None:
                # The browser ends with its compositor, which may be hanging in its own end.
                await asyncio.wait(ends[:1], timeout=0.2)
                if ends[0].done():
                    return await self._watchdog.take(Trouble.COMPOSITOR_ENDED, ends[0].result())
                if not await compositor.answers(within_s=_COMPOSITOR_ANSWER_S):
                    return await self._watchdog.take(Trouble.COMPOSITOR_ENDED)
            elif browser_end.result().endswith("(0)"):
                _LOG.info("the window was closed")
                return None
            return await self._watchdog.take(Trouble.BROWSER_ENDED, browser_end.result())
        finally:
            for task in (watching, *ends):
                task.cancel()
            await asyncio.gather(watching, *ends, return_exceptions=True)

    async def _keep_outputs(self, env: dict[str, str]) -> None:
        """Mode, rotation, on and off. Where the compositor does not let us, a black page."""
        assert self._compositor is not None  # noqa: S101 - a desk's outputs are its own
        outputs = Outputs(self._section, env)
        is_said = False
        while True:
            found = None
            with contextlib.suppress(ProcessError):
                found = await outputs.reconcile(is_wanted=self._followed.word.display_on)
            self._watchdog.covers_in_black = found is None
            wants_more = bool(self._section.mode or self._section.rotate)
            if found is None and wants_more and not self._compositor.is_turned and not is_said:
                is_said = True
                _LOG.warning(
                    "%s does not let wlr-randr set kiosk.mode and kiosk.rotate",
                    self._compositor.name,
                )
            await self._followed.changed(_OUTPUTS_EVERY_S)

    async def _switch_tv(self) -> None:
        """The TV follows the wish from its first change on: at start it is left as it is."""
        wanted = True
        while True:
            if self._followed.word.display_on != wanted:
                wanted = self._followed.word.display_on
                _LOG.info("the screen is switched %s", "on" if wanted else "off")
                with contextlib.suppress(ProcessError):
                    await switch_tv(is_wanted=wanted)
            await self._followed.changed(60.0)

    async def _tell_status(self) -> None:
        said = ""
        while True:
            if self._watchdog.status != said:
                said = self._watchdog.status
                self._unit.status(said)
            await asyncio.sleep(1.0)

"""The screen of a whole box: `portal kiosk` as an ordinary user on a compositor, photographed again
and again; so browser and compositor may be broken, too."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator

import psutil

from bench.measure import age_ms
from bench.source import Mode
from tests.e2e.ordinary_user import OrdinaryUser, ordinary_user
from tests.e2e.screen_box import Screen as Kiosk
from tests.e2e.screen_box import read_corners, screen
from tests.e2e.television import television
from tests.faults.watching import Frame, Watching
from tests.network import Machine

# A photograph takes 0.05 s when the machine is idle.
_EVERY_S = 0.2
_GAP_S = 1.0
_SETTINGS = '[kiosk]\nself_view = "never"\ntitle = false\nclock = false\ncompositor = "cage"\n'


class KioskScreen(Watching):
    """Dates what the television shows."""

    def __init__(self, kiosk: Kiosk, mode: Mode) -> None:
        super().__init__(gap_s=_GAP_S)
        self._kiosk = kiosk
        self._mode = mode
        self._clock = -1

    async def collect(self) -> None:
        while True:
            at = time.time()
            picture = await self._kiosk.picture()
            clock = read_corners(picture, self._mode)[0]
            if clock is not None and clock != self._clock:
                self._clock = clock
                self.frames.append(Frame(at, age_ms(at * 1000, clock) / 1000))
            await asyncio.sleep(max(0.0, at + _EVERY_S - time.time()))

    async def says(self) -> str:
        return "\n".join(self._kiosk.lines[-20:])

    async def signal(self, what: str, number: signal.Signals) -> None:
        """`what`: "browser", "compositor", "renderer", "gpu-process"; waits until there is one."""
        async with asyncio.timeout(30):
            while not (found := self._victims(what)):  # noqa: ASYNC110 - it tells no event
                await asyncio.sleep(0.1)
        for victim in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                victim.send_signal(number)

    def renderer(self) -> psutil.Process:
        """The page's process: of several the largest. Raises `ValueError` when none runs."""
        return max(self._victims("renderer"), key=lambda process: process.memory_info().rss)

    def _victims(self, what: str) -> list[psutil.Process]:
        with contextlib.suppress(StopIteration, psutil.NoSuchProcess):
            if what == "browser":
                return [self._kiosk.browser()]
            if what == "compositor":
                return [self._kiosk.compositor()]
        return self._kiosk.chromium(what)


@contextlib.asynccontextmanager
async def kiosk_screen(machine: Machine, mode: Mode) -> AsyncIterator[KioskScreen]:
    with ordinary_user() as found:
        user = OrdinaryUser(found.home, (*machine.inside(()), *found.words))
        config = user.give("portal.toml", f'[site]\nname = "new-york"\n{_SETTINGS}')
        async with (
            television(user, mode.width, mode.height) as tv,
            screen(tv, config, mode) as kiosk,
            KioskScreen(kiosk, mode).collecting() as shown,
        ):
            yield shown

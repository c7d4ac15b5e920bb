"""What people want to be seen and heard of this site, and when its screen is off.

Two wills meet: the schedule's, and a person's, who may come by API, page or button. A person's
choice within quiet hours holds until they end. Whoever pauses what the hours have paused already
wants it to stay so after them.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import Never

import msgspec

from portal.config import Config
from portal.errors import StoreError
from portal.quiet import QuietHours
from portal.state import StateBoard
from portal.store import Store

log = logging.getLogger(__name__)

DOCUMENT = "privacy"
FAULT = "privacy"
# A schedule is on time within this, and so is the answer to a clock that jumped.
_TICK_S = 2.0
_SAVE_AGAIN_S = 30.0


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """What survives a power cut: nobody is seen because the lights went out."""

    paused: bool = False
    muted: bool | None = None  # None: as [microphone] says
    seen_until: float = 0.0  # the end of the quiet hours in which somebody wants to be seen


class Privacy:
    """The only writer of `paused`, `muted`, `display_on` and `quiet_until`."""

    def __init__(
        self,
        config: Config,
        state: StateBoard,
        store: Store | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._state = state
        self._store = store
        self._clock = clock
        zone = state.snapshot.site.time_zone
        self._camera_hours = QuietHours(config.quiet_hours, zone, applies=lambda one: one.camera)
        self._screen_hours = QuietHours(config.quiet_hours, zone, applies=lambda one: one.screen)
        self._choices = Choices()
        self._saved = Choices()
        self._saving = asyncio.Lock()
        self._writing = threading.Lock()  # a save that was cancelled goes on in its thread
        # The screen's are forgotten: who finds it dark switches the box off and on.
        self._display_on = True
        self._display_until = 0.0
        self._is_quiet = False

    async def open(self) -> None:
        """Before anything is published. Choices that cannot be read, or understood, count as a
        pause."""
        unknown = Choices(paused=True)
        if self._store is not None:
            try:
                self._choices = await asyncio.to_thread(
                    self._store.load, DOCUMENT, Choices, if_broken=unknown
                )
            except StoreError as exc:
                log.warning("paused, for what was chosen is unknown: %s", exc)
                self._state.raise_fault(FAULT, f"paused: {exc.message}", remedy=exc.remedy)
                self._choices = self._saved = unknown
            else:
                if self._choices is not unknown:
                    self._saved = self._choices
                else:  # kept aside: the next start would find none
                    log.warning("paused, for what was chosen is unknown")
                    await self._save()
        self._apply()

    async def run(self) -> Never:
        """Never returns: follows the schedule."""
        save_at = 0.0
        while True:
            self._apply()
            if self._saved != self._choices and time.monotonic() >= save_at:
                save_at = time.monotonic() + _SAVE_AGAIN_S
                await self._save()
            await asyncio.sleep(_TICK_S)

    async def close(self) -> None:
        """What could not be kept is tried once more. Nobody chooses any more."""
        await self._save()

    async def pause(self, paused: bool, *, by: str) -> None:
        """In effect before the first await; kept on the disk when this returns."""
        until = self._camera_hours.until(self._clock())
        was = self._state.snapshot.paused
        if not until:
            self._choose(paused=paused)
        elif not paused:
            self._choose(paused=False, seen_until=until)
        elif was:
            self._choose(paused=True, seen_until=0.0)
        else:
            self._choose(seen_until=0.0)
        if paused is not was:
            log.info("camera %s by %s", "paused" if paused else "resumed", by)
        await self._save()

    async def mute(self, muted: bool, *, by: str) -> None:
        """As `pause`."""
        if muted is not self._state.snapshot.muted:
            log.info("microphone %s by %s", "muted" if muted else "unmuted", by)
        self._choose(muted=muted)
        await self._save()

    def switch_display(self, on: bool, *, by: str) -> None:
        """The screen, by the next power cut at the latest as the schedule wants it."""
        if on is not self._state.snapshot.display_on:
            log.info("screen switched %s by %s", "on" if on else "off", by)
        until = self._screen_hours.until(self._clock())
        if not until:
            self._display_on, self._display_until = on, 0.0
        elif on:
            self._display_on, self._display_until = True, until
        else:
            self._display_until = 0.0
        self._apply()

    def _choose(self, **changes: object) -> None:
        self._choices = msgspec.structs.replace(self._choices, **changes)
        self._apply()

    def _apply(self) -> None:
        now = self._clock()
        camera_until = self._camera_hours.until(now)
        screen_until = self._screen_hours.until(now)
        is_hidden = bool(camera_until) and self._choices.seen_until != camera_until
        is_dark = bool(screen_until) and self._display_until != screen_until
        muted = self._choices.muted
        self._tell_boundary(bool(camera_until or screen_until))
        self._state.update(
            paused=self._choices.paused or is_hidden,
            muted=self._config.microphone.muted if muted is None else muted,
            display_on=self._display_on and not is_dark,
            quiet_until=camera_until if is_hidden and not self._choices.paused else 0.0,
        )

    async def _save(self) -> None:
        """The newest choices. A full disk is a fault that is shown: what holds now holds only
        until the next power cut."""
        if self._store is None:
            return
        async with self._saving:
            if self._choices == self._saved:
                return
            try:
                await asyncio.to_thread(self._write, self._store)
            except StoreError as exc:
                message = f"a power cut would forget what is paused: {exc.message}"
                log.warning("%s", message)
                self._state.raise_fault(FAULT, message, remedy=exc.remedy)
                return
            self._state.clear_fault(FAULT)

    def _write(self, store: Store) -> None:
        """In a thread: the newest choices, so that whoever comes last writes what holds."""
        with self._writing:
            choices = self._choices
            store.save(DOCUMENT, choices)
            self._saved = choices

    def _tell_boundary(self, is_quiet: bool) -> None:
        if is_quiet is not self._is_quiet:
            log.info("quiet hours have begun" if is_quiet else "quiet hours are over")
        self._is_quiet = is_quiet

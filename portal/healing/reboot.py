"""The last step: the box itself. Its limit outlives it, so that no box reboots for ever."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable

import msgspec

from portal.errors import PortalError, ProcessError
from portal.process import ChildProcess
from portal.store import Store

log = logging.getLogger(__name__)

DOCUMENT = "reboot"
_EVERY_S = 6 * 3600.0
_MIN_UP_S = 1800.0
_COMMAND = ("systemctl", "reboot")
_COMMAND_WITHIN_S = 30.0


class LastReboot(msgspec.Struct, frozen=True, kw_only=True):
    at: float = 0.0  # Unix time


def uptime_s() -> float:
    """Of the machine."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


async def systemctl_reboot() -> None:
    """Raises `ProcessError` when that is not allowed here."""
    child = await ChildProcess.spawn(_COMMAND, name="reboot")
    code = 1
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_COMMAND_WITHIN_S):
                code = await child.wait()
    finally:
        await child.stop()
    if code:
        said = child.last_lines[-1] if child.last_lines else f"exit code {code}"
        raise ProcessError(
            f"this box cannot be rebooted: {said}",
            remedy="let portal's user do so in polkit, or set healing.reboot = false",
        )


class Reboot:
    """At most one in six hours, however often the daemon or the box starts."""

    def __init__(
        self,
        store: Store,
        *,
        command: Callable[[], Awaitable[None]] = systemctl_reboot,
        clock: Callable[[], float] = time.time,
        uptime: Callable[[], float] = uptime_s,
    ) -> None:
        self._store = store
        self._command = command
        self._clock = clock
        self._uptime = uptime

    async def wait_s(self) -> float:
        """Until it is allowed, 0 for now. Raises `StoreError`."""
        last = (await asyncio.to_thread(self._store.load, DOCUMENT, LastReboot)).at
        up_s = self._uptime()
        since_s = self._clock() - last
        if since_s < 0:  # the clock was set back: what the machine is up is sure
            since_s = up_s
        return max(0.0, _EVERY_S - since_s, _MIN_UP_S - up_s)

    async def do(self) -> str:
        """Empty when it is under way, else why not."""
        try:
            if (wait_s := await self.wait_s()) > 0:
                return f"the next one is allowed in {wait_s / 3600:.1f} hours"
            # Before the deed: a box that cannot write it down would do it again and again.
            await asyncio.to_thread(self._store.save, DOCUMENT, LastReboot(at=self._clock()))
            await self._command()
        except PortalError as exc:
            return str(exc)
        return ""

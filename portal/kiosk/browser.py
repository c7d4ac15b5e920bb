"""One Chromium on the screen: started, spoken to, weighed, ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
from collections.abc import Mapping
from typing import Any

import psutil

from portal.errors import KioskError
from portal.kiosk.devtools import DevTools
from portal.kiosk.flags import screen_flags
from portal.kiosk.launching import dies_with_us, with_pipes
from portal.kiosk.profile import Profile
from portal.process import ChildProcess

_LOG = logging.getLogger(__name__)

# The first start after boot reads 300 MB from an SD card.
_START_S = 40.0


def find_browser(named: str) -> str:
    """Chromium's path. Raises `KioskError`."""
    for name in [named] if named else ["chromium", "chromium-browser", "google-chrome-stable"]:
        if found := shutil.which(name):
            return found
    raise KioskError(
        f"the browser {named or 'chromium'} is not installed",
        remedy="apt-get install chromium chromium-sandbox, or name it in kiosk.browser",
    )


class Browser:
    """`open()` starts one that shows `url`; `close()` ends it with all that it started."""

    def __init__(
        self,
        program: str,
        *,
        env: Mapping[str, str],
        platform: str,
        is_kiosk: bool,
        extra_flags: tuple[str, ...] = (),
    ) -> None:
        self._program = program
        self._env = env
        self._platform = platform
        self._is_kiosk = is_kiosk
        self._extra_flags = extra_flags
        self._profile = Profile()
        self._process: ChildProcess | None = None
        self._line: DevTools | None = None
        self._session = ""
        self.crashes = 0  # of the page's renderer, since the start
        self._crashed = asyncio.Event()

    async def open(self, url: str) -> None:
        """Raises `KioskError` or `ProcessError` when no page comes up."""
        self._session = ""
        self.crashes = 0
        profile = self._profile.open()
        flags = screen_flags(profile, platform=self._platform, is_kiosk=self._is_kiosk)
        argv = [self._program, *flags, *self._extra_flags]
        # A desk names the window after its first address: not all of a splash.
        argv.append(url if self._is_kiosk else "--app=data:text/html,Portal")
        self._line = line = DevTools(self._on_event)
        reads, writes = await line.open()
        try:
            self._process = await ChildProcess.spawn(
                [*dies_with_us(), *with_pipes(argv, reads, writes)],
                name="chromium",
                # Crash dumps go with the profile.
                env={**self._env, "BREAKPAD_DUMP_LOCATION": str(profile / "crashes")},
                pass_fds=(reads, writes),
                on_line=lambda said: _LOG.debug("chromium: %s", said),
            )
        finally:
            line.handed_over()
        try:
            async with asyncio.timeout(_START_S):
                await self._attach()
                if not self._is_kiosk:
                    await self.show(url)
        except TimeoutError:
            raise KioskError(f"the browser shows no page after {_START_S:.0f} s") from None
        except KioskError as exc:
            said = self._process.last_lines[-1:] or ("it said nothing",)
            raise KioskError(f"the browser did not start: {said[0]}") from exc

    async def _attach(self) -> None:
        assert self._line is not None  # noqa: S101 - open() made it
        while True:
            answer = await self._line.call("Target.getTargets", within_s=_START_S)
            pages = [one for one in answer["targetInfos"] if one["type"] == "page"]
            if pages:
                break
            await asyncio.sleep(0.05)
        attached = await self._line.call(
            "Target.attachToTarget", targetId=pages[0]["targetId"], flatten=True
        )
        self._session = attached["sessionId"]
        await self._page("Inspector.enable")

    def _on_event(self, method: str, _params: dict[str, Any], session: str) -> None:
        if method == "Inspector.targetCrashed" and session == self._session:
            self.crashes += 1
            self._crashed.set()

    @property
    def pid(self) -> int:
        return 0 if self._process is None else self._process.pid

    async def ended(self) -> str:
        """Wait for its end; how it came, in words."""
        assert self._process is not None  # noqa: S101 - only an open browser is waited for
        return await self._process.ended()

    async def _page(self, method: str, *, within_s: float = 5.0, **params: Any) -> dict[str, Any]:
        if self._line is None:
            raise KioskError("the browser is not open")
        return await self._line.call(method, session=self._session, within_s=within_s, **params)

    async def answers(self, *, within_s: float) -> bool:
        """Whether its main process does."""
        if self._line is None:
            return False
        try:
            await self._line.call("Browser.getVersion", within_s=within_s)
        except (TimeoutError, KioskError):
            return False
        return True

    async def evaluate(self, expression: str, *, within_s: float) -> Any:
        """What the page answers. Raises `TimeoutError` when it does not: its renderer hangs."""
        answer = await self._page(
            "Runtime.evaluate",
            within_s=within_s,
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
        )
        if "exceptionDetails" in answer:
            raise KioskError(f"the page refused: {answer['exceptionDetails'].get('text', '')}")
        return answer["result"].get("value")

    async def show(self, url: str) -> None:
        """Raises `TimeoutError` or `KioskError`."""
        await self._page("Page.navigate", url=url)

    async def renew(self, url: str) -> None:
        """Show `url` in a renderer of its own. Raises `TimeoutError` or `KioskError`."""
        self._crashed.clear()
        await self.end_processes("renderer")
        # A page that is asked for before Chromium noticed goes to the dead renderer.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2.0):
                await self._crashed.wait()
        await self.show(url)

    async def end_processes(self, kind: str) -> int:
        """KILL Chromium's own processes of a kind, `renderer` or `GPU`: it starts new ones. How
        many there were."""
        if self._line is None:
            return 0
        answer = await self._line.call("SystemInfo.getProcessInfo")
        ours = {process.pid for process in self._tree()}
        ended = 0
        for info in answer["processInfo"]:
            if info["type"] == kind and info["id"] in ours:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(info["id"], signal.SIGKILL)
                    ended += 1
        return ended

    def _tree(self) -> list[psutil.Process]:
        if self._process is None or self._process.returncode is not None:
            return []  # its number may be another's by now
        try:
            process = psutil.Process(self.pid)
            return [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def memory_mb(self) -> float:
        """What its processes take together, shared pages counted once. Reads /proc: 20 ms."""
        total = 0
        for process in self._tree():
            try:
                total += _pss(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
                continue
        return total / 1e6

    async def close(self) -> None:
        """Idempotent."""
        if self._line is not None:
            await self._line.close()
            self._line = None
        if self._process is not None:
            below = self._tree()
            await self._process.stop(grace_s=1.0)
            await asyncio.to_thread(_end_all, below)  # those that left the group
            self._process = None
        await asyncio.to_thread(self._profile.close)


def _end_all(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=1.0)


def _pss(process: psutil.Process) -> int:
    """A sandboxed renderer hides its PSS from its own user: then its unshared part counts."""
    try:
        return int(process.memory_full_info().pss)
    except psutil.AccessDenied:
        info = process.memory_info()
        return int(info.rss - info.shared)

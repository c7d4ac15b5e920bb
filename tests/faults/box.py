"""One site as a machine runs it: the daemon and MediaMTX, each restarted as its unit would."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Self

import psutil

from portal.process import ChildProcess
from tests.network import Machine

# What the unit says; its watchdog is slower, for machines that are.
_RESTART_S = 0.5
_WATCHDOG_S = 10.0


class Box:
    """`async with box.running()`: the daemon is up, and again whenever it ended."""

    def __init__(self, machine: Machine, config: str, folder: Path) -> None:
        self.machine = machine
        self.name = folder.name
        self._folder = folder
        self._state_dir = folder / "state"
        self._state_dir.mkdir(parents=True, exist_ok=True)
        self._config = folder / "portal.toml"
        self._config.write_text(config)
        self._lines: list[str] = []
        self._daemon: ChildProcess | None = None
        self._keeping: list[asyncio.Task[None]] = []
        self._argv = [sys.executable, "-c", _program(""), "--config", str(self._config), "run"]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Box]:
        self.power_on()
        try:
            yield self
        finally:
            await self._stop_keeping()
            if self._daemon is not None:
                self._daemon_signal(signal.SIGCONT)
                await self._daemon.stop(grace_s=10)
            await self._kill_all()

    def power_on(self) -> None:
        self._keeping = [
            asyncio.create_task(self._keep_media_server(), name="mediamtx.service"),
            asyncio.create_task(self._keep_daemon(), name="portal.service"),
        ]

    async def power_off(self) -> None:
        """Without a word to anybody."""
        await self._stop_keeping()
        await self._kill_all()

    async def _stop_keeping(self) -> None:
        for keeping in self._keeping:
            keeping.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)

    async def _kill_all(self) -> None:
        while left := self.processes():
            for one in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            await asyncio.sleep(0.02)
        if self._daemon is not None:
            await self._daemon.stop(grace_s=0)

    async def _keep_media_server(self) -> None:
        argv = [*self._argv[:-1], "media-server", "run"]
        while True:
            unit = await ChildProcess.spawn(
                self.machine.inside(argv),
                name="mediamtx",
                env={**os.environ, "PORTAL_STATE_DIR": str(self._state_dir)},
                on_line=lambda line: self._lines.append(f"MediaMTX: {line}"),
            )
            await unit.wait()
            await asyncio.sleep(_RESTART_S)

    async def _keep_daemon(self) -> None:
        with _Notifications(self._folder / "notify") as notifications:
            while True:
                notifications.last = time.monotonic()
                self._daemon = await ChildProcess.spawn(
                    self.machine.inside(self._argv),
                    name="daemon",
                    env={
                        **os.environ,
                        "PORTAL_STATE_DIR": str(self._state_dir),
                        "NOTIFY_SOCKET": str(self._folder / "notify"),
                        "WATCHDOG_USEC": str(int(_WATCHDOG_S * 1e6)),
                    },
                    on_line=self._lines.append,
                )
                ended = asyncio.create_task(self._daemon.wait())
                while not ended.done():
                    await asyncio.wait([ended], timeout=0.5)
                    notifications.read()
                    if time.monotonic() - notifications.last > _WATCHDOG_S:
                        self._lines.append("(the watchdog ends the daemon)")
                        self._daemon_signal(signal.SIGKILL)
                await asyncio.sleep(_RESTART_S)

    def _daemon_signal(self, number: signal.Signals) -> None:
        assert self._daemon is not None
        if self._daemon.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._daemon.pid, number)

    @property
    def said(self) -> str:
        """The daemon's and MediaMTX's last lines."""
        return "\n".join(self._lines[-80:])

    async def restart_daemon(self, *, version: str = "") -> None:
        """As after an update, or a changed configuration."""
        if version:
            self._argv[2] = _program(version)
        await self.signal("daemon", signal.SIGTERM)

    @contextlib.contextmanager
    def full_disk(self) -> Iterator[None]:
        """No byte more fits where the state is."""
        filler = self._state_dir / "filler"
        try:
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            with contextlib.suppress(OSError), filler.open("ab", buffering=0) as file:
                while True:
                    file.write(b"0")
            yield
        finally:
            filler.unlink()

    def rewrite(self, old: str, new: str) -> None:
        """Change the configuration; the next daemon reads it."""
        text = self._config.read_text()
        assert old in text
        self._config.write_text(text.replace(old, new))

    def processes(self) -> list[psutil.Process]:
        """All that run for this site."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("PORTAL_STATE_DIR") == str(self._state_dir):
                    found.append(process)
        return [one for one in found if one.status() != psutil.STATUS_ZOMBIE]

    def roles(self) -> list[str]:
        """What each of them is: "daemon", "mediamtx", "publisher" or "ffmpeg"."""
        found = []
        for one in self.processes():
            with contextlib.suppress(psutil.Error):
                found.append(_role(one))
        return [role for role in found if role]

    def process(self, what: str) -> psutil.Process:
        """`what`: "daemon", "mediamtx", "publisher", "ffmpeg". Raises `LookupError`."""
        for one in self.processes():
            with contextlib.suppress(psutil.Error):
                if _role(one) == what:
                    return one
        raise LookupError(f"no {what} runs")

    async def signal(self, what: str, number: signal.Signals) -> psutil.Process:
        """Send it once there is one."""
        async with asyncio.timeout(40):
            while True:
                with contextlib.suppress(LookupError, psutil.NoSuchProcess):
                    found = self.process(what)
                    found.send_signal(number)
                    return found
                await asyncio.sleep(0.05)

    async def state(self) -> dict[str, Any]:
        """What the daemon says of itself; {} while it does not answer."""
        return await self.request("GET", "/api/v1/state")

    async def request(
        self, method: str, path: str, body: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Ask the daemon from within the machine."""
        words = ["--request", method, "--silent", "--fail", "--max-time", "10"]
        if body is not None:
            words += ["--header", "Content-Type: application/json", "--data", json.dumps(body)]
        return await self._curl([*words, f"http://127.0.0.1:8080{path}"])

    async def media_server(self, path: str) -> dict[str, Any]:
        """Ask MediaMTX's control API."""
        credentials = json.loads((self._state_dir / "mediamtx-credentials.json").read_text())
        words = ["--silent", "--fail", "--max-time", "10", "--user", f"portal:{credentials['api']}"]
        return await self._curl([*words, f"http://127.0.0.1:9997/v3/{path}"])

    async def _curl(self, words: list[str]) -> dict[str, Any]:
        process = await asyncio.create_subprocess_exec(
            *self.machine.inside(["curl", *words]), stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        return dict(json.loads(output)) if process.returncode == 0 and output else {}


def _program(version: str) -> str:
    """`portal`, as if it were of another version."""
    told = f"import portal; portal.__version__ = {version!r}; " if version else ""
    return f"{told}from portal.__main__ import main; main()"


def _role(process: psutil.Process) -> str:
    words = process.cmdline()
    if process.name() == "mediamtx":
        return "mediamtx"
    if any(word.endswith("publisher.py") for word in words):
        return "publisher"
    if process.name().startswith("ffmpeg"):
        return "ffmpeg"
    return "daemon" if words[1:2] == ["-c"] and words[-1:] == ["run"] else ""


class _Notifications:
    """The daemon's words to systemd (sd_notify(3)); `last`: when the watchdog's beat was heard."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.last = 0.0

    def __enter__(self) -> Self:
        self._path.unlink(missing_ok=True)
        self._socket.bind(str(self._path))
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while said := self._socket.recv(4096):
                if said == b"WATCHDOG=1":
                    self.last = time.monotonic()

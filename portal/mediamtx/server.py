"""Keeps one MediaMTX running and answering: ours from before, or a new one.

Its life is not tied to ours. A daemon that crashes leaves it running, the next one adopts it, and
the picture goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import signal
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from portal.backoff import Backoff
from portal.config import Config
from portal.errors import MediaServerError, PortalError
from portal.mediamtx.client import MediaMtxClient
from portal.mediamtx.credentials import Credentials, credentials_of
from portal.mediamtx.launch import Launch, check_ports, prepare
from portal.mediamtx.record import RECORD_NAME, Record, exclusive
from portal.mediamtx.running import RunningProcess, boot_id, own_start_time
from portal.model import MediaServerStatus
from portal.state import StateBoard
from portal.words import MediaServerState

log = logging.getLogger(__name__)

_LOG = "mediamtx.log"
_LOG_LIMIT = 1_000_000
_READY_WITHIN_S = 15.0  # 0.1 s when the machine is idle
_STOP_GRACE_S = 1.2  # it waits for its publishers, which end within a second
_PING_EVERY_S = 2.0
_PING_TIMEOUT_S = 1.5
_MISSED_PINGS = 3  # hung after 4.5 s without an answer
_HEALTHY_AFTER_S = 2.0
_UNIT_WITHIN_S = 10.0  # a service unit starts its MediaMTX again within that, or we do
_FAULT = "media_server"
_TIMESTAMP = re.compile(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d ", re.MULTILINE)


class MediaServer:
    """`run()` never returns; `close()` ends MediaMTX, unless it has a service unit of its own."""

    def __init__(
        self, config: Config, state: StateBoard, state_dir: Path, credentials: Credentials
    ) -> None:
        self._config = config
        self._credentials = credentials
        self._state = state
        self._record_path = state_dir / RECORD_NAME
        self._log_path = state_dir / _LOG
        self._backoff = Backoff(first_s=0.1)
        self._process: RunningProcess | None = None
        self._is_units = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """An orderly end ends MediaMTX. A daemon that ends by a fault leaves it to the next one."""
        if exc is None:
            await self.close()
        else:
            self._forget()

    async def run(self) -> None:
        self._show(MediaServerState.STARTING)
        async with MediaMtxClient(
            self._config.api_url, self._credentials.api, timeout_s=_PING_TIMEOUT_S
        ) as client:
            while True:
                try:
                    await self._run_one(client)
                except PortalError as exc:
                    self._tell_fault(exc)
                finally:
                    # At the end of the daemon, `close` decides about a living one.
                    if self._process is not None and not self._process.is_alive:
                        self._forget()
                await asyncio.sleep(self._backoff.next())

    async def close(self) -> None:
        """INT, then KILL; no publisher or ffmpeg of it is left."""
        if self._process is None:
            record = Record.read(self._record_path)
            if record is not None and record.owner == "daemon":
                self._process = record.process()
        if self._process is not None:
            if not self._is_units:
                await self._process.stop(grace_s=_STOP_GRACE_S)
                with contextlib.suppress(OSError):  # a disk that became read-only
                    self._record_path.unlink(missing_ok=True)
            self._forget()

    async def _run_one(self, client: MediaMtxClient) -> None:
        """Adopt or start one, and watch it until its end. Raises `PortalError`."""
        launch = await asyncio.to_thread(prepare, self._config, self._credentials)
        process, version = await self._adopted(client, launch) or await self._started(launch)
        self._process = process
        await self._until_ready(process, client)
        self._tell_ready(process, version)
        began = time.monotonic()
        try:
            reason = await self._watch(process, client)
        finally:
            if time.monotonic() - began > _HEALTHY_AFTER_S:
                self._backoff.reset()
        self._tell_end(reason)

    async def _adopted(
        self, client: MediaMtxClient, launch: Launch
    ) -> tuple[RunningProcess, str] | None:
        """The one that the record names, if it is alive and good; else it is ended."""
        self._is_units = False
        record = Record.read(self._record_path)
        if record is None:
            return None
        process = record.process()
        if record.owner == "unit":
            process = process or await self._next_of_unit()
            self._is_units = process is not None
            if process is None:
                return None
            if record.fingerprint != launch.fingerprint:
                log.warning("MediaMTX's unit runs with other settings: systemctl restart mediamtx")
            return process, record.version
        if process is None:
            return None
        self._process = process
        if record.fingerprint != launch.fingerprint:
            log.info("MediaMTX runs with other settings: starting it again")
        elif await self._answers(client):
            log.info("adopted the MediaMTX that already runs (pid %d)", process.pid)
            return process, record.version
        await process.stop(grace_s=_STOP_GRACE_S)
        self._forget()
        return None

    async def _next_of_unit(self) -> RunningProcess | None:
        """The process that the unit starts in place of one that ended."""
        deadline = time.monotonic() + _UNIT_WITHIN_S
        while time.monotonic() < deadline:
            record = Record.read(self._record_path)
            process = record.process() if record is not None and record.owner == "unit" else None
            if process is not None:
                return process
            await asyncio.sleep(0.1)
        log.warning("MediaMTX's unit is down: starting one of our own")
        return None

    async def _started(self, launch: Launch) -> tuple[RunningProcess, str]:
        await asyncio.to_thread(check_ports, self._config)
        with contextlib.suppress(OSError):
            self._log_path.replace(self._log_path.with_suffix(".log.1"))
        with exclusive(self._record_path):
            return self._found_of_unit() or self._start(launch)

    def _found_of_unit(self) -> tuple[RunningProcess, str] | None:
        """The one whose unit came up while we were about to start our own."""
        record = Record.read(self._record_path)
        process = record.process() if record is not None and record.owner == "unit" else None
        if record is None or process is None:
            return None
        self._is_units = True
        return process, record.version

    def _start(self, launch: Launch) -> tuple[RunningProcess, str]:
        process = RunningProcess.start(launch.argv, env=launch.env, output=self._output())
        self._process = process
        record = Record(
            pid=process.pid,
            start_time=process.start_time,
            boot=boot_id(),
            fingerprint=launch.fingerprint,
            version=launch.version,
            owner="daemon",
        )
        try:
            record.write(self._record_path)
        except MediaServerError as exc:  # a full disk: the picture matters more than adoption
            log.warning("%s; after a crash the next daemon will not know this MediaMTX", exc)
        return process, launch.version

    def _output(self) -> Path:
        """The log, unless the disk became read-only: the picture matters more."""
        try:
            os.close(os.open(self._log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640))
        except OSError as exc:
            log.warning("MediaMTX runs without a log: %s", exc)
            return Path(os.devnull)
        return self._log_path

    async def _until_ready(self, process: RunningProcess, client: MediaMtxClient) -> None:
        deadline = time.monotonic() + _READY_WITHIN_S
        while process.is_alive:
            try:
                await client.paths()
            except MediaServerError as exc:
                if time.monotonic() > deadline:
                    if not self._is_units:
                        await process.kill()
                    raise MediaServerError(
                        f"MediaMTX gives no answer {_READY_WITHIN_S:.0f} s after its start",
                        remedy=f"see {self._log_path}",
                    ) from exc
                await asyncio.sleep(0.02)
            else:
                if process.is_alive:
                    return
        raise MediaServerError(
            f"MediaMTX ended at its start: {self._last_lines(1) or process.how_it_ended}",
            remedy=f"see {self._log_path}",
        )

    async def _watch(self, process: RunningProcess, client: MediaMtxClient) -> str:
        """Returns why it is no longer there. One that hangs is killed, and one that is to start
        again is ended, a unit's too: its unit starts it again."""
        missed = 0
        restarts = self._state.snapshot.media_server_restarts
        while True:
            if missed == 0:
                await self._pause(process, restarts)
            if not process.is_alive:
                return process.how_it_ended or "it ended"
            if self._state.snapshot.media_server_restarts != restarts:
                await process.stop(grace_s=_STOP_GRACE_S)
                self._backoff.reset()
                return "it was asked to start again"
            missed = 0 if await self._answers(client) else missed + 1
            if missed >= _MISSED_PINGS and process.is_alive:
                await process.kill()
                return f"it gave no answer for {_MISSED_PINGS * _PING_TIMEOUT_S:.0f} s"
            if missed and process.is_alive:
                await asyncio.sleep(0.1)  # a refused connection answers at once
            self._bound_log()

    async def _pause(self, process: RunningProcess, restarts: int) -> None:
        """Until the next look: cut short by its end, and by who wants it to start again."""
        wishes = self._state.wait_for(lambda now: now.media_server_restarts != restarts)
        waits = [asyncio.ensure_future(process.ended()), asyncio.ensure_future(wishes)]
        try:
            await asyncio.wait(waits, timeout=_PING_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _answers(self, client: MediaMtxClient) -> bool:
        try:
            await client.paths()
        except MediaServerError:
            return False
        return True

    def _forget(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None

    def _bound_log(self) -> None:
        with contextlib.suppress(OSError):
            if self._log_path.stat().st_size > _LOG_LIMIT:
                os.truncate(self._log_path, 0)  # it writes to the end, wherever that is

    def _last_lines(self, count: int) -> str:
        if self._is_units:
            return ""
        with contextlib.suppress(OSError), self._log_path.open("rb") as file:
            file.seek(max(0, self._log_path.stat().st_size - 4096))
            lines = _TIMESTAMP.sub("", file.read().decode(errors="replace")).splitlines()
            return "\n".join(lines[-count:])
        return ""

    def _show(self, state: MediaServerState, detail: str = "") -> None:
        """The next one counts as a new generation only when it answers."""
        self._state.update(
            media_server=MediaServerStatus(
                state=state,
                generation=self._state.snapshot.media_server.generation,
                detail=detail,
                since=time.time(),
            )
        )

    def _tell_ready(self, process: RunningProcess, version: str) -> None:
        generation = self._state.snapshot.media_server.generation + 1
        self._state.update(
            media_server=MediaServerStatus(
                state=MediaServerState.READY,
                version=version,
                pid=process.pid,
                generation=generation,
                since=time.time(),
            )
        )
        self._state.clear_fault(_FAULT)
        log.info("MediaMTX %s is ready (pid %d)", version, process.pid)

    def _tell_end(self, reason: str) -> None:
        log.warning("MediaMTX is gone: %s", reason)
        for line in self._last_lines(10).splitlines():
            log.warning("MediaMTX: %s", line)
        self._show(MediaServerState.DOWN, reason)

    def _tell_fault(self, exc: PortalError) -> None:
        shown = self._state.snapshot.media_server
        if shown.state is not MediaServerState.DOWN or shown.detail != exc.message:
            log.error("%s", exc)
            self._show(MediaServerState.DOWN, exc.message)
        self._state.raise_fault(_FAULT, exc.message, remedy=exc.remedy)


def exec_media_server(config: Config, state_dir: Path) -> None:
    """Become MediaMTX, as a service unit's main process. The daemon adopts it and leaves stopping
    and starting to the unit. Raises `PortalError`; does not return."""
    record_path = state_dir / RECORD_NAME
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise MediaServerError(f"{state_dir} cannot be made: {exc.strerror}") from exc
    launch = prepare(config, credentials_of(state_dir))
    with exclusive(record_path):
        previous = Record.read(record_path)
        Record(
            pid=os.getpid(),
            start_time=own_start_time(),
            boot=boot_id(),
            fingerprint=launch.fingerprint,
            version=launch.version,
            owner="unit",
        ).write(record_path)
    if previous is not None and previous.owner == "daemon":
        asyncio.run(_end(previous))
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execve(launch.argv[0], launch.argv, launch.env)  # noqa: S606 - that is its purpose


async def _end(record: Record) -> None:
    process = record.process()
    if process is not None:
        await process.stop(grace_s=_STOP_GRACE_S)
        process.close()

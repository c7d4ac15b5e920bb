"""A process that may outlive us, and may be older than we are: known by pid and start time,
watched by pidfd, which needs no parenthood."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from portal.errors import MediaServerError, ProcessError

_KILL_WITHIN_S = 5.0
# Python ignores these; a child must not inherit that.
_DEFAULT_SIGNALS = (signal.SIGPIPE, signal.SIGXFSZ)


class RunningProcess:
    """Made by `start` or `find`; `close` it at the end. `start_time` is in clock ticks since the
    boot `boot_id`: with the pid, that names one process for ever."""

    def __init__(self, pid: int, pidfd: int, start_time: int) -> None:
        self.pid = pid
        self.start_time = start_time
        self.how_it_ended = ""
        self._pidfd = pidfd
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(pidfd, self._on_end)

    @classmethod
    def start(cls, argv: Sequence[str], *, env: Mapping[str, str], output: Path) -> Self:
        """Start `argv` in a session of its own, writing to the end of a file: a pipe would end
        with us, and a Go program with its pipe. Raises `ProcessError`."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        try:
            pid = os.posix_spawn(
                argv[0],
                list(argv),
                env,
                file_actions=(
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 1, output, flags, 0o640),
                    (os.POSIX_SPAWN_DUP2, 1, 2),
                ),
                setsid=True,
                setsigmask=(),
                setsigdef=_DEFAULT_SIGNALS,
            )
        except OSError as exc:
            raise ProcessError(f"{argv[0]} cannot be started: {exc.strerror}") from exc
        # Not reaped yet, so the pid is still its own even if it has ended.
        return cls(pid, os.pidfd_open(pid), _start_time(pid))

    @classmethod
    def find(cls, pid: int, start_time: int) -> Self | None:
        """The process of this boot that is meant, if it is alive."""
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            return None
        try:
            alive = _start_time(pid) == start_time and _status(pid)[0] not in {"Z", "X"}
        except ProcessError:
            alive = False
        if not alive:
            os.close(pidfd)
            return None
        return cls(pid, pidfd, start_time)

    @property
    def is_alive(self) -> bool:
        return not self._ended.is_set()

    async def ended(self) -> None:
        """Returns once the process has ended; `how_it_ended` says how, if it was our child."""
        await self._ended.wait()

    async def stop(self, *, grace_s: float) -> None:
        """INT, KILL after `grace_s`, reap. MediaMTX 1.12 ends its hooks at INT only."""
        self._signal(signal.SIGINT)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self._ended.wait()
        await self.kill()

    async def kill(self) -> None:
        """Raises `MediaServerError` if it does not end: another user's, or stuck in the kernel."""
        self._signal(signal.SIGKILL)
        try:
            async with asyncio.timeout(_KILL_WITHIN_S):
                await self._ended.wait()
        except TimeoutError as exc:
            raise MediaServerError(
                f"MediaMTX (pid {self.pid}) cannot be ended",
                remedy="run it as portal's user, or restart the machine",
            ) from exc

    def close(self) -> None:
        """Watch it no more; it lives on."""
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1

    def _on_end(self) -> None:
        self._loop.remove_reader(self._pidfd)
        with contextlib.suppress(ChildProcessError):  # not ours to reap
            ended = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOHANG)
            if ended is not None:
                killed = ended.si_code != os.CLD_EXITED
                self.how_it_ended = (
                    f"killed by {signal.Signals(ended.si_status).name}"
                    if killed
                    else f"exit code {ended.si_status}"
                )
        self._ended.set()

    def _signal(self, number: signal.Signals) -> None:
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                signal.pidfd_send_signal(self._pidfd, number)


def boot_id() -> str:
    """Names this boot of the machine: start times are counted from it."""
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


def own_start_time() -> int:
    return _start_time(os.getpid())


def _start_time(pid: int) -> int:
    return int(_status(pid)[19])


def _status(pid: int) -> list[str]:
    """proc(5), /proc/PID/stat, from the third field ("state") on."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError as exc:
        raise ProcessError(f"no process {pid}") from exc
    return text.rpartition(")")[2].split()

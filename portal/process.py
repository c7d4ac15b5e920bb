"""One child process: started in a session of its own, its last lines kept, always reaped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from portal.errors import ProcessError


class ChildProcess:
    """Made by `spawn`. Output (stdout and stderr as one) is read until the child ends."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        *,
        name: str,
        keep_lines: int,
        on_line: Callable[[str], None] | None,
    ) -> None:
        self._process = process
        self._on_line = on_line
        self._lines: deque[str] = deque(maxlen=keep_lines)
        self._reader = asyncio.create_task(self._read(), name=f"{name} output")
        self.name = name

    @classmethod
    async def spawn(
        cls,
        argv: Sequence[str],
        *,
        name: str,
        env: Mapping[str, str] | None = None,
        keep_lines: int = 50,
        on_line: Callable[[str], None] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> ChildProcess:
        """Start `argv` as the leader of its own session. Raises `ProcessError` when it can't be."""
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                env=env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                pass_fds=pass_fds,
            )
        except FileNotFoundError as exc:
            raise ProcessError(
                f"{argv[0]} is not installed", remedy=f"install {name}, or name its path"
            ) from exc
        except OSError as exc:
            raise ProcessError(f"{argv[0]} cannot be started: {exc.strerror}") from exc
        return cls(process, name=name, keep_lines=keep_lines, on_line=on_line)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.returncode

    @property
    def last_lines(self) -> tuple[str, ...]:
        return tuple(self._lines)

    async def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None  # noqa: S101 - spawn() asked for a pipe
        while True:
            try:
                raw = await stream.readline()
            except ValueError:  # a line over the stream's 64 KiB limit: dropped, reading goes on
                continue
            if not raw:
                return
            line = raw.decode(errors="replace").rstrip()
            self._lines.append(line)
            if self._on_line is not None:
                self._on_line(line)

    async def wait(self) -> int:
        """The exit code, after all output was read (for at most a second: a grandchild may hold
        the pipe)."""
        code = await self._process.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await asyncio.shield(self._reader)
        return code

    async def ended(self) -> str:
        """Wait for its end; how it came, in words."""
        code = await self.wait()
        if code < 0:
            return f"was ended by {signal.Signals(-code).name}"
        return f"ended by itself ({code})"

    async def stop(self, *, grace_s: float = 2.0) -> int:
        """TERM to the group, KILL after `grace_s`, reap. Returns the exit code; idempotent."""
        if self._process.returncode is None:
            self._signal(signal.SIGTERM)
            try:
                # Not wait_for(): in Python 3.11 it forgets that it was cancelled when the child
                # ends in the same moment, as at the stop of a unit.
                async with asyncio.timeout(grace_s):
                    await self._process.wait()
            except TimeoutError:
                self._signal(signal.SIGKILL)
                await self._process.wait()
        self._signal(signal.SIGKILL)  # what is left of the group
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        # asyncio closes the pipe transport only when its reader saw the end.
        transport = getattr(self._process, "_transport", None)
        if transport is not None:
            transport.close()
        code = self._process.returncode
        return -signal.SIGKILL if code is None else code

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

"""What a crashed daemon leaves: MediaMTX lives on. The demo adopts it, and ends it at the end."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
from collections.abc import Callable

import psutil

_PR_SET_CHILD_SUBREAPER = 36  # prctl(2): orphans become our children, so none is left behind


def adopt_orphans() -> None:
    """MediaMTX outlives a daemon that crashed, and becomes ours until the next daemon takes it."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


async def reap_orphans(own: Callable[[], set[int]]) -> None:
    """Reap adopted processes that ended, other than those whose pids `own` names. Never returns."""
    while True:
        ours = own()
        for child in psutil.Process().children():
            with contextlib.suppress(psutil.NoSuchProcess, ChildProcessError):
                if child.pid not in ours and child.status() == psutil.STATUS_ZOMBIE:
                    os.waitpid(child.pid, os.WNOHANG)  # noqa: ASYNC222 - WNOHANG never blocks
        await asyncio.sleep(1.0)


def end_descendants() -> None:
    """TERM, a second, KILL, for everything below this process. Blocks."""
    left = psutil.Process().children(recursive=True)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(left, timeout=1.0)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=1.0)

"""What every test gets: an address of its own, and guards that fail a test which leaks."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

_numbers = itertools.count(1)


def unused_loopback() -> str:
    """As `loopback`, for fixtures that outlive a test."""
    number = next(_numbers)
    return f"127.{os.getpid() % 200 + 20}.{number // 250}.{number % 250 + 1}"


@pytest.fixture
def loopback() -> str:
    """A loopback address that no other test of this run uses: all ports on it are free."""
    return unused_loopback()


@pytest.fixture
def other_loopback() -> str:
    """A second one, for the other site."""
    return unused_loopback()


@pytest.fixture
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty state directory, also in the environment."""
    path = tmp_path / "state"
    path.mkdir()
    monkeypatch.setenv("PORTAL_STATE_DIR", str(path))
    return path


def _children() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    """Children that a test started have ended and were reaped."""
    before = _children()
    yield
    deadline = time.monotonic() + 10.0
    while (left := _children() - before) and time.monotonic() < deadline:
        time.sleep(0.05)
    described = []
    for process in left:
        try:
            described.append(f"{process.pid} {' '.join(process.cmdline())[:120]}")
            process.kill()
        except psutil.NoSuchProcess:
            continue
    assert not described, f"processes left behind: {described}"


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Threads that a test started have ended. asyncio's own pool and child watcher don't count."""
    before = set(threading.enumerate())
    yield

    def left() -> list[threading.Thread]:
        return [
            thread
            for thread in threading.enumerate()
            if thread not in before
            and thread.is_alive()
            and not thread.name.startswith(("asyncio_", "waitpid-", "ThreadPoolExecutor"))
        ]

    deadline = time.monotonic() + 10.0
    while left() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left(), f"threads left behind: {[thread.name for thread in left()]}"


@pytest_asyncio.fixture(autouse=True)
async def no_task_is_left(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """Tasks that an async test started have ended."""
    if not asyncio.iscoroutinefunction(getattr(request, "function", None)):
        yield
        return
    before = asyncio.all_tasks()
    yield
    await asyncio.sleep(0)
    left = [task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()]
    deadline = time.monotonic() + 5.0
    while left and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
        left = [task for task in left if not task.done()]
    assert not left, f"tasks left behind: {[task.get_name() for task in left]}"

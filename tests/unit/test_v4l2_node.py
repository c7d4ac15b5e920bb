"""A device is asked in a thread that nobody has to wait for."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from portal.cameras.v4l2 import answer
from portal.cameras.v4l2 import node as room
from portal.errors import CameraError


@contextmanager
def hanging() -> Iterator[threading.Event]:
    """What a device waits for that hangs in the kernel."""
    released = threading.Event()
    try:
        yield released
    finally:
        released.set()


async def until_free(node: str) -> None:
    async with asyncio.timeout(5):
        while node in room._unanswered:  # noqa: ASYNC110 - it tells no event
            await asyncio.sleep(0.005)


async def test_the_answer_or_the_refusal_comes_back() -> None:
    assert await answer("/dev/video9", lambda node: node.upper()) == "/DEV/VIDEO9"

    def refuse(node: str) -> None:
        raise CameraError(f"{node} is gone")

    with pytest.raises(CameraError, match="/dev/video9 is gone"):
        await answer("/dev/video9", refuse)


async def test_a_device_that_hangs_is_given_up_and_not_asked_until_it_returns() -> None:
    with hanging() as released:
        with pytest.raises(CameraError, match=r"/dev/video9 gives no answer; unplug"):
            await answer("/dev/video9", lambda _: released.wait(30), within_s=0.05)
        before = threading.active_count()
        with pytest.raises(CameraError, match="gives no answer"):
            await answer("/dev/video9", lambda _: None)
        assert threading.active_count() == before
        assert await answer("/dev/video8", lambda _: "another one does") == "another one does"
    await until_free("/dev/video9")
    assert await answer("/dev/video9", lambda _: "again") == "again"


async def test_the_loop_runs_on_while_a_device_is_asked() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    task = asyncio.create_task(tick())
    await answer("/dev/video9", lambda _: time.sleep(0.2))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert ticks >= 3


async def test_who_stops_waiting_is_cancelled_also_when_the_answer_is_there() -> None:
    asked = threading.Event()

    def reply(_node: str) -> str:
        asked.set()
        return "there"

    task = asyncio.create_task(answer("/dev/video9", reply))
    await asyncio.sleep(0)
    asked.wait(5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

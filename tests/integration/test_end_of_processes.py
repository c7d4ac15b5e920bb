"""Who is told to end while a child process ends does so: a unit's stop ends all of them at once."""

from __future__ import annotations

import asyncio

import pytest

from portal.process import ChildProcess


@pytest.mark.parametrize("number", range(1, 5))
async def test_waiting_for_a_child_that_ends_can_be_cancelled(number: int) -> None:
    child = await ChildProcess.spawn(["true"], name="child")
    await child.wait()
    waiting = asyncio.create_task(child.wait())
    assert await is_cancelled(waiting, number)
    await child.stop()


async def is_cancelled(task: asyncio.Task[int], number: int) -> bool:
    """Also when it is after that many turns of the event loop; or it was done before."""
    for _ in range(number):
        await asyncio.sleep(0)
    was_cancelled = task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return task.cancelled() is was_cancelled


@pytest.mark.parametrize(
    ("script", "how"), [("exit 3", "ended by itself (3)"), ("kill -9 $$", "was ended by SIGKILL")]
)
async def test_how_a_child_ended_is_said_in_words(script: str, how: str) -> None:
    child = await ChildProcess.spawn(["sh", "-c", script], name="child")
    assert await child.ended() == how
    await child.stop()

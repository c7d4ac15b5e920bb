"""A box remembers that it has met another site."""

from __future__ import annotations

import asyncio
from pathlib import Path

from portal.acquaintance import DOCUMENT, Acquaintance, Meeting
from portal.model import LinkStatus, RemoteSite, SiteStatus, Snapshot
from portal.state import StateBoard
from portal.store import Store
from portal.words import CameraState, LinkState


def new_board() -> StateBoard:
    return StateBoard(
        Snapshot(site=SiteStatus(name="dublin", title="Dublin", version="1", started_at=0))
    )


async def end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_meeting_is_remembered_over_a_power_cut(tmp_path: Path) -> None:
    store, board = Store(tmp_path), new_board()
    meeting: asyncio.Task[None] = asyncio.create_task(Meeting(board, store).run())
    remote = RemoteSite(name="ny", title="NY", version="1", camera=CameraState.ABSENT)
    board.update(link=LinkStatus(state=LinkState.UP, remote=remote))
    await board.wait_for(lambda now: now.met)
    async with asyncio.timeout(5):
        while not store.load(DOCUMENT, Acquaintance).met:  # noqa: ASYNC110 - a file tells no event
            await asyncio.sleep(0.01)
    await end(meeting)

    later = new_board()
    meeting = asyncio.create_task(Meeting(later, store).run())
    async with asyncio.timeout(5):
        await later.wait_for(lambda now: now.met)
    await end(meeting)

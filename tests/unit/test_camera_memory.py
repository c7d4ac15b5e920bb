"""What is known of the cameras gets to the disk, however slow that is."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import msgspec
import pytest

from portal.cameras import memory as module
from portal.cameras.memory import CameraMemory, MemoryKeeper, recall
from portal.errors import StoreError
from portal.model import SiteStatus, Snapshot
from portal.state import StateBoard
from portal.store import Store


class SlowStore(Store):
    """A worn SD card."""

    def __init__(self, state_dir: Path) -> None:
        super().__init__(state_dir)
        self.began = threading.Semaphore(0)
        self.may_go_on = threading.Semaphore(0)

    def save(self, name: str, document: msgspec.Struct) -> None:
        self.began.release()
        assert self.may_go_on.acquire(timeout=10)
        super().save(name, document)


async def test_what_is_taken_back_while_it_is_written_does_not_stay(tmp_path: Path) -> None:
    Store(tmp_path).save("cameras", CameraMemory(chosen="one"))
    store = SlowStore(tmp_path)
    site = SiteStatus(name="here", title="Here", version="0", started_at=0)
    keeper = MemoryKeeper(store, StateBoard(Snapshot(site=site)))
    memory = await keeper.recall()
    task = asyncio.create_task(keeper.run())
    try:
        keeper.keep(CameraMemory(chosen="other"))
        assert await asyncio.to_thread(store.began.acquire, timeout=10)
        keeper.keep(memory)
        store.may_go_on.release(2)
        assert await asyncio.to_thread(store.began.acquire, timeout=2), "not written again"
        async with asyncio.timeout(10):
            while recall(store).chosen != "one":  # noqa: ASYNC110 - no event tells it
                await asyncio.sleep(0.01)
    finally:
        store.may_go_on.release(2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class FullStore(Store):
    is_full = True

    def save(self, name: str, document: msgspec.Struct) -> None:
        if self.is_full:
            raise StoreError("no byte more fits")
        super().save(name, document)


async def test_what_a_full_disk_refused_is_written_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SAVE_AGAIN_S", 0.01)
    store = FullStore(tmp_path)
    site = SiteStatus(name="here", title="Here", version="0", started_at=0)
    state = StateBoard(Snapshot(site=site))
    keeper = MemoryKeeper(store, state)
    task = asyncio.create_task(keeper.run())
    try:
        keeper.keep(CameraMemory(chosen="one"))
        async with asyncio.timeout(10):
            await state.wait_for(lambda new: bool(new.faults))
            store.is_full = False
            await state.wait_for(lambda new: not new.faults)
        assert recall(store).chosen == "one"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

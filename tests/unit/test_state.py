"""Everybody reads the same snapshot, and hears of each change."""

from __future__ import annotations

import asyncio

from portal.model import CameraStatus, SiteStatus, Snapshot
from portal.state import StateBoard
from portal.words import CameraState


def board() -> StateBoard:
    return StateBoard(Snapshot(site=SiteStatus(name="a", title="A", version="0", started_at=0.0)))


async def test_a_slow_subscriber_gets_the_newest_snapshot_only() -> None:
    state = board()
    stream = state.subscribe()
    assert (await anext(stream)).camera.state is CameraState.ABSENT
    state.update(camera=CameraStatus(state=CameraState.STARTING))
    state.update(camera=CameraStatus(state=CameraState.LIVE))
    assert (await anext(stream)).camera.state is CameraState.LIVE
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    state.update(camera=CameraStatus(state=CameraState.LIVE))  # equal: nobody is woken
    await asyncio.sleep(0)
    assert not waiting.done()
    state.raise_fault("disk", "The disk is full")
    assert (await waiting).faults[0].key == "disk"
    state.clear_fault("disk")
    assert state.snapshot.faults == ()
    await stream.aclose()  # type: ignore[attr-defined]


async def test_waiting_ends_at_the_first_snapshot_that_fits() -> None:
    state = board()
    waiting = asyncio.ensure_future(
        state.wait_for(lambda snapshot: snapshot.camera.state is CameraState.LIVE)
    )
    await asyncio.sleep(0)
    state.update(camera=CameraStatus(state=CameraState.LIVE))
    assert (await waiting).camera.state is CameraState.LIVE


async def test_waiting_for_a_change_ends_with_it_or_when_the_time_is_over() -> None:
    state = board()

    def camera_state(snapshot: Snapshot) -> CameraState:
        return snapshot.camera.state

    assert not await state.wait_for_change(camera_state, CameraState.ABSENT, within_s=0)
    waiting = asyncio.ensure_future(state.wait_for_change(camera_state, CameraState.ABSENT))
    await asyncio.sleep(0)
    state.raise_fault("disk", "The disk is full")
    await asyncio.sleep(0)
    assert not waiting.done(), "something else changed"
    state.update(camera=CameraStatus(state=CameraState.LIVE))
    assert await waiting


async def test_faults_that_are_told_again_wake_nobody() -> None:
    state = board()
    state.raise_fault("disk", "The disk is full")
    state.raise_fault("microphone", "The microphone is gone")
    before = state.snapshot
    state.raise_fault("disk", "The disk is full")
    assert state.snapshot is before
    state.raise_fault("disk", "The disk is read-only")
    assert state.snapshot.faults[0].message == "The disk is read-only"

"""The picture check with everything real: camera state in, what a screen would see out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from portal.model import CameraStatus
from portal.picture import FAULT, Pace, PictureCheck
from portal.probe import probe
from portal.state import StateBoard
from portal.words import CameraState, PictureState
from tests.integration.streams import (
    MOVING,
    STILL,
    bare_media_server,
    count,
    publishing,
    until,
)
from tests.integration.web_server import board_of, config_at
from tests.tries import best_of_three

QUICK = Pace(settle_s=0.1, spacing_s=0.5, routine_s=60, looks_before_fault=2)


@asynccontextmanager
async def _checked(address: str) -> AsyncIterator[StateBoard]:
    config = config_at(address)
    state = board_of(config)
    task = asyncio.create_task(PictureCheck(config, state, pace=QUICK).run())
    try:
        yield state
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _camera_is_live(state: StateBoard) -> None:
    state.update(camera=CameraStatus(state=CameraState.LIVE, since=time.time()))


async def _published(address: str) -> None:
    async with asyncio.timeout(20):
        while not (await probe(config_at(address).whep_url, seconds=0.1)).frames:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def test_a_moving_camera_makes_a_live_picture(loopback: str, tmp_path: Path) -> None:
    async with (
        bare_media_server(loopback, tmp_path),
        publishing(loopback, MOVING),
        _checked(loopback) as state,
    ):
        await _published(loopback)
        _camera_is_live(state)
        async with asyncio.timeout(40):
            seen = await state.wait_for(
                lambda now: now.picture.state is PictureState.LIVE and not now.faults
            )
        assert (seen.picture.width, seen.picture.height) == (640, 360)
        assert seen.picture.checked_at > 0


async def test_a_frozen_camera_is_a_fault_until_it_moves(loopback: str, tmp_path: Path) -> None:
    async with bare_media_server(loopback, tmp_path), _checked(loopback) as state:
        async with publishing(loopback, STILL):
            await _published(loopback)
            _camera_is_live(state)
            async with asyncio.timeout(40):
                seen = await state.wait_for(
                    lambda now: bool(now.faults) and "frozen" in now.faults[0].message
                )
            assert [fault.key for fault in seen.faults] == [FAULT]
            assert seen.faults[0].remedy
        async with publishing(loopback, MOVING):
            await _published(loopback)
            async with asyncio.timeout(40):
                await state.wait_for(
                    lambda now: now.picture.state is PictureState.LIVE and not now.faults
                )


async def test_a_look_under_way_ends_with_the_daemon(loopback: str, tmp_path: Path) -> None:
    """The guards of conftest see to it that no child is left."""
    async with (
        bare_media_server(loopback, tmp_path) as server,
        publishing(loopback, MOVING),
    ):
        await _published(loopback)

        async def end() -> float:
            async with _checked(loopback) as state:
                opened = count(server, "is reading")
                _camera_is_live(state)
                await until(lambda: count(server, "is reading") > opened, limit_s=20)
                started = time.monotonic()
            return time.monotonic() - started

        await best_of_three(end, below=2.5)

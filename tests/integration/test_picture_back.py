"""How soon a reader has a picture again after ffmpeg died, or lives and sends nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import time
from pathlib import Path

import pytest

from portal.config import Config, parse_config
from portal.errors import PictureError
from portal.probe import open_reader
from portal.state import StateBoard
from portal.words import CameraState
from tests.integration.media import PATTERN, below, new_board, publishing

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def config(loopback: str) -> Config:
    return parse_config(
        f'[site]\nname = "dublin"\naddress = "{loopback}"\n'
        "[video]\nwidth = 640\nheight = 360\nfps = 30\nbitrate_kbps = 800\n"
    )


async def picture_back(config: Config, state: StateBoard, number: signal.Signals) -> float:
    """A reader watches; ffmpeg gets the signal; the reader knocks until it decodes a new picture.
    Seconds from the signal to that."""
    (ffmpeg,) = below(state.snapshot.media_server.pid, "ffmpeg")
    began = 0.0
    while True:
        try:
            async with open_reader(config.whep_url, frame_timeout_s=10) as frames:
                if not began:
                    for _ in range(30):
                        await anext(frames)
                    began = time.monotonic()
                    os.kill(ffmpeg.pid, number)
                    async for _ in frames:
                        pass
                else:
                    return (await anext(frames)).received_at - began
        except (PictureError, StopAsyncIteration):
            assert began, "no picture to begin with"
            assert time.monotonic() - began < 30
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("number", "times", "within_s"),
    [(signal.SIGKILL, 5, 1.5), (signal.SIGSTOP, 3, 5.0)],
    ids=["killed", "stopped"],
)
async def test_the_picture_is_back_at_a_reader(
    config: Config, state_dir: Path, number: signal.Signals, times: int, within_s: float
) -> None:
    state = new_board(PATTERN)
    took = []
    async with publishing(config, state, state_dir):
        for _ in range(times):
            await asyncio.wait_for(
                state.wait_for(lambda new: new.camera.state is CameraState.LIVE), 30
            )
            await asyncio.sleep(2.5)  # healthy: a restart is not delayed
            took.append(await picture_back(config, state, number))
    print(f"ffmpeg {number.name} to picture at the reader: {sorted(round(one, 2) for one in took)}")
    assert statistics.median(took) < within_s

"""What people chose and what the schedule says, with a real daemon: nothing is encoded."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import psutil
import pytest

from tests.integration.test_daemon import config_file, portal, until_state

pytestmark = pytest.mark.timeout(90)
__all__ = ["config_file"]  # a fixture


async def _post(address: str, path: str, **wish: bool) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://{address}:8080/api/v1/{path}", json=wish) as answer,
    ):
        assert answer.status == 200, await answer.text()


def _encoders(daemon: int) -> list[psutil.Process]:
    below = psutil.Process(daemon).children(recursive=True)
    return [child for child in below if child.name().startswith("ffmpeg")]


async def test_a_paused_camera_stays_paused_when_the_daemon_is_killed(
    config_file: Path, loopback: str
) -> None:
    async with portal("--config", str(config_file), "run") as first:
        await until_state(loopback, {"camera": "live"})
        await _post(loopback, "camera", paused=True)
        first.kill()
        await first.wait()
    async with portal("--config", str(config_file), "run") as second:
        await until_state(loopback, {"camera": "paused", "media_server": "ready"})
        assert _encoders(second.pid) == []
        await _post(loopback, "camera", paused=False)
        await until_state(loopback, {"camera": "live"})


async def test_quiet_hours_hide_the_camera_until_somebody_wants_to_be_seen(
    config_file: Path, loopback: str
) -> None:
    now = datetime.now(UTC)
    start, end = (f"{now + timedelta(hours=hours):%H:%M}" for hours in (-2, 2))
    text = config_file.read_text().replace("[site]", '[site]\n    time_zone = "UTC"')
    config_file.write_text(f'{text}\n[[quiet_hours]]\nstart = "{start}"\nend = "{end}"\n')
    async with portal("--config", str(config_file), "run"):
        state = await until_state(loopback, {"camera": "paused", "media_server": "ready"})
        assert not state["display_on"]
        assert state["quiet_until"] > time.time()
        await _post(loopback, "camera", paused=False)
        await _post(loopback, "display", on=True)
        state = await until_state(loopback, {"camera": "live"})
        assert state["display_on"]
        assert state["quiet_until"] == 0

"""A camera that freezes while its ffmpeg lives: two real daemons, and a page that only reports."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest

from bench.camera import stamped_camera
from bench.source import Mode
from portal.errors import PictureError
from portal.probe import open_reader
from tests.integration.test_daemon import portal, until_state

pytestmark = pytest.mark.timeout(300)

MODE = Mode(width=640, height=360, fps=15)
# Who asks another site looks for 2 s first: its own screen may be at fault.
WITHIN_S = {"its publisher": 5.0, "the other site": 12.0}
ROUNDS = 2

_CONFIG = """
    [site]
    name = "{name}"
    address = "{address}"
    [video]
    width = 640
    height = 360
    fps = 15
    bitrate_kbps = 1000
    [[peers]]
    name = "{peer}"
    address = "{peer_address}"
    [discovery]
    enabled = false
"""


class Page:
    """A kiosk page that knows no step of its own: it reads, compares, and reports each second."""

    def __init__(self, address: str) -> None:
        self._base = f"http://{address}:8080"
        self.moved_at = 0.0
        self.frames = 0
        self.steps: list[str] = []

    async def read(self) -> None:
        last = b""
        while True:
            with contextlib.suppress(PictureError):
                async with open_reader(f"{self._base}/whep/peer", frame_timeout_s=2) as frames:
                    async for frame in frames:
                        self.frames += 1
                        luma = frame.luma_samples()
                        if _differ(last, luma):
                            self.moved_at = time.monotonic()
                        last = luma
            await asyncio.sleep(0.1)

    async def report(self) -> None:
        async with aiohttp.ClientSession() as session:
            before = 0
            while True:
                fps, before = self.frames - before, self.frames
                still_s = time.monotonic() - self.moved_at
                report: dict[str, Any] = {
                    "page": "one",
                    "screen": True,
                    "state": "live" if fps else "connecting",
                    "uptime_s": time.monotonic(),
                    "frames": self.frames,
                    "fps": fps,
                    "transport": "udp",
                    "moved_s": still_s if self.moved_at else None,
                }
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.post(f"{self._base}/api/v1/screen", json=report) as answer:
                        assert answer.status == 200, await answer.text()
                        self.steps.append((await answer.json())["order"])
                await asyncio.sleep(1)

    async def until_moving(self, seconds: float) -> int:
        """Steadily: a reader on a busy machine may be late by a second, not by more. How many
        steps there were when that began."""
        async with asyncio.timeout(90):
            began, steps = time.monotonic(), len(self.steps)
            while time.monotonic() - began < seconds:
                if time.monotonic() - self.moved_at > 1:
                    began, steps = time.monotonic(), len(self.steps)
                await asyncio.sleep(0.05)
        return steps

    async def until_back(self) -> float:
        """When it moved again, after it stood."""
        async with asyncio.timeout(60):
            while time.monotonic() - self.moved_at < 1:  # noqa: ASYNC110 - it tells no event
                await asyncio.sleep(0.05)
            stood_since = self.moved_at
            while self.moved_at == stood_since:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
        return self.moved_at


def _differ(one: bytes, other: bytes) -> bool:
    """By more than an encoder's afterthoughts about a still picture."""
    changes = (abs(a - b) >= 16 for a, b in zip(one, other, strict=False))
    return len(one) != len(other) or sum(changes) > len(one) // 100


@contextlib.asynccontextmanager
async def page_at(address: str) -> AsyncIterator[Page]:
    page = Page(address)
    tasks = [asyncio.create_task(page.read()), asyncio.create_task(page.report())]
    try:
        yield page
    finally:
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result


@contextlib.asynccontextmanager
async def site(folder: Path, text: str) -> AsyncIterator[asyncio.subprocess.Process]:
    folder.mkdir()
    (folder / "portal.toml").write_text(text)
    state_dir = {"PORTAL_STATE_DIR": str(folder / "state")}
    arguments = ("--config", str(folder / "portal.toml"), "run")
    async with portal(*arguments, env=state_dir) as process:
        yield process


# An ffmpeg whose publisher does not hear of frames that are alike, as when it copies H.264.
_DEAF = """#!/bin/sh
for word do
    shift
    set -- "$@" "$(printf %s "$word" | sed 's/,freezedetect=.*:direct=1//')"
done
exec ffmpeg "$@"
"""


@pytest.mark.parametrize("seen_by", ["its publisher", "the other site"])
async def test_a_camera_that_freezes_is_started_again_by_who_sees_it(
    tmp_path: Path, loopback: str, other_loopback: str, seen_by: str
) -> None:
    deaf = tmp_path / "ffmpeg"
    deaf.write_text(_DEAF)
    deaf.chmod(0o755)
    names = {"name": "dublin", "peer": "new-york"}
    addresses = {"address": loopback, "peer_address": other_loopback}
    dublin = _CONFIG.format(**names, **addresses)
    new_york = _CONFIG.format(
        name="new-york", peer="dublin", address=other_loopback, peer_address=loopback
    )
    if seen_by == "the other site":
        dublin = dublin.replace("[video]", f'[video]\n    ffmpeg = "{deaf}"')
    step = Counter({"peer-publisher": 1} if seen_by == "the other site" else {})
    rounds: list[Round] = []
    async with (
        stamped_camera(tmp_path, MODE) as camera,
        site(tmp_path / "dublin", dublin + camera.section),
        site(tmp_path / "new-york", new_york),
    ):
        await until_state(loopback, {"camera": "live", "link": "up"})
        await until_state(other_loopback, {"link": "up"})
        async with page_at(other_loopback) as page:
            # A machine that stalls looks frozen itself: then more is done than has to be.
            while len(rounds) < 2 * ROUNDS + 1 and not are_enough(rounds, WITHIN_S[seen_by]):
                steps = await page.until_moving(15)
                before = await heals_at(other_loopback)
                began = time.monotonic()
                camera.freeze()
                took = await page.until_back() - began
                done = await heals_at(other_loopback) - before
                orders = [order for order in page.steps[steps:] if order]
                # The page is left alone.
                rounds.append(Round(done == step and not orders, took, done, orders))
    print("seconds until a frozen camera moves again:", [round(one.took_s, 2) for one in rounds])
    assert are_enough(rounds, WITHIN_S[seen_by]), rounds


class Round(NamedTuple):
    """`is_right`: what was done is what had to be."""

    is_right: bool
    took_s: float
    done: Counter[str]
    orders: list[str]


def are_enough(rounds: list[Round], within_s: float) -> bool:
    right = [one.took_s for one in rounds if one.is_right]
    return len(right) >= ROUNDS and min(right) < within_s


async def heals_at(address: str) -> Counter[str]:
    """What the site did for its picture."""
    state = await until_state(address, {"link": "up"})
    return Counter({heal["step"]: heal["count"] for heal in state["heals"]})

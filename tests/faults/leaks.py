"""What two sites hold, and that it is the same after a fault as before it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter

import psutil

from tests.faults.box import Box
from tests.faults.world import World

# A daemon has 25 to 35, MediaMTX with a screen about 20: what leaks over many faults comes beyond.
_MOST_DESCRIPTORS = 64
_WITHIN_S = 60.0

Holdings = dict[str, Counter[str]]

# One publisher with its session and path, one screen.
_WANTED: Holdings = {
    "dublin": Counter(
        daemon=1, mediamtx=1, publisher=1, ffmpeg=1, webrtcsessions=1, rtspsessions=1, paths=1
    ),
    "new-york": Counter(daemon=1, mediamtx=1, webrtcsessions=0, rtspsessions=0, paths=0),
}


async def _holdings(world: World) -> Holdings:
    return {box.name: await _held_by(box) for box in (world.dublin, world.new_york)}


async def _held_by(box: Box) -> Counter[str]:
    """Processes by what they do, and sessions by kind. A look at the own picture, now and then,
    is one session more for two seconds."""
    found = Counter(box.roles())
    for kind in ("webrtcsessions", "rtspsessions", "paths"):
        found[kind] = (await box.media_server(f"{kind}/list")).get("itemCount", -1)
    return found


def _descriptors(world: World) -> Counter[str]:
    """Open file descriptors of the processes that stay."""
    found: Counter[str] = Counter()
    for box in (world.dublin, world.new_york):
        for kind in ("daemon", "mediamtx"):
            with contextlib.suppress(LookupError, psutil.Error):
                found[f"{box.name} {kind}"] = box.process(kind).num_fds()
    return found


async def nothing_leaked(world: World) -> None:
    """Sessions of a lost network end after their timeouts. Raises `AssertionError`."""
    try:
        async with asyncio.timeout(_WITHIN_S):
            while await _holdings(world) != _WANTED:  # noqa: ASYNC110 - it tells no event
                await asyncio.sleep(0.5)
    except TimeoutError:
        now = await _holdings(world)
        raise AssertionError(f"left behind: {now}, wanted: {_WANTED}") from None
    opened = _descriptors(world)
    assert max(opened.values(), default=0) <= _MOST_DESCRIPTORS, f"descriptors: {opened}"

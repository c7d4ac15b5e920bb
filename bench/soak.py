"""Two hours in minutes: the encoder dies and the network is away, so sessions end and begin;
meanwhile memory is read, and its slope compared with its own noise."""

from __future__ import annotations

import asyncio
import signal
import time
from dataclasses import dataclass

import numpy as np
import psutil

from tests.faults.box import Box
from tests.faults.world import World

# A quarter of an hour's worth of what happens to a portal, every few seconds.
_EVERY_S = 4.0
# What starts up grows; after this share of the time it has what it needs.
_WARM_UP = 0.5
# A slope of two standard errors, or this much, is noise: allocators and caches breathe.
_NOISE_MB_PER_EVENT = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """Of one process's resident memory over the events that it lived through."""

    process: str
    first_mb: float
    last_mb: float
    mb_per_event: float
    error: float  # standard error of the slope
    events: int

    @property
    def flat(self) -> bool:
        return self.mb_per_event <= max(2 * self.error, _NOISE_MB_PER_EVENT)

    def __str__(self) -> str:
        return (
            f"{'flat' if self.flat else 'GROWS':5} {self.process:34} {self.first_mb:.1f} to"
            f" {self.last_mb:.1f} MB, {1000 * self.mb_per_event:+.1f} ± {1000 * self.error:.1f} kB"
            f" an event, {self.events} events"
        )


async def soak(sites: World, minutes: float) -> list[Slope]:
    """Of a world with `kiosk`: one line for each process that stays, which are both daemons, both
    MediaMTX, publisher and page. Each has to live to the end; an event that cannot happen is an
    error, too."""
    watched = _watched(sites)
    samples: dict[str, list[tuple[int, float]]] = {name: [] for name in watched}
    until, events = time.time() + minutes * 60, 0
    while time.time() < until:
        next_event = time.time() + _EVERY_S
        await _happen(sites, events)
        events += 1
        await asyncio.sleep(max(0.0, next_event - time.time()))
        for name, process in watched.items():
            samples[name].append((events, process.memory_info().rss / 1e6))
    return [_slope(name, found) for name, found in samples.items()]


async def _happen(sites: World, number: int) -> None:
    if number % 3 < 2:
        await sites.dublin.signal("ffmpeg", signal.SIGKILL)
    else:
        with sites.new_york.machine.dropping(""):
            await asyncio.sleep(2)


def _watched(sites: World) -> dict[str, psutil.Process]:
    found = {}
    boxes: tuple[tuple[Box, tuple[str, ...]], ...] = (
        (sites.dublin, ("daemon", "mediamtx", "publisher")),
        (sites.new_york, ("daemon", "mediamtx")),
    )
    for box, kinds in boxes:
        for kind in kinds:
            found[f"{box.name}: {kind}"] = box.process(kind)
    found["page (renderer)"] = sites.kiosk.renderer()
    return found


def _slope(name: str, samples: list[tuple[int, float]]) -> Slope:
    kept = np.array(samples[int(len(samples) * _WARM_UP) :])
    (slope, _), covariance = np.polyfit(kept[:, 0], kept[:, 1], 1, cov=True)
    return Slope(
        process=name,
        first_mb=float(kept[:5, 1].mean()),
        last_mb=float(kept[-5:, 1].mean()),
        mb_per_event=float(slope),
        error=float(np.sqrt(covariance[0, 0])),
        events=int(kept[-1, 0] - kept[0, 0]),
    )

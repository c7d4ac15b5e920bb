"""What each part of a pipeline costs: CPU seconds per second, resident and proportional memory."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One part's cost, summed over its processes. Shared pages count once in `pss_mb`, and once
    per process in `rss_mb`."""

    cpu: float
    rss_mb: float
    pss_mb: float


def part_of(process: psutil.Process) -> str | None:
    """Which part of the pipeline a process belongs to; None for those that only measure."""
    with contextlib.suppress(psutil.Error):
        name = process.name()
        if name.startswith(("chrom", "headless")):
            return "chromium"
        if name in {"ffmpeg", "mediamtx", "go2rtc"}:
            return name
        words = " ".join(process.cmdline())
        if "portal.publish.publisher" in words or "publisher.py" in words:
            return "publisher"
        if "-m portal" in words and words.endswith(" run"):
            return "daemon"
    return None


class Meter:
    """Adds up our descendants, part by part, from `start()` to `stop()`.

    `solo` are the parts of which the dearest process counts instead of the sum: a reader's and a
    publisher's daemon stand on two boxes, so what matters is what one of them costs.
    """

    def __init__(self, *, solo: frozenset[str] = frozenset({"daemon", "mediamtx"})) -> None:
        self._solo = solo
        self._before: dict[psutil.Process, float] = {}
        self._started = 0.0

    def start(self) -> None:
        self._started = time.monotonic()
        self._before = {process: _cpu_s(process) for process in _descendants()}

    def stop(self) -> Mapping[str, Cost]:
        elapsed = time.monotonic() - self._started
        parts: dict[str, list[Cost]] = {}
        for process in _descendants():
            part = part_of(process)
            if part is None:
                continue
            with contextlib.suppress(psutil.Error):
                memory = process.memory_full_info()
                cost = Cost(
                    cpu=(_cpu_s(process) - self._before.get(process, 0.0)) / elapsed,
                    rss_mb=memory.rss / 2**20,
                    pss_mb=memory.pss / 2**20,
                )
                parts.setdefault(part, []).append(cost)
        return {
            part: _dearest(costs) if part in self._solo else _sum(costs)
            for part, costs in parts.items()
        }


def _descendants() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def _cpu_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def _sum(costs: list[Cost]) -> Cost:
    return Cost(
        cpu=sum(cost.cpu for cost in costs),
        rss_mb=sum(cost.rss_mb for cost in costs),
        pss_mb=sum(cost.pss_mb for cost in costs),
    )


def _dearest(costs: list[Cost]) -> Cost:
    return Cost(
        cpu=max(cost.cpu for cost in costs),
        rss_mb=max(cost.rss_mb for cost in costs),
        pss_mb=max(cost.pss_mb for cost in costs),
    )

"""One run: a fresh browser opens one page, and what its <video> presents is read and timed."""

from __future__ import annotations

import asyncio
import random
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from playwright.async_api import Error as BrowserError
from playwright.async_api import Page, async_playwright

from bench.footprint import Cost, Meter

SETTLE_S = 2.0  # the receiver's jitter estimate starts high; every variant gets the same time
_PROBE = Path(__file__).with_name("page_probe.js")
_STAMP_RANGE = 1 << 48

# For a browser without a screen that a script drives; facts of the machine, not of the product.
_HEADLESS_FLAGS = (
    "--no-sandbox",  # benchmarks run as root in containers
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one run showed. Times are milliseconds."""

    age_p50: float
    age_p95: float
    age_p99: float
    age_max: float
    fps: float
    longest_gap: float
    first_picture: float
    unreadable: int
    clock_skew: float
    marks: Mapping[str, float]
    costs: Mapping[str, Cost]
    chosen: str = ""  # the kiosk page's latency at the end: "lowest" or "smooth"


async def measure(url: str, *, flags: Sequence[str], seconds: float, wait_s: float) -> Run:
    """Open `url` at a random moment within `wait_s` from now, and watch it for `seconds`.

    Raises `TimeoutError` when no picture comes within 30 s.
    """
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*_HEADLESS_FLAGS, *flags]
        )
        try:
            page = await browser.new_page(viewport={"width": 1280, "height": 720})
            await page.add_init_script(path=_PROBE)
            await asyncio.sleep(random.random() * wait_s)  # noqa: S311 - a phase, not a secret
            return await _watch(page, url, seconds)
        finally:
            await browser.close()


async def _watch(page: Page, url: str, seconds: float) -> Run:
    await page.goto(url, wait_until="commit")
    try:
        await page.wait_for_function(
            "() => window.__bench.frames.some(f => f[1] >= 0)", timeout=30_000
        )
    except BrowserError as exc:
        seen = await page.evaluate(
            "() => [__bench.frames.length, __bench.marks, document.body.innerText.slice(0, 200)]"
        )
        raise TimeoutError(f"no picture at {url}; frames, marks, words: {seen}") from exc
    await asyncio.sleep(SETTLE_S)
    skew = await _clock_skew_ms(page)
    meter = Meter()
    meter.start()
    start = await page.evaluate("() => performance.now()")
    await asyncio.sleep(seconds)
    costs = meter.stop()
    found: dict[str, Any] = await page.evaluate(
        """() => ({
            frames: __bench.frames, marks: __bench.marks, origin: performance.timeOrigin,
            chosen: document.documentElement.dataset.latency ?? '',
        })"""
    )
    return summarize(
        found["frames"],
        origin=found["origin"] - skew,
        window=(start, start + seconds * 1000),
        marks=found["marks"],
        costs=costs,
        clock_skew=skew,
        chosen=found["chosen"],
    )


async def _clock_skew_ms(page: Page) -> float:
    """The page's wall clock minus ours: Chromium fixes `timeOrigin` once and may be off."""
    best = (float("inf"), 0.0)
    for _ in range(15):
        before = time.time()
        theirs = await page.evaluate("() => performance.timeOrigin + performance.now()")
        after = time.time()
        best = min(best, (after - before, theirs - (before + after) * 500))
    return best[1]


def summarize(
    frames: Sequence[Sequence[float]],
    *,
    origin: float,
    window: tuple[float, float],
    marks: Mapping[str, float],
    costs: Mapping[str, Cost],
    clock_skew: float = 0.0,
    chosen: str = "",
) -> Run:
    """The numbers of a run from its frames: (presented at, stamp or -1, count, received at)."""
    readable = [frame for frame in frames if frame[1] >= 0]
    inside = [frame for frame in frames if window[0] <= frame[0] <= window[1]]
    ages = [age_ms(origin + at, stamp) for at, stamp, *_ in inside if stamp >= 0]
    if len(ages) < 2:
        raise TimeoutError("the picture stopped before it could be measured")
    moments = [window[0], *(frame[0] for frame in inside), window[1]]
    p50, p95, p99 = (float(value) for value in np.percentile(ages, [50, 95, 99]))
    return Run(
        age_p50=p50,
        age_p95=p95,
        age_p99=p99,
        age_max=max(ages),
        fps=len({stamp for _, stamp, *_ in inside if stamp >= 0}) * 1000 / (window[1] - window[0]),
        longest_gap=float(max(np.diff(moments))),
        first_picture=readable[0][0],
        unreadable=len(inside) - len(ages),
        clock_skew=clock_skew,
        chosen=chosen,
        marks=dict(marks),
        costs=costs,
    )


def age_ms(wall_ms: float, stamp_us: float) -> float:
    """Milliseconds from the stamp, of which only 48 bits are known, to the wall clock."""
    behind = (wall_ms * 1000 - stamp_us) % _STAMP_RANGE
    if behind > _STAMP_RANGE / 2:
        behind -= _STAMP_RANGE
    return behind / 1000

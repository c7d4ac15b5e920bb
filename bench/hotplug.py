"""`python -m bench.hotplug`: how soon a plugged camera is seen and a pulled one missed, how soon
the picture is back after ffmpeg's death, and what fifty replugs leave behind.

The host's part alone (hotplug_host.py says what stands in the camera's place); with --lab also a
USB camera on the bus of a virtual machine, whose software emulation makes everything slower.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from signal import SIGKILL, SIGSTOP

import click
from playwright.async_api import Page, async_playwright

from bench.hotplug_host import (
    after_signal,
    host_site,
    media_server_alone,
    pattern_site,
    replug,
    screen_of,
)
from bench.hotplug_lab import in_the_lab
from bench.hotplug_lines import Held, Line, is_flat
from bench.report import machine
from portal.kiosk import chromium_flags
from tests.e2e.conftest import HEADLESS

RESULTS = Path(__file__).parent / "results"
_numbers = itertools.count(1)


def _address() -> str:
    """A loopback address that nothing used before."""
    return f"127.{os.getpid() % 200 + 20}.{next(_numbers)}.1"


def _say(line: str) -> None:
    click.echo(f"{time.strftime('%H:%M:%S')} {line}", err=True)


@asynccontextmanager
async def _page(url: str) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*HEADLESS, *chromium_flags()]
        )
        try:
            page = await browser.new_page(viewport={"width": 640, "height": 360})
            await page.goto(url)
            yield page
        finally:
            await browser.close()


async def _pluggings(folder: Path, rounds: int) -> list[Line]:
    seen = Line(what="plugged to first decoded frame, without the device's start", promised_s=1.5)
    missed = Line(what='pulled to "unplugged" on the other kiosk', promised_s=1.0)
    address, other = _address(), _address()
    async with (
        host_site(folder / "dublin", address) as site,
        screen_of(folder / "screen", other, address) as kiosk,
        _page(kiosk) as page,
    ):
        await page.wait_for_selector(":root[data-state=unplugged]")
        for number in range(rounds):
            one = await replug(site, page)
            _say(f"plug {number + 1}: {one}")
            seen.took_s.append(one.frame_s)
            missed.took_s.append(one.unplugged_s)
    return [seen, missed]


async def _recoveries(folder: Path, rounds: int) -> list[Line]:
    """Ours and MediaMTX's in turn, so that both see the same noise."""
    killed = Line(what="ffmpeg killed to picture back at a reader", promised_s=1.5)
    alone = Line(what="  the same with MediaMTX alone (runOnInitRestart)", promised_s=None)
    stopped = Line(what="ffmpeg stopped (SIGSTOP) to picture back", promised_s=5.0)
    address, other = _address(), _address()
    async with (
        pattern_site(folder / "pattern", address) as portal,
        media_server_alone(folder / "alone", other) as mediamtx,
    ):
        ours, theirs = f"http://{address}:8889/cam/whep", f"http://{other}:8889/cam/whep"
        for number in range(rounds):
            killed.took_s.append(await after_signal(portal.pid, ours, SIGKILL))
            alone.took_s.append(await after_signal(mediamtx.pid, theirs, SIGKILL))
            stopped.took_s.append(await after_signal(portal.pid, ours, SIGSTOP))
            took = ", ".join(f"{line.took_s[-1]:.2f}" for line in (killed, alone, stopped))
            _say(f"recovery {number + 1}: killed, MediaMTX alone, stopped: {took} s")
    return [killed, alone, stopped]


async def _replugs(folder: Path, replugs: int) -> list[Held]:
    """After the first fifth, and then four times more."""
    held = []
    async with host_site(folder / "replugs", _address()) as site:
        for number in range(1, replugs + 1):
            await site.bus.plug()
            await site.until("live")
            await site.bus.unplug()
            await site.until("absent")
            if number % max(1, replugs // 5) == 0:
                held.append(await site.held_at_rest(number))
                _say(f"{held[-1]}")
    return held


async def _measure(rounds: int, replugs: int, lab: bool) -> tuple[list[Line], list[Held]]:
    lines: list[Line] = []
    held: list[Held] = []
    with tempfile.TemporaryDirectory(prefix="portal-hotplug-") as name:
        folder = Path(name)
        if rounds:
            lines += await _pluggings(folder, rounds)
            lines += await _recoveries(folder, rounds)
        if replugs:
            held = await _replugs(folder, replugs)
        if lab:
            lines += await in_the_lab(folder, max(rounds, 1), _say, _page)
    return lines, held


@click.command()
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(min=0))
@click.option("--replugs", default=50, show_default=True, type=click.IntRange(min=0))
@click.option("--lab", is_flag=True, help="Also with a USB camera in the lab's machine (as root).")
@click.option("--json", "as_json", is_flag=True, help="Print the JSON instead of the table.")
def main(*, rounds: int, replugs: int, lab: bool, as_json: bool) -> None:
    """Time plugging, pulling and recovery. Writes bench/results/hotplug.json."""
    lines, held = asyncio.run(_measure(rounds, replugs, lab))
    text = json.dumps(
        {
            "machine": machine(),
            "lines": [{**asdict(one), "median_s": one.median_s, "met": one.met} for one in lines],
            "held": [asdict(one) for one in held],
            "flat": is_flat(held),
        },
        indent=1,
    )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "hotplug.json").write_text(text)
    verdict = [f"{'pass' if is_flat(held) else 'MISS'}  what is held stays flat"] if held else []
    click.echo(text if as_json else "\n".join(map(str, [machine(), *lines, *held, *verdict])))
    sys.exit(0)  # a miss is a result, not a fault


if __name__ == "__main__":
    main()

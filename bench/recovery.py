"""`python -m bench.recovery`: how soon the picture is back on the other screen after each fault.

Medians of interleaved rounds on two machines of one virtual network; then what the processes'
memory does while screens come and go.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from bench.report import machine
from bench.soak import Slope, soak
from tests.faults.kinds import ALL, SCREEN, Fault
from tests.faults.world import World, world

RESULTS = Path(__file__).parent / "results"
# Name of the fault → the promised seconds.
TARGETS = {
    "ffmpeg killed": 1.5,
    "ffmpeg stopped": 5.0,
    "MediaMTX killed": 3.0,
    "daemon with the camera killed": 0.0,
    "daemon with the screen killed": 0.0,
    "cable pulled for 10 s": 2.0,
    "camera frozen while ffmpeg lives": 5.0,
}
# With `portal kiosk` on a compositor, photographed.
SCREEN_TARGETS = {"renderer killed": 6.0, "browser killed": 6.0, "compositor killed": 10.0}
_CALM_S = 3.0
_GIVE_UP_S = 60.0
# `portal kiosk` leaves a screen that needs five compositors in a row to its unit: all has been well
# for so long, and faults count as new ones.
_FORGIVEN_S = 33.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """Seconds until the picture was live again, of each round."""

    fault: str
    promised_s: float
    took_s: list[float]

    @property
    def median_s(self) -> float:
        return statistics.median(self.took_s)

    @property
    def met(self) -> bool:
        return self.median_s <= self.promised_s

    def __str__(self) -> str:
        return (
            f"{'pass' if self.met else 'MISS':5} {self.fault:34} median {self.median_s:5.2f} s"
            f" ({min(self.took_s):.2f} to {max(self.took_s):.2f}), promised {self.promised_s:g}"
        )


async def measure(
    rounds: int, soak_minutes: float, media_server: str = ""
) -> tuple[list[Recovery], list[Slope]]:
    """The soak; all faults in turn, round after round, in another world; those of the screen. 0 of
    either: none."""
    slopes: list[Slope] = []
    recoveries: list[Recovery] = []
    if soak_minutes:
        async with _world(media_server, kiosk=True) as sites:
            slopes = await soak(sites, soak_minutes)
    if rounds:
        async with _world(media_server) as sites:
            recoveries = await _rounds(sites, TARGETS, rounds)
        async with _world(media_server, kiosk=True) as sites:
            recoveries += await _rounds(sites, SCREEN_TARGETS, rounds, between_s=_FORGIVEN_S)
    return recoveries, slopes


@asynccontextmanager
async def _world(media_server: str, *, kiosk: bool = False) -> AsyncIterator[World]:
    with tempfile.TemporaryDirectory(prefix="portal-recovery-") as folder:
        async with world(Path(folder), kiosk=kiosk, media_server=media_server) as sites:
            yield sites


async def _rounds(
    sites: World, targets: Mapping[str, float], rounds: int, *, between_s: float = 0.0
) -> list[Recovery]:
    faults = {fault.name: fault for fault in (*ALL, *SCREEN)}
    took: dict[str, list[float]] = {name: [] for name in targets}
    for number in range(rounds):
        await asyncio.sleep(between_s if number else 0.0)
        for name in targets:
            took[name].append(await _one(sites, faults[name]))
            click.echo(f"round {number + 1}: {name}: {took[name][-1]:.2f} s", err=True)
    return [
        Recovery(fault=name, promised_s=targets[name], took_s=times) for name, times in took.items()
    ]


async def _one(sites: World, fault: Fault) -> float:
    await sites.screen.until_live(time.time(), within_s=_GIVE_UP_S)
    await asyncio.sleep(_CALM_S)
    since = await fault.harm(sites)
    return await sites.screen.until_live(since, within_s=_GIVE_UP_S)


@click.command()
@click.option("--rounds", default=5, show_default=True, help="Of each fault; 0: none.")
@click.option("--soak", "soak_minutes", default=10.0, show_default=True, help="Minutes; 0: none.")
@click.option("--media-server", default="", help="Another MediaMTX than the installed one.")
@click.option("--json", "as_json", is_flag=True, help="Print the JSON instead of the table.")
def main(*, rounds: int, soak_minutes: float, media_server: str, as_json: bool) -> None:
    """Break one thing after another and time the recovery. Writes bench/results/recovery.json."""
    recoveries, slopes = asyncio.run(measure(rounds, soak_minutes, media_server))
    text = json.dumps(
        {
            "machine": machine(),
            "recoveries": [
                {**asdict(one), "median_s": one.median_s, "met": one.met} for one in recoveries
            ],
            "soak": [{**asdict(one), "flat": one.flat} for one in slopes],
        },
        indent=1,
    )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "recovery.json").write_text(text)
    click.echo(text if as_json else "\n".join(map(str, [machine(), *recoveries, *slopes])))
    sys.exit(0)  # a miss is a result, not a fault


if __name__ == "__main__":
    main()

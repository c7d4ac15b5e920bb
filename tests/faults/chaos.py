"""`python -m tests.faults.chaos --seed 1 --minutes 30`: every fault in random order, and what the
viewer saw of it. The seed names the order; times vary with the machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from tests.faults.kinds import ALL, SCREEN, Fault
from tests.faults.leaks import nothing_leaked
from tests.faults.world import World, world

RESULTS = Path(__file__).parents[2] / "bench" / "results"
# Between the end of a fault's window and the next fault.
_CALM_S = (1.0, 8.0)
_GIVE_UP_S = 120.0
# What a fault may take on a machine that also runs the other site, the screen and this program.
_SLACK_S = 1.0
_LIVE_SHARE = 0.95
# So much over, and both sites' logs are kept.
_WORTH_TELLING_S = 3.0
KINDS = (*ALL, *SCREEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blow:
    """One fault. Seconds; `at_s` since the start; `back_s` until the picture was live."""

    fault: str
    at_s: float
    allowed_s: float
    back_s: float

    @property
    def over_s(self) -> float:
        return max(0.0, self.back_s - self.allowed_s - _SLACK_S)

    def __str__(self) -> str:
        over = f"  OVER by {self.over_s:.1f}" if self.over_s else ""
        return f"{self.at_s:7.1f} s  {self.fault:45} back after {self.back_s:5.2f} s{over}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    seed: int
    minutes: float
    blows: list[Blow]
    live_share: float  # of the time outside the faults' allowed windows
    leaked: str

    @property
    def passed(self) -> bool:
        return self.live_share >= _LIVE_SHARE and not self.leaked


def order(seed: int) -> list[Fault]:
    """Each fault once before any comes again; the same for the same seed."""
    dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
    faults: list[Fault] = []
    for _ in range(200):
        faults += dice.sample(KINDS, len(KINDS))
    return faults


async def run(seed: int, minutes: float) -> Outcome:
    """Raises `AssertionError` when the sites never showed a picture at all."""
    dice = random.Random(seed)  # noqa: S311 - as above
    RESULTS.mkdir(exist_ok=True)
    blows: list[Blow] = []
    windows: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory(prefix="portal-chaos-") as folder:
        async with world(Path(folder), kiosk=True) as sites:
            began = time.time()
            faults = iter(order(seed))
            while time.time() - began < minutes * 60:
                await asyncio.sleep(dice.uniform(*_CALM_S))
                blow, window = await _strike(sites, next(faults), began)
                blows.append(blow)
                windows.append(window)
                click.echo(str(blow), err=True)
            ended = time.time()
            interruptions = sites.screen.interruptions(began)
            leaked = ""
            try:
                await nothing_leaked(sites)
            except AssertionError as exc:
                leaked = str(exc)
    return Outcome(
        seed=seed,
        minutes=minutes,
        blows=blows,
        live_share=live_share((began, ended), windows, interruptions),
        leaked=leaked,
    )


async def _strike(sites: World, fault: Fault, began: float) -> tuple[Blow, tuple[float, float]]:
    """The blow, and its allowed window."""
    struck = time.time()
    since = await fault.harm(sites)
    back = _GIVE_UP_S
    with contextlib.suppress(AssertionError):
        back = await sites.screen.until_live(since, within_s=_GIVE_UP_S)
    blow = Blow(fault=fault.name, at_s=struck - began, allowed_s=fault.within_s, back_s=back)
    if blow.over_s > _WORTH_TELLING_S:
        told = RESULTS / f"chaos-{os.getpid()}-{blow.at_s:.0f}s.log"
        told.write_text(f"{blow}\n{sites.story}\n{await sites.screen.says()}\n")
        click.echo(f"  see {told}", err=True)
    return blow, (struck, since + fault.within_s + _SLACK_S)


def live_share(
    whole: tuple[float, float],
    windows: list[tuple[float, float]],
    interruptions: list[tuple[float, float]],
) -> float:
    """Of the time outside `windows`, the part without interruption. A window that is not needed to
    its end may reach into the next."""
    windows = _united(windows)
    outside = whole[1] - whole[0] - sum(_overlap(whole, window) for window in windows)
    dark = sum(
        _overlap(whole, gap) - sum(_overlap(gap, window) for window in windows)
        for gap in interruptions
    )
    return 1 - dark / outside if outside > 0 else 1.0


def _united(windows: list[tuple[float, float]]) -> list[tuple[float, float]]:
    united: list[tuple[float, float]] = []
    for start, end in sorted(windows):
        if united and start <= united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((start, end))
    return united


def _overlap(one: tuple[float, float], other: tuple[float, float]) -> float:
    return max(0.0, min(one[1], other[1]) - max(one[0], other[0]))


@click.command()
@click.option("--seed", "seeds", multiple=True, type=int, default=(1, 2, 3), show_default=True)
@click.option("--minutes", default=30.0, show_default=True, help="For each seed.")
@click.option("--json", "as_json", is_flag=True, help="Print the JSON instead of the table.")
def main(*, seeds: tuple[int, ...], minutes: float, as_json: bool) -> None:
    """Break everything for a while; fail unless the picture was live 95 % of the time outside the
    faults' allowed windows and nothing is left behind. Writes bench/results/chaos.json."""
    outcomes: list[Outcome] = []
    text = ""
    for seed in seeds:
        click.echo(f"seed {seed}, {minutes:g} minutes", err=True)
        outcomes.append(asyncio.run(run(seed, minutes)))
        if not as_json:
            click.echo(_line(outcomes[-1]))
        text = json.dumps([asdict(outcome) for outcome in outcomes], indent=1)
        (RESULTS / "chaos.json").write_text(text)
    if as_json:
        click.echo(text)
    sys.exit(0 if all(outcome.passed for outcome in outcomes) else 1)


def _line(outcome: Outcome) -> str:
    worst = max(outcome.blows, key=lambda blow: blow.over_s, default=None)
    return (
        f"seed {outcome.seed}: {len(outcome.blows)} faults in {outcome.minutes:g} min, live"
        f" {100 * outcome.live_share:.1f} % of the time outside their windows,"
        f" {outcome.leaked or 'nothing left behind'}"
        + (f"; worst: {worst.fault}, {worst.back_s:.1f} s" if worst and worst.over_s else "")
        + ("" if outcome.passed else "  FAILED")
    )


if __name__ == "__main__":
    main()

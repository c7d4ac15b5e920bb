"""`python -m bench`: how old the picture is, how soon it comes, what it costs; beside others."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import tempfile
import time
from pathlib import Path

import click

from bench.measure import Run, measure
from bench.report import (
    format_table,
    format_targets,
    machine,
    summarize_runs,
    targets,
    to_json,
)
from bench.variants import VARIANTS, Variant

RESULTS = Path(__file__).parent / "results"


class Bench:
    """Runs the variants in turn: a b c d e a b c …, so that all see the same noise."""

    def __init__(self, variants: list[Variant], *, seconds: float) -> None:
        self._variants = {variant.key: variant for variant in variants}
        self._seconds = seconds
        self._numbers = itertools.count(1)
        self.runs: dict[str, list[Run]] = {variant.key: [] for variant in variants}
        self.left_out: dict[str, str] = {}

    async def round(self) -> None:
        for key, variant in self._variants.items():
            if key not in self.left_out:
                run = await self.one(variant, self._seconds)
                if run is not None:
                    self.runs[key].append(run)

    async def one(self, variant: Variant, seconds: float) -> Run | None:
        """One run on addresses that nothing used before; None when it is left out."""
        number = next(self._numbers)
        base = f"127.{os.getpid() % 200 + 20}.{number}"
        with tempfile.TemporaryDirectory(prefix="portal-bench-") as folder:
            try:
                async with variant.open(f"{base}.1", f"{base}.2", Path(folder)) as url:
                    run = await measure(
                        url, flags=variant.flags, seconds=seconds, wait_s=variant.wait_s
                    )
            except LookupError as exc:
                self.left_out[variant.key] = str(exc)
                _say(f"({variant.key}) left out: {exc}")
                return None
            except (TimeoutError, RuntimeError) as exc:
                _say(f"({variant.key}) this run failed: {exc!r}")
                return None
        _say(
            f"({variant.key}) age p50 {run.age_p50:.1f} p95 {run.age_p95:.1f} "
            f"first {run.first_picture:.0f} gap {run.longest_gap:.0f} ms {run.chosen}"
        )
        return run


def _say(line: str) -> None:
    click.echo(f"{time.strftime('%H:%M:%S')} {line}", err=True)


@click.command()
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(min=1))
@click.option("--seconds", default=10.0, show_default=True, help="Watched in each run.")
@click.option("--long", "long_s", default=60.0, show_default=True, help="The gap run; 0: none.")
@click.option("--only", default=",".join(VARIANTS), show_default=True, help="Which variants.")
@click.option("--json", "as_json", is_flag=True, help="Print the JSON instead of the table.")
def main(*, rounds: int, seconds: float, long_s: float, only: str, as_json: bool) -> None:
    """Measure the portal beside what it is compared with. Writes bench/results/latest.json."""
    keys = only.split(",")
    if unknown := set(keys) - set(VARIANTS):
        raise click.BadParameter(
            f"no variant {', '.join(unknown)}; there are {', '.join(VARIANTS)}"
        )
    bench = Bench([VARIANTS[key] for key in keys], seconds=seconds)
    long_run = asyncio.run(_measure_all(bench, rounds, long_s if "c" in keys else 0))
    summaries = {
        key: summarize_runs(VARIANTS[key].title, runs) for key, runs in bench.runs.items() if runs
    }
    found = targets(summaries, long_run)
    text = to_json(bench.runs, summaries, found, long_run, bench.left_out)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "latest.json").write_text(text)
    if as_json:
        click.echo(text)
    else:
        click.echo(f"\n{machine()}\n\n{format_table(summaries)}\n\n{format_targets(found)}")
    # A miss is a result, not a fault; a variant that never gave one is.
    sys.exit(0 if len(summaries) + len(bench.left_out) == len(keys) else 1)


async def _measure_all(bench: Bench, rounds: int, long_s: float) -> Run | None:
    for number in range(rounds):
        _say(f"round {number + 1} of {rounds}")
        await bench.round()
    return await bench.one(VARIANTS["c"], long_s) if long_s else None


if __name__ == "__main__":
    main()

"""Medians of the runs, the targets that they must meet; a table for people, JSON for programs."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.footprint import Cost
from bench.measure import Run

NUMBERS = (
    "age_p50",
    "age_p95",
    "age_p99",
    "age_max",
    "fps",
    "longest_gap",
    "first_picture",
)
PARTS = ("ffmpeg", "mediamtx", "go2rtc", "daemon", "publisher", "chromium")


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One variant: the median of each number over its runs, and of each part's cost."""

    title: str
    runs: int
    numbers: Mapping[str, float]
    costs: Mapping[str, Cost]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What was promised. `met` is None where this benchmark did not measure what it needs."""

    text: str
    measured: float | None
    limit: float | None

    @property
    def met(self) -> bool | None:
        if self.measured is None or self.limit is None:
            return None
        return self.measured <= self.limit


def summarize_runs(title: str, runs: Sequence[Run]) -> Summary:
    """Medians; `runs` is not empty."""
    return Summary(
        title=title,
        runs=len(runs),
        numbers={
            name: statistics.median(float(getattr(run, name)) for run in runs) for name in NUMBERS
        },
        costs={
            part: _median_cost([run.costs[part] for run in runs if part in run.costs])
            for part in PARTS
            if any(part in run.costs for run in runs)
        },
    )


def _median_cost(costs: Sequence[Cost]) -> Cost:
    return Cost(
        cpu=statistics.median(cost.cpu for cost in costs),
        rss_mb=statistics.median(cost.rss_mb for cost in costs),
        pss_mb=statistics.median(cost.pss_mb for cost in costs),
    )


def targets(summaries: Mapping[str, Summary], long_run: Run | None) -> list[Target]:
    """What issue and README promise of the portal (c), beside (a) and (e)."""

    def number(key: str, name: str, factor: float = 1.0) -> float | None:
        return summaries[key].numbers[name] * factor if key in summaries else None

    def cost(part: str, pick: Callable[[Cost], float]) -> float | None:
        found = summaries["c"].costs.get(part) if "c" in summaries else None
        return pick(found) if found else None

    age, first = number("c", "age_p50"), number("c", "first_picture")
    return [
        Target(
            text="median age, ms: 0.15 of (a)", measured=age, limit=number("a", "age_p50", 0.15)
        ),
        Target(text="median age, ms: 0.4 of (e)", measured=age, limit=number("e", "age_p50", 0.4)),
        Target(text="age p95, ms", measured=number("c", "age_p95"), limit=30),
        Target(text="age p99, ms", measured=number("c", "age_p99"), limit=40),
        Target(
            text="first picture, ms: 0.1 of (a)",
            measured=first,
            limit=number("a", "first_picture", 0.1),
        ),
        Target(text="first picture, ms", measured=first, limit=400),
        Target(
            text="longest gap in the long run, ms",
            measured=long_run.longest_gap if long_run else None,
            limit=100,
        ),
        Target(text="daemon, MB resident", measured=cost("daemon", lambda c: c.rss_mb), limit=60),
        Target(
            text="daemon, % of a core",
            measured=cost("daemon", lambda c: c.cpu * 100),
            limit=1,
        ),
        Target(
            text="MediaMTX, MB resident", measured=cost("mediamtx", lambda c: c.rss_mb), limit=40
        ),
    ]


def machine() -> str:
    """The machine in a few words: numbers mean little without it."""
    model = platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


def format_table(summaries: Mapping[str, Summary]) -> str:
    """Ages, then costs."""
    ages = [["", "age p50", "p95", "p99", "max", "fps", "longest gap", "first picture"]]
    costs = [["", *PARTS]]
    for key, summary in summaries.items():
        label = f"({key}) {summary.title}"
        ages.append([label, *(f"{summary.numbers[name]:.1f}" for name in NUMBERS)])
        costs.append(
            [
                label,
                *(
                    f"{100 * cost.cpu:.1f} % {cost.rss_mb:.0f}/{cost.pss_mb:.0f} MB"
                    if (cost := summary.costs.get(part))
                    else "-"
                    for part in PARTS
                ),
            ]
        )
    return (
        f"Milliseconds, medians of {_spread(summaries)} runs\n{_grid(ages)}\n\n"
        f"CPU of one core, memory resident/proportional\n{_grid(costs)}"
    )


def _spread(summaries: Mapping[str, Summary]) -> str:
    counts = sorted({summary.runs for summary in summaries.values()})
    return "-".join(str(count) for count in counts)


def _grid(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        " | ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join([lines[0], "-|-".join("-" * width for width in widths), *lines[1:]])


def format_targets(found: Sequence[Target]) -> str:
    """One line each."""
    words = {True: "pass", False: "MISS", None: "not measured"}
    lines = []
    for target in found:
        numbers = ""
        if target.measured is not None and target.limit is not None:
            numbers = f"  {target.measured:.1f} of at most {target.limit:.1f}"
        lines.append(f"{words[target.met]:12}  {target.text}{numbers}")
    return "\n".join(lines)


def to_json(
    runs: Mapping[str, Sequence[Run]],
    summaries: Mapping[str, Summary],
    found: Sequence[Target],
    long_run: Run | None,
    left_out: Mapping[str, str],
) -> str:
    """Everything: the medians, and each run for whoever doubts them."""
    document: dict[str, Any] = {
        "machine": machine(),
        "variants": {key: dataclasses.asdict(summary) for key, summary in summaries.items()},
        "left_out": dict(left_out),
        "targets": [{**dataclasses.asdict(target), "met": target.met} for target in found],
        "runs": {key: [dataclasses.asdict(run) for run in each] for key, each in runs.items()},
        "long_run": dataclasses.asdict(long_run) if long_run else None,
    }
    return json.dumps(document, indent=2)

"""Medians, targets and the printed table."""

from __future__ import annotations

import json

import pytest

from bench.footprint import Cost
from bench.measure import Run
from bench.report import (
    format_table,
    format_targets,
    summarize_runs,
    targets,
    to_json,
)


def run(age: float, *, first: float = 300, gap: float = 50, daemon_mb: float = 55) -> Run:
    return Run(
        age_p50=age,
        age_p95=age + 10,
        age_p99=age + 15,
        age_max=age + 20,
        fps=30,
        longest_gap=gap,
        first_picture=first,
        unreadable=0,
        clock_skew=0,
        marks={},
        costs={
            "daemon": Cost(cpu=0.005, rss_mb=daemon_mb, pss_mb=40),
            "mediamtx": Cost(cpu=0.02, rss_mb=27, pss_mb=20),
        },
    )


def test_of_several_runs_the_median_counts() -> None:
    summary = summarize_runs("portal", [run(5), run(500), run(7)])
    assert summary.numbers["age_p50"] == 7
    assert summary.runs == 3
    assert summary.costs["daemon"].cpu == pytest.approx(0.005)


def test_targets_are_met_beside_the_others() -> None:
    summaries = {
        "a": summarize_runs("a", [run(180, first=4800)]),
        "c": summarize_runs("c", [run(9)]),
        "e": summarize_runs("e", [run(60)]),
    }
    found = targets(summaries, run(9))
    assert [target.met for target in found] == [True] * len(found)
    assert "MISS" not in format_targets(found)


@pytest.mark.parametrize(
    ("slow", "missed"),
    [
        (run(28), ["median age", "median age", "age p95", "age p99"]),
        (run(9, first=480.5), ["first picture", "first picture"]),
        (run(9, daemon_mb=61), ["daemon"]),
    ],
)
def test_a_missed_target_is_named(slow: Run, missed: list[str]) -> None:
    summaries = {
        "a": summarize_runs("a", [run(180, first=4800)]),
        "c": summarize_runs("c", [slow]),
        "e": summarize_runs("e", [run(60)]),
    }
    found = [target for target in targets(summaries, run(9)) if target.met is False]
    assert [target.text.split(",")[0] for target in found] == missed


def test_a_gap_in_the_long_run_is_a_miss() -> None:
    summaries = {"c": summarize_runs("c", [run(9)])}
    found = {target.text: target.met for target in targets(summaries, run(9, gap=101))}
    assert found["longest gap in the long run, ms"] is False


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    found = targets({"c": summarize_runs("c", [run(9)])}, None)
    assert {target.met for target in found} == {True, None}
    assert "not measured" in format_targets(found)


def test_the_table_has_a_line_for_each_variant_and_the_parts_that_it_has() -> None:
    table = format_table({"c": summarize_runs("portal", [run(9)])})
    assert "(c) portal" in table
    assert "0.5 % 55/40 MB" in table


def test_the_json_holds_each_run_and_what_was_left_out() -> None:
    summaries = {"c": summarize_runs("portal", [run(9), run(11)])}
    text = to_json({"c": [run(9), run(11)]}, summaries, targets(summaries, None), None, {"e": "no"})
    document = json.loads(text)
    assert [one["age_p50"] for one in document["runs"]["c"]] == [9, 11]
    assert document["variants"]["c"]["numbers"]["age_p50"] == 10
    assert document["left_out"] == {"e": "no"}
    assert document["machine"]

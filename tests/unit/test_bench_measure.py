"""What the benchmark makes of the frames that a page saw."""

from __future__ import annotations

import pytest

from bench.measure import Run, age_ms, summarize

ORIGIN_MS = 1_790_000_000_000.0  # the page's time origin, Unix time


def frame(at_ms: float, age: float) -> tuple[float, float, float, float]:
    """One that was presented at `at_ms` and was `age` old then."""
    stamp = round((ORIGIN_MS + at_ms - age) * 1000) % 2**48
    return (at_ms, stamp, 0, 0)


def run_of(frames: list[tuple[float, float, float, float]], *, until_ms: float = 2000) -> Run:
    return summarize(frames, origin=ORIGIN_MS, window=(1000, until_ms), marks={}, costs={})


def test_the_age_is_the_wall_clock_minus_the_stamp() -> None:
    run = run_of([frame(1000 + 33.3 * n, 10 + n / 10) for n in range(30)])
    assert run.age_p50 == pytest.approx(11.45, abs=0.1)
    assert run.age_max == pytest.approx(12.9, abs=0.01)


def test_frames_outside_the_window_count_only_for_the_first_picture() -> None:
    run = run_of([frame(400, 500), *(frame(1000 + 40 * n, 10) for n in range(25))])
    assert run.first_picture == 400
    assert run.age_max == pytest.approx(10, abs=0.01)


def test_an_unreadable_frame_is_no_first_picture_and_has_no_age() -> None:
    run = run_of([(300, -1, 0, 0), frame(400, 5), (1500, -1, 0, 0), *map_frames(1000, 25)])
    assert run.first_picture == 400
    assert run.unreadable == 1


def test_a_picture_that_stands_still_at_the_end_is_a_gap() -> None:
    run = run_of(map_frames(1000, 10))
    assert run.longest_gap == pytest.approx(2000 - 1360, abs=1)


def test_a_frame_shown_twice_counts_once() -> None:
    shown = map_frames(1000, 25)
    twice = [(at + 16, stamp, 0.0, 0.0) for at, stamp, *_ in shown]
    assert run_of(sorted(shown + twice)).fps == 25


def test_a_picture_that_never_came_has_no_numbers() -> None:
    with pytest.raises(TimeoutError, match="stopped"):
        run_of([frame(400, 5)])


def test_an_age_is_right_where_the_stamp_wraps_around() -> None:
    assert age_ms((2**48 + 5000) / 1000, 2**48 - 1000) == pytest.approx(6)
    assert age_ms(1.0, 2000) == pytest.approx(-1)


def map_frames(start_ms: float, count: int) -> list[tuple[float, float, float, float]]:
    return [frame(start_ms + 40 * n, 10) for n in range(count)]

"""The chaos run counts fairly, and a seed names its order."""

from __future__ import annotations

import pytest

from tests.faults.chaos import KINDS, live_share, order


def test_a_seed_names_the_order_and_each_fault_comes_before_any_comes_again() -> None:
    assert order(1)[:50] == order(1)[:50] != order(2)[:50]
    assert {fault.name for fault in order(3)[: len(KINDS)]} == {fault.name for fault in KINDS}


@pytest.mark.parametrize(
    ("windows", "interruptions", "share"),
    [
        ([], [], 1.0),
        ([(10, 20)], [(10, 20)], 1.0),
        ([(10, 20)], [(15, 25)], 1 - 5 / 90),
        ([(10, 20), (50, 60)], [(0, 100)], 0.0),
        ([(10, 30), (20, 50)], [(15, 55)], 1 - 5 / 60),
        ([], [(-5, 5), (90, 120)], 0.85),
    ],
)
def test_only_time_outside_the_allowed_windows_counts(
    windows: list[tuple[float, float]], interruptions: list[tuple[float, float]], share: float
) -> None:
    assert live_share((0, 100), windows, interruptions) == pytest.approx(share)

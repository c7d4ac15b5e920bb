"""Which step is taken against a screen's trouble, and when a browser is too heavy."""

from __future__ import annotations

import itertools

import pytest

from portal.kiosk.ladder import Ladder, Step, Trouble
from portal.kiosk.weight import EVERY_S, Weight


def climb(trouble: Trouble, steps: int) -> list[Step]:
    ladder, taken = Ladder(), []
    for now in range(steps):
        taken.append(ladder.next_step(trouble))
        ladder.done(taken[-1], now)
    return taken


@pytest.mark.parametrize(
    ("trouble", "first"),
    [
        (Trouble.LOST, Step.PAGE),
        (Trouble.CRASHED, Step.PAGE),
        (Trouble.HUNG, Step.RENDERER),
        (Trouble.UNPAINTED, Step.GPU),
        (Trouble.HEAVY, Step.RENDERER),
        (Trouble.BROWSER_SILENT, Step.BROWSER),
        (Trouble.BROWSER_ENDED, Step.BROWSER),
        (Trouble.COMPOSITOR_SILENT, Step.COMPOSITOR),
        (Trouble.COMPOSITOR_ENDED, Step.COMPOSITOR),
    ],
)
def test_each_trouble_begins_with_the_smallest_step_that_can_heal_it(
    trouble: Trouble, first: Step
) -> None:
    assert Ladder().next_step(trouble) is first


@pytest.mark.parametrize("trouble", list(Trouble))
def test_what_does_not_help_is_given_up_for_a_larger_step(trouble: Trouble) -> None:
    order = list(Step)
    taken = climb(trouble, 12)
    assert [order.index(step) for step in taken] == sorted(order.index(step) for step in taken)
    assert taken[-1] is Step.COMPOSITOR


def test_the_first_step_is_taken_at_once_and_each_repetition_waits_longer() -> None:
    ladder, now = Ladder(), 100.0
    waits = []
    for _ in range(9):
        waits.append(ladder.wait_s(Step.COMPOSITOR, now))
        now += waits[-1]
        ladder.done(Step.COMPOSITOR, now)
    assert waits[0] == 0
    assert all(later >= before for before, later in itertools.pairwise(waits))
    assert waits[-1] == 60


def test_after_half_a_minute_without_trouble_all_begins_anew_but_the_counters() -> None:
    ladder = Ladder()
    for now in range(3):
        ladder.done(ladder.next_step(Trouble.HUNG), now)
    assert ladder.next_step(Trouble.HUNG) is Step.BROWSER
    ladder.all_is_well(10)
    ladder.all_is_well(39)
    assert ladder.next_step(Trouble.HUNG) is Step.BROWSER
    ladder.all_is_well(40)
    assert ladder.next_step(Trouble.HUNG) is Step.RENDERER
    assert ladder.wait_s(Step.RENDERER, 41) == 0
    assert ladder.counts[Step.RENDERER] == 2


def test_a_compositor_that_never_helps_is_left_to_those_who_started_us() -> None:
    ladder = Ladder()
    assert not ladder.is_exhausted
    for now in range(5):
        ladder.done(Step.COMPOSITOR, now)
    assert ladder.is_exhausted


def test_a_browser_may_be_heavy_while_it_loads() -> None:
    weight = Weight(1000, now=0)
    weight.take(5000, now=59)
    assert not weight.is_too_much(59, is_picture_good=False)


def test_a_browser_far_over_its_limit_is_too_much_at_once() -> None:
    weight = Weight(1000, now=0)
    weight.take(1501, now=61)
    assert weight.is_too_much(61, is_picture_good=True)


def test_a_good_picture_is_left_alone_for_ten_minutes_though_the_browser_is_over() -> None:
    weight = Weight(1000, now=0)
    times = [61 + EVERY_S * number for number in range(61)]
    verdicts = []
    for now in times:
        assert weight.is_due(now)
        weight.take(1200, now)
        verdicts.append(weight.is_too_much(now, is_picture_good=True))
    assert verdicts[-1]
    assert not any(verdicts[:-1])


def test_without_a_picture_a_browser_over_its_limit_is_too_much_after_three_samples() -> None:
    weight = Weight(1000, now=0)
    for number, now in enumerate((61, 71, 81)):
        weight.take(1200, now)
        assert weight.is_too_much(now, is_picture_good=False) is (number == 2)
    weight.take(900, 91)
    assert not weight.is_too_much(91, is_picture_good=False)

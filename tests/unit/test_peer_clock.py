"""How the other clock is read from pings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.peers.clock import ClockFilter, Sample, sample

delays = st.floats(min_value=0.0001, max_value=2.0)
offsets = st.floats(min_value=-1e6, max_value=1e6)


@given(there=delays, back=delays, busy=delays, offset=offsets)
def test_the_true_offset_is_never_further_off_than_half_the_round_trip(
    there: float, back: float, busy: float, offset: float
) -> None:
    start = 1_700_000_000.0
    received = start + there + offset
    measured = sample(start, received, received + busy, start + there + busy + back)
    assert measured.rtt_s == pytest.approx(there + back, abs=1e-5)
    assert abs(measured.offset_s - offset) <= measured.rtt_s / 2 + 1e-5


def test_the_quickest_of_the_last_samples_is_believed() -> None:
    clock = ClockFilter(window=3)
    for rtt, offset in ((0.010, 5.004), (0.002, 5.0), (0.050, 5.02)):
        clock.add(Sample(rtt, offset))
    assert clock.best == Sample(0.002, 5.0)
    for _ in range(3):
        clock.add(Sample(0.010, 5.003))
    assert clock.best == Sample(0.010, 5.003)


def test_a_clock_that_is_set_is_believed_at_once() -> None:
    clock = ClockFilter()
    clock.add(Sample(0.001, 0.0))
    clock.add(Sample(0.020, 86400.0))
    assert clock.best == Sample(0.020, 86400.0)


def test_a_round_trip_that_ends_before_it_began_is_left_out() -> None:
    clock = ClockFilter()
    clock.add(Sample(-3.0, 0.0))
    assert clock.best is None

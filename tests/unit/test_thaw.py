"""When a publisher starts a camera again that shows the same frame, and when it learned not to."""

from __future__ import annotations

from portal.publish.publisher import THAW_PAUSE_CAP_S, Thaw


def test_a_camera_that_freezes_is_started_again_each_time() -> None:
    thaw = Thaw()
    for number in range(20):
        started = number * 12.0
        assert thaw.wants(started, started + 11)


def test_a_still_scene_is_disturbed_once() -> None:
    thaw = Thaw()
    assert thaw.wants(0, 100)
    assert not thaw.wants(100.1, 102.5)  # still the same: in vain


def test_who_walks_by_a_still_scene_is_cut_off_ever_less() -> None:
    """Every five minutes something moves; a night of it."""
    thaw = Thaw()
    restarts, started = 0, 0.0
    for minute in range(0, 12 * 60, 5):
        now = minute * 60.0 + 2
        if thaw.wants(started, now):
            restarts, started = restarts + 1, now
            thaw.wants(started, now + 2.5)
    assert restarts <= 4 + 12 * 3600 / THAW_PAUSE_CAP_S


def test_an_end_for_another_reason_counts_for_nothing() -> None:
    thaw = Thaw()
    assert thaw.wants(0, 100)
    thaw.other_end()
    assert thaw.wants(101, 104)

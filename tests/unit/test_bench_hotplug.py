"""The hotplug benchmark's verdicts: a promise on a time, and what counts as flat."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.hotplug_lines import Held, Line, is_flat

HELD = Held(replugs=10, descriptors=29, processes=1, daemon_mb=55.0, mediamtx_mb=25.0)


def test_the_median_has_to_keep_the_promise() -> None:
    line = Line(what="seen", promised_s=1.5, took_s=[0.9, 9.0, 1.2])
    assert line.met
    assert "pass" in str(line)
    assert "MISS" in str(Line(what="seen", promised_s=1.0, took_s=[0.9, 9.0, 1.2]))


def test_what_is_only_reported_is_neither_kept_nor_missed() -> None:
    line = Line(what="beside", promised_s=None, took_s=[5.2])
    assert line.met is None
    assert "pass" not in str(line)
    assert "MISS" not in str(line)


@pytest.mark.parametrize(
    ("last", "flat"),
    [
        (replace(HELD, replugs=50), True),
        (replace(HELD, daemon_mb=57.0), True),
        (replace(HELD, daemon_mb=60.0), False),
        (replace(HELD, mediamtx_mb=30.0), False),
        (replace(HELD, descriptors=40), False),
        (replace(HELD, processes=2), False),
    ],
)
def test_one_leak_of_any_kind_is_not_flat(last: Held, flat: bool) -> None:
    assert is_flat([HELD, last]) is flat


def test_nothing_looked_at_proves_nothing() -> None:
    assert is_flat([]) is None

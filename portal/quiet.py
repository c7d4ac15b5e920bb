"""Quiet hours as instants: pure, by the wall clock of a time zone.

Computed anew from the clock at each look, so neither a change to summer time nor a clock that
jumps needs a word of its own.
"""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Callable, Iterator, Sequence

from portal.config import QuietSection

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_AHEAD = 8  # days; hours that follow each other without a gap end there


class QuietHours:
    """Those of the sections for which `applies` holds, merged where they touch."""

    def __init__(
        self,
        sections: Sequence[QuietSection],
        time_zone: str,
        *,
        applies: Callable[[QuietSection], bool] = lambda _: True,
    ) -> None:
        self._sections = [section for section in sections if applies(section)]
        self._zone: dt.tzinfo = zoneinfo.ZoneInfo(time_zone) if time_zone else dt.UTC

    def until(self, now: float) -> float:
        """When the quiet hours end in which `now` lies; 0 outside of them. Both are Unix time."""
        if not self._sections:
            return 0.0
        end = 0.0
        for start, stop in sorted(self._periods(now)):
            if start <= max(now, end) < stop:
                end = stop
        return end

    def _periods(self, now: float) -> Iterator[tuple[float, float]]:
        today = dt.datetime.fromtimestamp(now, self._zone).date()
        for section in self._sections:
            start, end = dt.time.fromisoformat(section.start), dt.time.fromisoformat(section.end)
            nights = dt.timedelta(days=1 if end < start else 0)
            for offset in range(-1, _AHEAD):
                day = today + dt.timedelta(days=offset)
                if _DAYS[day.weekday()] in section.days:
                    yield self._instants(day, start)[0], max(self._instants(day + nights, end))

    def _instants(self, day: dt.date, time: dt.time) -> tuple[float, float]:
        """Two of an hour that comes twice in autumn: the first is a start, the later one an end.
        An hour that is skipped in spring has two as well, the first of them the later."""
        local = dt.datetime.combine(day, time, self._zone)
        return local.timestamp(), local.replace(fold=1).timestamp()

"""How often a step may be done. Pure: times are the caller's, in seconds."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    min_interval_s: float
    per_hour: int


class Allowance:
    """What is left of a limit."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._done: deque[float] = deque(maxlen=limit.per_hour)

    def wait_s(self, now: float) -> float:
        """Until the next one is allowed, 0 for at once."""
        if not self._done:
            return 0.0
        wait = self._done[-1] + self._limit.min_interval_s - now
        if self.is_used_up(now):
            wait = max(wait, self._done[0] + _HOUR_S - now)
        return max(0.0, wait)

    def is_used_up(self, now: float) -> bool:
        """Whether the hour's share is gone: waiting helps, but not soon."""
        return len(self._done) == self._limit.per_hour and now - self._done[0] < _HOUR_S

    def spend(self, now: float) -> None:
        self._done.append(now)

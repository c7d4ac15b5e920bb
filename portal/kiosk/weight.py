"""When a browser is too heavy. Pure: samples and time come from the caller."""

from __future__ import annotations

# Starting and loading take more than staying.
_LOADING_S = 60.0
EVERY_S = 10.0
_OVER_SAMPLES = 3
_FAR_OVER = 1.5
# So long a good picture is left alone though the browser is over its limit.
_PATIENCE_S = 600.0


class Weight:
    """One browser's, since `now`."""

    def __init__(self, limit_mb: float, now: float) -> None:
        self._limit_mb = limit_mb
        self._loaded_at = now + _LOADING_S
        self._over = 0
        self._over_since = now
        self._next_at = now + EVERY_S
        self.last_mb = 0.0

    def is_due(self, now: float) -> bool:
        return now >= self._next_at

    def take(self, memory_mb: float, now: float) -> None:
        self._next_at = now + EVERY_S
        self.last_mb = memory_mb
        if now < self._loaded_at or memory_mb <= self._limit_mb:
            self._over = 0
        else:
            if self._over == 0:
                self._over_since = now
            self._over += 1

    def is_too_much(self, now: float, *, is_picture_good: bool) -> bool:
        """At once when it is far over; else when nobody loses a picture, or after 10 minutes."""
        if self._over and self.last_mb > self._limit_mb * _FAR_OVER:
            return True
        if self._over < _OVER_SAMPLES:
            return False
        return not is_picture_good or now - self._over_since >= _PATIENCE_S

"""The delays between attempts: growing, capped, jittered, reset by success."""

from __future__ import annotations

import random
from collections.abc import Callable


class Backoff:
    """`next()` is the seconds to wait before the next attempt.

    Delays grow from `first_s` by `factor` up to `cap_s`; each is spread over ±`jitter` of itself
    so that two boxes that lost each other do not knock at the same moments.
    """

    def __init__(
        self,
        *,
        first_s: float = 0.25,
        cap_s: float = 5.0,
        factor: float = 2.0,
        jitter: float = 0.2,
        rng: Callable[[], float] = random.random,
    ) -> None:
        self._first_s = first_s
        self._cap_s = cap_s
        self._factor = factor
        self._jitter = jitter
        self._rng = rng
        self.attempts = 0

    def next(self) -> float:
        delay = min(self._cap_s, self._first_s * self._factor**self.attempts)
        if delay < self._cap_s:
            self.attempts += 1
        return delay * (1 + self._jitter * (2 * self._rng() - 1))

    def reset(self) -> None:
        self.attempts = 0

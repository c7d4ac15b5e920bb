"""A machine that stalls for a second delays what it measures: a promised number has to hold for
the best of a few tries."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Coroutine
from math import inf
from typing import Any, ParamSpec

TRIES = 3
P = ParamSpec("P")


async def best_of_three(measure: Callable[[], Awaitable[float]], *, below: float) -> float:
    """Measure until it is `below`, three times at most. The best; raises `AssertionError`."""
    took: list[float] = []
    while len(took) < TRIES and min(took, default=inf) >= below:
        took.append(await measure())
    assert min(took) < below, took
    return min(took)


class DisturbedError(AssertionError):
    """What failed is what a stalled machine fails too."""


def tried_again(
    test: Callable[P, Coroutine[Any, Any, None]],
) -> Callable[P, Coroutine[Any, Any, None]]:
    """Three times at most, while it raises `DisturbedError`. All other failures are final."""

    @functools.wraps(test)
    async def run(*args: P.args, **kwargs: P.kwargs) -> None:
        for _ in range(TRIES - 1):
            try:
                return await test(*args, **kwargs)
            except DisturbedError as exc:
                print(f"once more: {exc}")
        return await test(*args, **kwargs)

    return run

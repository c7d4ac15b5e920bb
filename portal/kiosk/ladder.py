"""What is done when the screen shows no page: the smallest step that can work, then the next.

Pure: time comes from the caller. Nothing here runs by calendar: without a fault there is no step.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum

# So long must all be well until a fault counts as a new one, and starts with its smallest step.
_WELL_S = 30.0
# A step that is repeated waits, ever longer: a box that cannot be helped must not burn.
_FIRST_WAIT_S, _MOST_WAIT_S = 1.0, 60.0


class Step(StrEnum):
    """Smallest first."""

    PAGE = "load the page"
    RENDERER = "give the page a new renderer"
    GPU = "restart the browser's GPU process"
    BROWSER = "restart the browser"
    COMPOSITOR = "restart the compositor"


class Trouble(StrEnum):
    """What can be wrong with a screen."""

    LOST = "the page is not ours"
    CRASHED = "the page crashed"
    HUNG = "the page hangs"
    UNPAINTED = "the page is not painted"
    HEAVY = "the browser takes too much memory"
    BROWSER_SILENT = "the browser does not answer"
    BROWSER_ENDED = "the browser ended"
    COMPOSITOR_SILENT = "the compositor does not answer"
    COMPOSITOR_ENDED = "the compositor ended"


# Each step, and how often it is tried before the next.
_STEPS: dict[Trouble, tuple[tuple[Step, int], ...]] = {
    Trouble.LOST: ((Step.PAGE, 2), (Step.RENDERER, 1), (Step.BROWSER, 2)),
    Trouble.CRASHED: ((Step.PAGE, 3), (Step.BROWSER, 2)),
    Trouble.HUNG: ((Step.RENDERER, 2), (Step.BROWSER, 2)),
    Trouble.UNPAINTED: ((Step.GPU, 2), (Step.BROWSER, 2)),
    Trouble.HEAVY: ((Step.RENDERER, 1), (Step.BROWSER, 9)),
    Trouble.BROWSER_SILENT: ((Step.BROWSER, 3),),
    Trouble.BROWSER_ENDED: ((Step.BROWSER, 3),),
    Trouble.COMPOSITOR_SILENT: (),
    Trouble.COMPOSITOR_ENDED: (),
}


class Ladder:
    """`step()` names the next one and counts it, `wait_s()` how long it must still wait."""

    def __init__(self) -> None:
        self.counts: Counter[Step] = Counter()  # since the start
        self._tried: Counter[Step] = Counter()  # since all was well
        self._last_at: dict[Step, float] = {}
        self._well_since: float | None = None

    def all_is_well(self, now: float) -> None:
        if self._well_since is None:
            self._well_since = now
        elif now - self._well_since >= _WELL_S:
            self._tried.clear()

    def next_step(self, trouble: Trouble) -> Step:
        """Without counting it."""
        for step, limit in _STEPS[trouble]:
            if self._tried[step] < limit:
                return step
        return Step.COMPOSITOR

    def wait_s(self, step: Step, now: float) -> float:
        """How long `step` must still wait since it was done last; 0 the first time."""
        tried = self._tried[step]
        if tried == 0 or step not in self._last_at:
            return 0.0
        pause = min(_MOST_WAIT_S, _FIRST_WAIT_S * 2.0 ** (tried - 1))
        return max(0.0, self._last_at[step] + pause - now)

    def done(self, step: Step, now: float) -> None:
        self.counts[step] += 1
        self._tried[step] += 1
        self._last_at[step] = now
        self._well_since = None

    @property
    def is_exhausted(self) -> bool:
        """Whether only those who started us can still help."""
        return self._tried[Step.COMPOSITOR] >= 5

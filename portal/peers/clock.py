"""How far away the other box is, and how far its clock is from ours: NTP's way, RFC 5905 8."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

# A sample's true offset lies within ±rtt/2 of it. Two samples that contradict each other by more
# than this can only mean that one of the clocks was set in between.
_STEP_SLACK_S = 0.005


class Sample(NamedTuple):
    """One ping and its pong."""

    rtt_s: float
    offset_s: float  # the peer's clock minus ours


def sample(sent: float, received: float, answered: float, back: float) -> Sample:
    """From the four timestamps: first and last on our clock, the middle two on the peer's."""
    return Sample(
        rtt_s=(back - sent) - (answered - received),
        offset_s=((received - sent) + (answered - back)) / 2,
    )


class ClockFilter:
    """The quickest of the last samples is the truest: what delays a packet never speeds it up."""

    def __init__(self, *, window: int = 8) -> None:
        self._samples: deque[Sample] = deque(maxlen=window)

    @property
    def best(self) -> Sample | None:
        return min(self._samples, default=None)

    def add(self, new: Sample) -> None:
        """A round trip that ends before it began (a clock was set meanwhile) is left out."""
        if new.rtt_s < 0:
            return
        best = self.best
        if best is not None:
            allowed = (new.rtt_s + best.rtt_s) / 2 + _STEP_SLACK_S
            if abs(new.offset_s - best.offset_s) > allowed:
                self._samples.clear()
        self._samples.append(new)

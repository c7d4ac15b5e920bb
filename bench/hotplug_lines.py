"""What the hotplug benchmark says: times with their promises, and what replugs leave behind."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

_FLAT = 1.05  # memory, as a factor of the first
_SPARE_DESCRIPTORS = 2  # a request of the benchmark may be open at either moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Seconds, of each time. `promised_s` None: reported beside the others."""

    what: str
    promised_s: float | None
    took_s: list[float] = field(default_factory=list)

    @property
    def median_s(self) -> float:
        return statistics.median(self.took_s)

    @property
    def met(self) -> bool | None:
        return None if self.promised_s is None else self.median_s < self.promised_s

    def __str__(self) -> str:
        word = {True: "pass", False: "MISS", None: ""}[self.met]
        promised = "" if self.promised_s is None else f", promised {self.promised_s:g}"
        spread = f"{min(self.took_s):.3f} to {max(self.took_s):.3f}, {len(self.took_s)} times"
        return f"{word:5} {self.what:60} median {self.median_s:6.3f} s ({spread}{promised})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """By the daemon and MediaMTX after so many replugs, no camera plugged in."""

    replugs: int
    descriptors: int
    processes: int
    daemon_mb: float
    mediamtx_mb: float

    def __str__(self) -> str:
        return (
            f"      after {self.replugs:3} replugs: {self.processes} processes,"
            f" {self.descriptors} descriptors, daemon {self.daemon_mb:.1f} MB,"
            f" MediaMTX {self.mediamtx_mb:.1f} MB"
        )


def is_flat(held: Sequence[Held]) -> bool | None:
    """From the first look to the last. None: nothing was looked at."""
    if not held:
        return None
    first, last = held[0], held[-1]
    return (
        last.processes <= first.processes
        and last.descriptors <= first.descriptors + _SPARE_DESCRIPTORS
        and last.daemon_mb <= first.daemon_mb * _FLAT
        and last.mediamtx_mb <= first.mediamtx_mb * _FLAT
    )

"""The steps that bring a picture back, smallest first, and how far we have climbed. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from portal.healing.limits import Allowance, Limit
from portal.words import HealStep


class Place(StrEnum):
    """Where the fault is."""

    PAGE = "here"  # in our page: from this box the picture can be had
    WAY = "way"  # between the sites, as far as can be told: no browser's restart helps
    SCREEN = "screen"  # the page is gone
    THERE = "there"  # at the other site


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    step: HealStep
    after_s: float  # of trouble: the page takes the first three steps itself, `portal kiosk` more
    settle_s: float  # until it shows whether it helped
    limit: Limit


_PAGE_STEPS = (
    Rung(
        step=HealStep.SESSION,
        after_s=10,
        settle_s=5,
        limit=Limit(min_interval_s=5, per_hour=60),
    ),
    Rung(
        step=HealStep.TRANSPORT,
        after_s=15,
        settle_s=8,
        limit=Limit(min_interval_s=10, per_hour=30),
    ),
    Rung(
        step=HealStep.RELOAD,
        after_s=25,
        settle_s=10,
        limit=Limit(min_interval_s=30, per_hour=12),
    ),
)
_SCREEN_STEPS = (
    Rung(
        step=HealStep.BROWSER,
        after_s=20,
        settle_s=20,
        limit=Limit(min_interval_s=60, per_hour=6),
    ),
    Rung(
        step=HealStep.COMPOSITOR,
        after_s=60,
        settle_s=30,
        limit=Limit(min_interval_s=120, per_hour=4),
    ),
)
_REBOOT = Rung(  # its limit of hours is kept on the disk: see reboot.py
    step=HealStep.REBOOT,
    after_s=300,
    settle_s=300,
    limit=Limit(min_interval_s=600, per_hour=1),
)
_PEER_STEPS = (
    Rung(
        step=HealStep.PEER_PUBLISHER,
        after_s=3,
        settle_s=8,
        limit=Limit(min_interval_s=10, per_hour=12),
    ),
    Rung(
        step=HealStep.PEER_MEDIA_SERVER,
        after_s=15,
        settle_s=15,
        limit=Limit(min_interval_s=120, per_hour=3),
    ),
)
RUNGS: dict[Place, tuple[Rung, ...]] = {
    Place.PAGE: (*_PAGE_STEPS, *_SCREEN_STEPS, _REBOOT),
    Place.WAY: _PAGE_STEPS,
    Place.SCREEN: _SCREEN_STEPS,  # a kiosk that somebody stopped is no reason for a reboot
    Place.THERE: _PEER_STEPS,
}
_STEADY_S = 10.0  # a picture that was good for less was not healed
_REST_S = 600.0  # at the top: nothing helped, and what broke may have gone by itself


class Ladder:
    """One climb at a time; `good` ends it."""

    def __init__(self, *, without: Collection[HealStep] = ()) -> None:
        self._without = without
        rungs = {rung.step: rung for climb in RUNGS.values() for rung in climb}
        self._allowances = {step: Allowance(rung.limit) for step, rung in rungs.items()}
        self._height: dict[Place, int] = {}
        self._began: float | None = None
        self._good_since: float | None = None
        self._settled_at = 0.0
        self._rested_at: dict[Place, float] = {}

    @property
    def began(self) -> float | None:
        """Since when there is trouble."""
        return self._began

    def good(self, now: float) -> None:
        """The picture is as it should be, or none is due."""
        self._good_since = now if self._good_since is None else self._good_since
        if now - self._good_since >= _STEADY_S:
            self._height.clear()
            self._rested_at.clear()
            self._began = None

    def bad(self, now: float) -> float:
        """There is trouble; for how long by now."""
        self._good_since = None
        self._began = now if self._began is None else self._began
        return now - self._began

    def next(self, place: Place, now: float, *, done: Collection[HealStep] = ()) -> HealStep | None:
        """The step to do now, which counts as done. `done`: what others did since it began."""
        trouble_s = self.bad(now)
        if now < max(self._settled_at, self._rested_at.get(place, 0.0)):
            return None
        rungs = RUNGS[place]
        height = self._height.get(place, 0)
        while height < len(rungs):
            rung = rungs[height]
            allowance = self._allowances[rung.step]
            if rung.step in self._without or rung.step in done or allowance.is_used_up(now):
                height += 1
                continue
            self._height[place] = height
            if trouble_s < rung.after_s or allowance.wait_s(now):
                return None
            self.spend(rung.step, now)
            self._height[place] = height + 1
            return rung.step
        self._height[place] = 0
        self._rested_at[place] = now + _REST_S
        return None

    def allows(self, step: HealStep, now: float) -> bool:
        return step not in self._without and not self._allowances[step].wait_s(now)

    def spend(self, step: HealStep, now: float) -> None:
        """`step` is done."""
        self._allowances[step].spend(now)
        settle_s = next(r.settle_s for climb in RUNGS.values() for r in climb if r.step is step)
        self._settled_at = now + settle_s

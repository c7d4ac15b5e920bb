"""What is wrong with this box's screen, as far as it can be told from the snapshot. Pure."""

from __future__ import annotations

from enum import StrEnum

from portal.model import Snapshot, Value
from portal.peers.untrusted import cleaned
from portal.words import CameraState, LinkState, ScreenState

# The page looks at the picture several times a second: younger stillness is no stillness.
STILL_AFTER_S = 1.5


class Trouble(StrEnum):
    NOTHING = "nothing"  # no picture is due, or nobody has a screen: let it be
    GOOD = "good"
    STILL = "still"  # frames are decoded, all alike
    DARK = "dark"  # the other camera is on and the link is up, but no picture comes
    SILENT = "silent"  # a page reported, and does no more


class Sight(Value, frozen=True):
    trouble: Trouble
    reason: str = ""  # for the log
    still_s: float = 0.0


def sight_of(snapshot: Snapshot, now: float) -> Sight:
    """`now` is Unix time."""
    screen, link, report = snapshot.screen, snapshot.link, snapshot.screen.report
    if not snapshot.display_on or not screen.seen_at:
        return Sight(trouble=Trouble.NOTHING)
    if screen.state is ScreenState.ABSENT:
        return Sight(trouble=Trouble.SILENT, reason="the page on the screen reports no more")
    is_due = (
        link.state is LinkState.UP
        and link.remote is not None
        and link.remote.camera is CameraState.LIVE
    )
    if report is None or not is_due:
        return Sight(trouble=Trouble.NOTHING)
    if report.fps > 0 and report.moved_s is not None:
        # A clock that was set between the two adds nothing; nor does a page that says too late
        # that all is well.
        late_s = min(max(0.0, now - screen.seen_at), 2.0) if report.moved_s > 0 else 0.0
        still_s = report.moved_s + late_s
        if still_s >= STILL_AFTER_S:
            reason = f"the same picture for {still_s:.0f} s at {report.fps:.0f} frames a second"
            return Sight(trouble=Trouble.STILL, reason=reason, still_s=still_s)
    if screen.state is ScreenState.LIVE:
        return Sight(trouble=Trouble.GOOD)
    # The page repeats what the other site said.
    why = f": {cleaned(report.reason, 120)}" if report.reason else ""
    return Sight(trouble=Trouble.DARK, reason=f"the screen shows no picture{why}")

"""What the daemon makes of the kiosk page's reports."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from portal.model import Heal, PageOrder, ScreenReport, ScreenStatus, SiteStatus, Snapshot
from portal.state import StateBoard
from portal.web import screen
from portal.web.screen import ScreenIntake, state_of
from portal.words import HealStep, ScreenState


def report(**changes: Any) -> ScreenReport:
    """Of a picture that moves."""
    live = ScreenReport(
        page="a", state="live", uptime_s=5, fps=30, frames=150, transport="udp", moved_s=0
    )
    return msgspec.structs.replace(live, **changes)


@pytest.fixture
def board() -> StateBoard:
    site = SiteStatus(name="dublin", title="Dublin", version="1", started_at=0)
    return StateBoard(Snapshot(site=site))


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        (report(), ScreenState.LIVE),
        (report(moved_s=None), ScreenState.LIVE),
        (report(moved_s=1.9), ScreenState.LIVE),
        (report(moved_s=2.0), ScreenState.CONNECTED),
        (report(fps=0), ScreenState.CONNECTED),
        (report(state="connecting"), ScreenState.CONNECTED),
        (report(state="connecting", transport=""), ScreenState.WAITING),
        (report(state="searching", transport="", fps=0), ScreenState.WAITING),
    ],
)
def test_connected_is_not_live(seen: ScreenReport, state: ScreenState) -> None:
    assert state_of(seen) is state


@pytest.mark.parametrize(
    "wrong",
    [
        b'{"page": "a", "state": "live"}',
        b'{"page": "a", "state": "live", "uptime_s": -1}',
        b'{"page": "a", "state": "live", "uptime_s": 1, "transport": "pigeon"}',
        b'{"page": "a", "state": "live", "uptime_s": 1, "frames": 1.5}',
        b'{"page": "a", "state": "live", "uptime_s": 1e999}',
        b'{"page": "%s", "state": "live", "uptime_s": 1}' % (b"x" * 65),
        b'{"page": "a", "state": "live", "uptime_s": 1, "reason": "%s"}' % (b"x" * 501),
    ],
)
def test_a_report_that_cannot_be_true_is_refused(wrong: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(wrong, type=ScreenReport)


async def test_the_state_keeps_since_when(board: StateBoard) -> None:
    now = 100.0
    intake = ScreenIntake(board, clock=lambda: now)
    intake.take(report())
    now = 101.0
    intake.take(report(frames=180))
    assert board.snapshot.screen == ScreenStatus(
        state=ScreenState.LIVE, report=report(frames=180), seen_at=101.0, since=100.0
    )
    now = 102.0
    intake.take(report(state="connecting", fps=0))
    assert board.snapshot.screen.since == 102.0
    await intake.close()


async def test_a_page_that_is_silent_is_missed_only_if_it_is_the_screens(
    board: StateBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen, "SILENT_AFTER_S", 0.01)
    intake = ScreenIntake(board, clock=lambda: 100.0)
    intake.take(report(screen=True))
    await board.wait_for(lambda now: now.screen.state is ScreenState.ABSENT)
    assert board.snapshot.screen.seen_at == 100.0
    intake.take(report(page="b"))
    await board.wait_for(lambda now: now.screen.state is ScreenState.ABSENT)
    assert board.snapshot.screen == ScreenStatus(), "somebody closed a tab"


async def test_one_of_several_pages_is_the_screen(board: StateBoard) -> None:
    intake = ScreenIntake(board)

    def shown() -> str:
        known = board.snapshot.screen.report
        return known.page if known else ""

    intake.take(report(page="tab"))
    intake.take(report(page="other tab"))
    assert shown() == "tab", "the first that came"
    intake.take(report(page="kiosk", screen=True))
    assert shown() == "kiosk", "the one that portal kiosk loaded goes before"
    intake.take(report(page="tab"))
    assert shown() == "kiosk"
    intake.take(report(page="tab", state="closed"))
    assert shown() == "kiosk"
    intake.take(report(page="kiosk loaded anew", screen=True))
    assert shown() == "kiosk loaded anew"
    intake.take(report(page="kiosk loaded anew", screen=True, state="closed"))
    assert shown() == ""
    await intake.close()


async def test_an_order_is_given_once_to_the_page_that_was_there(board: StateBoard) -> None:
    intake = ScreenIntake(board)
    board.update(page_order=PageOrder(step=HealStep.SESSION, number=4))
    assert intake.take(report(screen=True)) is None, "ordered before it came"
    board.update(page_order=PageOrder(step=HealStep.RELOAD, number=5))
    assert intake.take(report(page="tab")) is None, "not the screen"
    assert intake.take(report(screen=True)) is HealStep.RELOAD
    assert intake.take(report(screen=True)) is None
    board.update(page_order=PageOrder(step=HealStep.TRANSPORT, number=6))
    assert intake.take(report(page="b", screen=True)) is None, "a new page has done it"
    await intake.close()


async def test_a_first_order_reaches_a_page_that_was_there_before_it(board: StateBoard) -> None:
    intake = ScreenIntake(board)
    intake.take(report())
    board.update(page_order=PageOrder(step=HealStep.SESSION, number=1))
    assert intake.take(report()) is HealStep.SESSION
    await intake.close()


async def test_the_pages_own_steps_are_counted_and_logged(
    board: StateBoard, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "portal.web.screen")
    intake = ScreenIntake(board)
    once = Heal(step=HealStep.SESSION, count=1, reason="no frame\ncame", at=1.0)
    twice = msgspec.structs.replace(once, count=2)
    intake.take(report(steps=(once,)))
    assert not intake.steps, "of a page that is new here it is not known when"
    intake.take(report(steps=(twice,)))
    intake.take(report(steps=(twice,)))
    assert intake.steps == {HealStep.SESSION: 1}
    assert "took the step session: no frame came" in caplog.text
    await intake.close()
    await asyncio.sleep(0)

"""The ladder: which step, when, and when none."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from portal.config import Config, HealingSection
from portal.healing.ladder import RUNGS, Ladder, Place
from portal.healing.limits import Allowance, Limit
from portal.healing.reboot import Reboot
from portal.healing.service import Healing
from portal.healing.sight import Trouble, sight_of
from portal.healing.stillness import MAX_PATIENCE_S, Stillness
from portal.model import (
    Heal,
    LinkStatus,
    Peer,
    PeerAnswer,
    RemoteSite,
    ScreenReport,
    ScreenStatus,
    SiteStatus,
    Snapshot,
)
from portal.peers import messages
from portal.state import StateBoard
from portal.store import Store
from portal.verdict import ProbeResult
from portal.words import CameraState, HealStep, LinkState, PictureState, ScreenState

LIVE = ProbeResult(url="", state=PictureState.LIVE, frames=30, connected=True)
FROZEN = ProbeResult(url="", state=PictureState.STALLED, frames=30, connected=True)
NO_FRAMES = ProbeResult(url="", state=PictureState.STALLED, connected=True)
NO_WAY = ProbeResult(url="", state=PictureState.STALLED)
NOBODY = ProbeResult(url="", state=PictureState.ABSENT)
BROKEN = ProbeResult(url="", state=PictureState.UNKNOWN)

GOOD = ScreenReport(
    page="one", state="live", uptime_s=60, frames=900, fps=30, moved_s=0.1, transport="udp"
)


class Site:
    """A box whose screen and clock are the test's. Runs the service's looks without its waits."""

    def __init__(self, tmp_path: Path, *, reboot: bool = False) -> None:
        self.now = 1000.0
        self.found = LIVE
        self.looks = 0
        self.rebooted = 0
        self.board = StateBoard(
            Snapshot(
                site=SiteStatus(name="dublin", title="Dublin", version="0", started_at=0),
                link=LinkStatus(
                    state=LinkState.UP,
                    peer=Peer(name="new-york"),
                    remote=RemoteSite(
                        name="new-york", title="New York", version="0", camera=CameraState.LIVE
                    ),
                ),
            )
        )
        self.healing = Healing(
            Config(healing=HealingSection(reboot=reboot)),
            self.board,
            Reboot(
                Store(tmp_path),
                command=self._reboot,
                clock=lambda: 1e9 + self.now,
                uptime=lambda: 1e5 + self.now,
            ),
            look=self._look,
            clock=lambda: 1e9 + self.now,
            monotonic=lambda: self.now,
        )

    async def _reboot(self) -> None:
        self.rebooted += 1

    async def _look(self, _url: str) -> ProbeResult:
        self.looks += 1
        self.now += 2.0
        return self.found

    def screen(self, state: ScreenState, /, **report: Any) -> None:
        said = None if state is ScreenState.ABSENT else msgspec.structs.replace(GOOD, **report)
        self.board.update(screen=ScreenStatus(state=state, report=said, seen_at=1e9 + self.now))

    async def watch(self, seconds: float, state: ScreenState, /, **report: Any) -> None:
        """The screen reports that once a second."""
        began = self.now
        while self.now < began + seconds:
            self.screen(state, **report)
            for _ in range(2):
                await self.healing.attend(self.board.snapshot)
                self.now += 0.5

    async def stand(self, seconds: float) -> None:
        """Frames come, all alike."""
        began = self.now
        while self.now < began + seconds:
            await self.watch(1, ScreenState.LIVE, moved_s=self.now - began)

    @property
    def steps(self) -> list[HealStep]:
        """Done so far, each once, in the order in which each was done last."""
        return [heal.step for heal in self.board.snapshot.heals]

    def count(self, step: HealStep) -> int:
        return next((heal.count for heal in self.board.snapshot.heals if heal.step is step), 0)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


DARK = {"state": "connecting", "fps": 0.0, "moved_s": None, "reason": "no picture came"}


async def test_a_good_picture_is_left_alone(site: Site) -> None:
    await site.watch(3600, ScreenState.LIVE)
    assert site.steps == []
    assert site.looks == 0


async def test_a_short_gap_is_the_pages_own_affair(site: Site) -> None:
    for _ in range(50):
        await site.watch(3, ScreenState.CONNECTED, **DARK)
        await site.watch(20, ScreenState.LIVE)
    assert site.steps == []
    assert site.looks == 0


@pytest.mark.parametrize("found", [NO_WAY, BROKEN])
async def test_a_network_without_a_way_for_the_picture_costs_no_browser(
    tmp_path: Path, found: ProbeResult
) -> None:
    site = Site(tmp_path, reboot=True)
    site.found = found
    await site.watch(3600, ScreenState.CONNECTED, **DARK)
    assert set(site.steps) == {HealStep.SESSION, HealStep.TRANSPORT, HealStep.RELOAD}
    assert site.rebooted == 0


async def test_a_fault_on_this_side_is_healed_here_from_the_smallest_step_up(site: Site) -> None:
    site.found = LIVE
    await site.watch(100, ScreenState.CONNECTED, **DARK)
    assert site.steps == [
        HealStep.SESSION,
        HealStep.TRANSPORT,
        HealStep.RELOAD,
        HealStep.BROWSER,
        HealStep.COMPOSITOR,
    ]
    now = site.board.snapshot
    assert now.page_order is not None
    assert (now.page_order.step, now.page_order.number) == (HealStep.RELOAD, 3)
    assert (now.browser_restarts, now.compositor_restarts) == (1, 1)
    assert now.asks.ask is None


@pytest.mark.parametrize("found", [FROZEN, NO_FRAMES, NOBODY])
async def test_a_fault_on_the_other_side_is_asked_to_be_healed_there(
    site: Site, found: ProbeResult
) -> None:
    site.found = found
    await site.watch(12, ScreenState.CONNECTED, **DARK)
    assert site.steps == [HealStep.PEER_PUBLISHER]
    ask = site.board.snapshot.asks.ask
    assert ask is not None
    assert (ask.peer, ask.step) == ("new-york", HealStep.PEER_PUBLISHER)
    assert "no picture came" in ask.reason
    await site.watch(20, ScreenState.CONNECTED, **DARK)
    assert site.steps == [HealStep.PEER_PUBLISHER, HealStep.PEER_MEDIA_SERVER]
    assert site.board.snapshot.browser_restarts == 0


async def test_what_the_page_did_itself_is_not_ordered_again(site: Site) -> None:
    await site.watch(2, ScreenState.CONNECTED, **DARK)
    took = tuple(
        Heal(step=step, count=1, reason="no picture came", at=0)
        for step in (HealStep.SESSION, HealStep.TRANSPORT)
    )
    await site.watch(40, ScreenState.CONNECTED, **{**DARK, "steps": took})
    assert site.steps[0] is HealStep.RELOAD
    assert HealStep.SESSION not in site.steps


async def test_what_the_page_repeats_of_the_other_site_cannot_break_the_link(site: Site) -> None:
    site.found = NOBODY
    hostile = "\u202e\x1b[31m" + "x" * 450
    await site.watch(12, ScreenState.CONNECTED, **{**DARK, "reason": hostile})
    ask = site.board.snapshot.asks.ask
    assert ask is not None
    messages.Ask(step=ask.step, reason=ask.reason)  # would raise


async def test_a_good_picture_ends_the_climb(site: Site) -> None:
    await site.watch(12, ScreenState.CONNECTED, **DARK)
    assert site.steps == [HealStep.SESSION]
    await site.watch(30, ScreenState.LIVE)
    await site.watch(12, ScreenState.CONNECTED, **DARK)
    assert site.steps == [HealStep.SESSION]
    assert site.count(HealStep.SESSION) == 2


async def test_a_picture_that_flickers_is_not_disturbed_for_what_is_over(site: Site) -> None:
    """One frame a second: some seconds have none."""
    await site.watch(5, ScreenState.CONNECTED, **DARK)
    for _ in range(300):
        await site.watch(3, ScreenState.LIVE)
        await site.watch(1, ScreenState.CONNECTED, state="live", fps=0.0)
    assert site.steps == []


async def test_a_still_picture_ends_a_climb_as_well(site: Site) -> None:
    await site.watch(12, ScreenState.CONNECTED, **DARK)
    assert site.steps == [HealStep.SESSION]
    site.found = BROKEN
    await site.stand(600)
    await site.watch(8, ScreenState.CONNECTED, **DARK)
    assert site.count(HealStep.SESSION) == 1
    assert site.steps == [HealStep.SESSION]


async def test_a_page_that_is_loaded_anew_keeps_its_browser(site: Site) -> None:
    await site.watch(40, ScreenState.CONNECTED, **DARK)
    restarts = site.board.snapshot.browser_restarts
    site.now += 60  # whatever was ordered has settled
    await site.watch(5, ScreenState.ABSENT)
    assert site.board.snapshot.browser_restarts == restarts


async def test_new_trouble_is_looked_at_at_once(site: Site) -> None:
    """However seldom that was done in the end of the last."""
    await site.watch(3000, ScreenState.CONNECTED, **DARK)
    await site.watch(15, ScreenState.LIVE)
    looks, site.found = site.looks, NOBODY
    await site.watch(10, ScreenState.CONNECTED, **DARK)
    assert site.looks == looks + 1
    assert site.board.snapshot.asks.ask is not None


@pytest.mark.parametrize(
    "link",
    [
        LinkStatus(state=LinkState.LOST),
        LinkStatus(
            state=LinkState.UP,
            remote=RemoteSite(name="a", title="", version="", camera=CameraState.PAUSED),
        ),
        LinkStatus(
            state=LinkState.UP,
            remote=RemoteSite(name="a", title="", version="", camera=CameraState.ABSENT),
        ),
    ],
)
async def test_a_picture_that_is_not_due_is_not_missed(site: Site, link: LinkStatus) -> None:
    site.board.update(link=link)
    await site.watch(600, ScreenState.WAITING, **DARK)
    assert site.steps == []


async def test_a_screen_that_is_switched_off_is_not_missed(site: Site) -> None:
    await site.watch(5, ScreenState.LIVE)
    site.board.update(display_on=False)
    await site.watch(600, ScreenState.ABSENT)
    assert site.steps == []


async def test_a_box_without_a_screen_needs_none(site: Site) -> None:
    for _ in range(600):
        await site.healing.attend(site.board.snapshot)
        site.now += 1
    assert site.steps == []


async def test_a_page_that_falls_silent_gets_a_new_browser_then_a_new_compositor(
    site: Site,
) -> None:
    site.board.update(link=LinkStatus(state=LinkState.LOST))  # the page reports all the same
    await site.watch(5, ScreenState.LIVE)
    await site.watch(18, ScreenState.ABSENT)
    assert site.steps == []
    await site.watch(10, ScreenState.ABSENT)
    assert site.steps == [HealStep.BROWSER]
    await site.watch(60, ScreenState.ABSENT)
    assert site.steps == [HealStep.BROWSER, HealStep.COMPOSITOR]
    assert site.looks == 0


async def test_nothing_is_done_for_ever(site: Site) -> None:
    """Ten hours in the dark: what one hour allows, at most."""
    site.found = LIVE
    await site.watch(36_000, ScreenState.CONNECTED, **DARK)
    for rung in RUNGS[Place.PAGE]:
        assert site.count(rung.step) <= 10 * rung.limit.per_hour
    assert site.count(HealStep.BROWSER) < 60
    assert site.count(HealStep.REBOOT) == 0
    assert site.looks < 200  # each costs a second of CPU


# Stillness


async def test_a_frozen_source_is_asked_for_a_restart_within_five_seconds(site: Site) -> None:
    site.found = FROZEN
    await site.watch(60, ScreenState.LIVE)
    began = site.now
    await site.stand(4)
    ask = site.board.snapshot.asks.ask
    assert ask is not None
    assert ask.step is HealStep.PEER_PUBLISHER
    assert site.board.snapshot.heals[0].at - 1e9 - began <= 5
    assert site.looks == 1  # the screen alone could be at fault
    await site.watch(60, ScreenState.LIVE)
    assert site.count(HealStep.PEER_PUBLISHER) == 1


@pytest.mark.parametrize("found", [LIVE, NO_WAY, NOBODY, BROKEN])
async def test_a_screen_that_stands_still_by_itself_disturbs_nobody(
    site: Site, found: ProbeResult
) -> None:
    site.found = found
    await site.watch(60, ScreenState.LIVE)
    await site.stand(600)
    assert site.board.snapshot.asks.ask is None
    assert 0 < site.looks < 60  # each costs a second of CPU


async def test_a_picture_that_moves_again_during_the_look_is_left_alone(site: Site) -> None:
    site.found = FROZEN

    async def look(url: str) -> ProbeResult:
        found = await site._look(url)
        site.screen(ScreenState.LIVE)
        return found

    site.healing._look = look
    await site.watch(60, ScreenState.LIVE)
    await site.stand(3)
    await site.watch(60, ScreenState.LIVE)
    assert site.looks
    assert site.board.snapshot.asks.ask is None


async def test_a_publisher_that_healed_itself_during_the_look_is_left_alone(site: Site) -> None:
    """The page may say so up to a second later."""
    site.found = FROZEN

    async def look(url: str) -> ProbeResult:
        link = site.board.snapshot.link
        assert link.remote is not None
        remote = msgspec.structs.replace(link.remote, publication=link.remote.publication + 1)
        site.board.update(link=msgspec.structs.replace(link, remote=remote))
        return await site._look(url)

    site.healing._look = look
    await site.watch(60, ScreenState.LIVE)
    await site.stand(3)
    assert site.looks
    assert site.board.snapshot.asks.ask is None


async def test_a_page_that_is_late_is_not_taken_for_a_still_picture(site: Site) -> None:
    site.screen(ScreenState.LIVE, moved_s=0.0)
    seen = site.board.snapshot
    assert sight_of(seen, 1e9 + site.now + 3.5).trouble is Trouble.GOOD


async def test_a_still_scene_is_disturbed_once_and_then_left_alone(site: Site) -> None:
    site.found = FROZEN
    await site.stand(8 * 3600)
    assert site.steps == [HealStep.PEER_PUBLISHER]
    assert site.count(HealStep.PEER_PUBLISHER) == 1


async def test_a_dark_room_where_somebody_walks_by_is_disturbed_ever_less(site: Site) -> None:
    """Every five minutes something moves for three seconds, all night."""
    site.found = FROZEN
    for _ in range(100):
        await site.watch(3, ScreenState.LIVE)
        await site.stand(297)
    assert site.count(HealStep.PEER_PUBLISHER) <= 3


async def test_a_camera_that_freezes_often_is_healed_each_time(site: Site) -> None:
    site.found = FROZEN
    for number in range(5):
        await site.watch(700, ScreenState.LIVE)
        await site.stand(4)
        assert site.count(HealStep.PEER_PUBLISHER) == number + 1


async def _declined(site: Site) -> None:
    answer = PeerAnswer(
        peer="new-york",
        step=HealStep.PEER_PUBLISHER,
        accepted=False,
        reason="the picture moves here",
        number=1,
        picture=PictureState.LIVE,
    )
    site.board.update(asks=msgspec.structs.replace(site.board.snapshot.asks, answer=answer))
    await site.healing.attend(site.board.snapshot)


async def test_an_answer_that_nobody_asked_for_says_nothing(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    await site.watch(5, ScreenState.LIVE)
    await _declined(site)
    assert "declined" not in caplog.text
    site.found = FROZEN
    await site.stand(5)
    assert site.count(HealStep.PEER_PUBLISHER) == 1


async def test_our_own_eye_is_doubted_when_the_other_site_sees_it_move(site: Site) -> None:
    site.found = FROZEN
    await site.stand(4)
    await _declined(site)
    await site.stand(3600)
    await site.watch(3, ScreenState.LIVE)
    await site.stand(150)
    assert site.count(HealStep.PEER_PUBLISHER) == 2


async def test_a_picture_that_moves_there_but_not_here_is_healed_here(site: Site) -> None:
    site.found = NO_FRAMES
    await site.watch(8, ScreenState.CONNECTED, **DARK)
    assert site.steps == [HealStep.PEER_PUBLISHER]
    await _declined(site)
    site.found = LIVE
    await site.watch(10, ScreenState.CONNECTED, **DARK)
    assert site.steps[:2] == [HealStep.PEER_PUBLISHER, HealStep.SESSION]


def test_patience_with_stillness_grows_to_an_hour_and_no_further() -> None:
    stillness = Stillness()
    now = 0.0
    for _ in range(50):
        for second in range(4000):
            stillness.still(now + second, second)
        now += 4000
        for second in range(3):
            stillness.moving(now + second)
        now += 3
    assert stillness.patience_s == MAX_PATIENCE_S


# Limits


def test_an_allowance_keeps_its_interval_and_its_hour() -> None:
    allowance = Allowance(Limit(min_interval_s=10, per_hour=3))
    rng = random.Random(1)  # noqa: S311 - a test's own dice
    done: list[float] = []
    now = 0.0
    for _ in range(5000):
        if not allowance.wait_s(now):
            allowance.spend(now)
            done.append(now)
        now += rng.uniform(0, 60)
    assert all(b - a >= 10 for a, b in itertools.pairwise(done))
    assert all(b - a >= 3600 for a, b in zip(done, done[3:], strict=False))
    assert len(done) > 100


def test_a_ladder_skips_what_it_may_not_do() -> None:
    ladder = Ladder(without=(HealStep.BROWSER,))
    ladder.bad(0)
    assert ladder.next(Place.SCREEN, 100) is HealStep.COMPOSITOR


# The last step


async def test_a_box_reboots_only_if_it_may(tmp_path: Path) -> None:
    forbidden, allowed = Site(tmp_path), Site(tmp_path, reboot=True)
    for site in (forbidden, allowed):
        site.found = LIVE
        await site.watch(600, ScreenState.CONNECTED, **DARK)
    assert forbidden.rebooted == 0
    assert allowed.rebooted == 1


async def test_a_kiosk_that_somebody_stopped_is_no_reason_for_a_reboot(tmp_path: Path) -> None:
    site = Site(tmp_path, reboot=True)
    await site.watch(1, ScreenState.LIVE)
    await site.watch(3600, ScreenState.ABSENT)
    assert site.rebooted == 0


async def test_a_box_reboots_at_most_once_in_six_hours_however_often_it_starts(
    tmp_path: Path,
) -> None:
    times: list[float] = []
    now = 1e9

    async def reboot() -> None:
        times.append(now)

    def clock() -> float:
        return now

    for _ in range(200):  # every ten minutes another daemon, each of which wants it
        now += 600
        await Reboot(Store(tmp_path), command=reboot, clock=clock, uptime=lambda: 2000.0).do()
    assert all(b - a >= 6 * 3600 for a, b in itertools.pairwise(times))
    assert len(times) == 6


async def test_a_box_that_has_just_started_does_not_reboot(tmp_path: Path) -> None:
    refusal = await Reboot(Store(tmp_path), clock=lambda: 1e9, uptime=lambda: 60.0).do()
    assert "next one is allowed in" in refusal


async def test_a_box_that_cannot_write_does_not_reboot(tmp_path: Path) -> None:
    done = []

    async def reboot() -> None:
        done.append(1)

    refusal = await Reboot(
        Store(tmp_path / "gone"), command=reboot, clock=lambda: 1e9, uptime=lambda: 1e6
    ).do()
    assert "cannot be written" in refusal
    assert done == []

"""What people chose and what the schedule says, and which of them wins when."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from pathlib import Path

import msgspec
import pytest

from portal.config import Config, MicrophoneSection, QuietSection
from portal.model import SiteStatus, Snapshot
from portal.privacy import DOCUMENT, FAULT, Choices, Privacy
from portal.state import StateBoard
from portal.store import Store

NIGHT = (QuietSection(start="22:00", end="07:00"),)


class Clock:
    def __init__(self, local: str = "2026-11-20 15:00") -> None:
        self.set(local)

    def set(self, local: str) -> None:
        self.now = dt.datetime.fromisoformat(local).replace(tzinfo=dt.UTC).timestamp()

    def __call__(self) -> float:
        return self.now


class Box:
    """A daemon's share of it; `tick` is what its service does every two seconds."""

    def __init__(self, state_dir: Path, config: Config | None = None) -> None:
        self.clock = Clock()
        self.store = Store(state_dir)
        self.config = config or Config(quiet_hours=NIGHT)
        self.start()

    def start(self) -> None:
        site = SiteStatus(name="dublin", title="Dublin", version="0", started_at=0, time_zone="UTC")
        self.board = StateBoard(Snapshot(site=site))
        self.privacy = Privacy(self.config, self.board, self.store, clock=self.clock)

    async def restart(self) -> None:
        self.start()
        await self.privacy.open()

    def at(self, local: str) -> Snapshot:
        self.clock.set(local)
        self.privacy._apply()
        return self.board.snapshot


@pytest.fixture
async def box(tmp_path: Path) -> Box:
    box = Box(tmp_path)
    await box.privacy.open()
    return box


async def test_a_paused_camera_stays_paused_over_a_power_cut(box: Box) -> None:
    await box.privacy.pause(True, by="its site")
    await box.restart()
    assert box.board.snapshot.paused
    await box.privacy.pause(False, by="its site")
    await box.restart()
    assert not box.board.snapshot.paused


async def test_choices_that_cannot_be_understood_count_as_a_pause_until_somebody_ends_it(
    box: Box, tmp_path: Path
) -> None:
    await box.privacy.pause(True, by="its site")
    (tmp_path / f"{DOCUMENT}.json").write_bytes(b'{"paused": tr')
    await box.restart()
    assert box.board.snapshot.paused
    await box.restart()
    assert box.board.snapshot.paused
    await box.privacy.pause(False, by="its site")
    await box.restart()
    assert not box.board.snapshot.paused


async def test_a_muted_microphone_stays_muted_whatever_the_file_says(tmp_path: Path) -> None:
    box = Box(tmp_path, Config(microphone=MicrophoneSection(muted=True)))
    await box.privacy.open()
    assert box.board.snapshot.muted
    await box.privacy.mute(False, by="its site")
    await box.restart()
    assert not box.board.snapshot.muted


async def test_the_night_pauses_the_camera_and_switches_the_screen_off(box: Box) -> None:
    assert not box.at("2026-11-20 21:59").paused
    night = box.at("2026-11-20 22:00")
    assert night.paused
    assert not night.display_on
    assert dt.datetime.fromtimestamp(night.quiet_until, dt.UTC).hour == 7
    morning = box.at("2026-11-21 07:00")
    assert not morning.paused
    assert morning.display_on
    assert morning.quiet_until == 0


async def test_a_choice_within_the_night_holds_until_it_ends(box: Box) -> None:
    box.at("2026-11-20 23:00")
    await box.privacy.pause(False, by="a button")
    box.privacy.switch_display(True, by="its site")
    seen = box.at("2026-11-21 06:59")
    assert not seen.paused
    assert seen.display_on
    assert box.at("2026-11-21 22:00").paused  # the next night is another one
    assert not box.board.snapshot.display_on


async def test_a_choice_within_the_night_survives_a_power_cut(box: Box) -> None:
    box.at("2026-11-20 23:00")
    await box.privacy.pause(False, by="a button")
    await box.restart()
    assert not box.board.snapshot.paused


async def test_who_changes_his_mind_within_the_night_gets_the_schedule_back(box: Box) -> None:
    box.at("2026-11-20 23:00")
    await box.privacy.pause(False, by="a button")
    await box.privacy.pause(True, by="a button")
    assert box.board.snapshot.paused
    assert not box.at("2026-11-21 07:00").paused


async def test_who_pauses_what_is_paused_by_the_night_stays_paused(box: Box) -> None:
    box.at("2026-11-20 23:00")
    await box.privacy.pause(True, by="its site")
    assert box.at("2026-11-21 07:00").paused


async def test_a_pause_from_the_day_before_outlives_the_night(box: Box) -> None:
    await box.privacy.pause(True, by="its site")
    box.at("2026-11-20 23:00")
    assert box.at("2026-11-21 07:00").paused


@pytest.mark.parametrize("jump", ["2026-11-20 22:30", "2026-11-20 20:30"])
async def test_a_clock_that_jumps_by_an_hour_is_followed_both_ways(box: Box, jump: str) -> None:
    box.at("2026-11-20 21:30")
    assert box.at(jump).paused is (jump > "2026-11-20 22:00")


async def test_a_screen_that_was_switched_off_is_on_after_a_power_cut(box: Box) -> None:
    box.privacy.switch_display(False, by="its site")
    assert not box.board.snapshot.display_on
    await box.restart()
    assert box.board.snapshot.display_on


async def test_choices_that_cannot_be_read_count_as_a_pause(box: Box, tmp_path: Path) -> None:
    (tmp_path / f"{DOCUMENT}.json").mkdir()
    await box.restart()
    assert box.board.snapshot.paused
    assert box.board.snapshot.faults[0].key == FAULT


async def test_a_full_disk_pauses_nevertheless_and_says_what_it_costs(
    box: Box, tmp_path: Path
) -> None:
    box.store = Store(tmp_path / "gone")
    await box.restart()
    await box.privacy.pause(True, by="its site")
    assert box.board.snapshot.paused
    assert "power cut" in box.board.snapshot.faults[0].message


async def test_what_is_kept_is_small_and_readable(box: Box, tmp_path: Path) -> None:
    await box.privacy.pause(True, by="its site")
    assert Store(tmp_path).load(DOCUMENT, Choices) == Choices(paused=True)


class SlowStore(Store):
    """Its first save lasts until `go_on`."""

    def __init__(self, state_dir: Path) -> None:
        super().__init__(state_dir)
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self.ended = threading.Event()

    def save(self, name: str, document: msgspec.Struct) -> None:
        is_first = not self.begun.is_set()
        self.begun.set()
        if is_first:
            self.go_on.wait(5)
        super().save(name, document)
        if is_first:
            self.ended.set()


async def test_a_pause_outlives_a_daemon_that_ends_while_something_older_is_being_kept(
    box: Box, tmp_path: Path
) -> None:
    box.store = store = SlowStore(tmp_path)
    await box.restart()
    muting = asyncio.create_task(box.privacy.mute(True, by="its site"))
    await asyncio.to_thread(store.begun.wait, 5)
    muting.cancel()
    pausing = asyncio.create_task(box.privacy.pause(True, by="its site"))
    await asyncio.wait({pausing, muting}, timeout=0.3)
    store.go_on.set()
    await pausing
    await asyncio.to_thread(store.ended.wait, 5)  # as the end of a daemon does
    await box.restart()
    assert box.board.snapshot.paused
    assert box.board.snapshot.muted


async def test_what_could_not_be_kept_is_tried_once_more_at_the_end(
    box: Box, tmp_path: Path
) -> None:
    document = tmp_path / f"{DOCUMENT}.json"
    document.mkdir()
    await box.privacy.pause(True, by="its site")
    document.rmdir()
    await box.privacy.close()
    await box.restart()
    assert box.board.snapshot.paused

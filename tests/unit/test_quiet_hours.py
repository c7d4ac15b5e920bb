"""When quiet hours hold, over midnight, over changes of the clock."""

from __future__ import annotations

import datetime as dt
import zoneinfo

import pytest

from portal.config import QuietSection
from portal.quiet import QuietHours

DUBLIN = "Europe/Dublin"
NIGHT = QuietSection(start="22:00", end="07:00")
LUNCH = QuietSection(start="12:00", end="13:30")


def at(local: str, zone: str = DUBLIN, fold: int = 0) -> float:
    moment = dt.datetime.fromisoformat(local).replace(tzinfo=zoneinfo.ZoneInfo(zone), fold=fold)
    return moment.timestamp()


def until(sections: tuple[QuietSection, ...], local: str, *, fold: int = 0) -> str:
    """The local end of the quiet hours, "" outside."""
    end = QuietHours(sections, DUBLIN).until(at(local, fold=fold))
    if not end:
        return ""
    return dt.datetime.fromtimestamp(end, zoneinfo.ZoneInfo(DUBLIN)).strftime("%a %H:%M")


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-11-20 21:59:59", ""),
        ("2026-11-20 22:00", "Sat 07:00"),
        ("2026-11-20 23:59:59", "Sat 07:00"),
        ("2026-11-21 00:00", "Sat 07:00"),
        ("2026-11-21 06:59:59", "Sat 07:00"),
        ("2026-11-21 07:00", ""),
        ("2026-11-21 12:15", "Sat 13:30"),
    ],
)
def test_a_night_goes_over_midnight(now: str, end: str) -> None:
    assert until((NIGHT, LUNCH), now) == end


def test_a_day_is_the_one_on_which_the_night_starts() -> None:
    weekend = (QuietSection(start="22:00", end="07:00", days=("fri", "sat")),)
    assert until(weekend, "2026-11-20 23:00") == "Sat 07:00"  # Friday
    assert until(weekend, "2026-11-22 06:00") == "Sun 07:00"  # the night to Sunday
    assert until(weekend, "2026-11-22 23:00") == ""  # Sunday
    assert until(weekend, "2026-11-20 06:00") == ""  # the night to Friday


def test_hours_that_touch_are_one() -> None:
    evening = QuietSection(start="19:30", end="22:00")
    assert until((NIGHT, evening), "2026-11-20 20:00") == "Sat 07:00"


def test_hours_without_an_end_have_one_for_every_day() -> None:
    always = (QuietSection(start="00:00", end="12:00"), QuietSection(start="12:00", end="00:00"))
    assert until(always, "2026-11-20 20:00") != ""


def test_only_the_sections_that_apply_count() -> None:
    dark = QuietSection(start="22:00", end="07:00", camera=False)
    hours = QuietHours((dark,), DUBLIN, applies=lambda section: section.camera)
    assert hours.until(at("2026-11-20 23:00")) == 0


def test_a_night_lasts_an_hour_longer_when_summer_time_ends() -> None:
    """25 October 2026: 02:00 comes after 01:59 summer time as 01:00 again."""
    hours = QuietHours((NIGHT,), DUBLIN)
    assert hours.until(at("2026-10-24 22:00")) - at("2026-10-24 22:00") == 10 * 3600
    assert hours.until(at("2026-03-28 22:00")) - at("2026-03-28 22:00") == 8 * 3600


def test_an_hour_that_comes_twice_is_quiet_both_times() -> None:
    early = (QuietSection(start="00:30", end="01:30"),)
    assert until(early, "2026-10-25 01:15") == "Sun 01:30"
    assert until(early, "2026-10-25 01:45") == "Sun 01:30"  # 01:30 is still to come again
    assert until(early, "2026-10-25 01:15", fold=1) == "Sun 01:30"
    assert until(early, "2026-10-25 01:45", fold=1) == ""


def test_an_hour_that_is_skipped_does_not_keep_the_night_open() -> None:
    """29 March 2026: 01:00 to 02:00 does not exist in Dublin."""
    skipped = (QuietSection(start="01:15", end="05:00"),)
    assert until(skipped, "2026-03-29 02:30") == "Sun 05:00"
    assert until((QuietSection(start="22:00", end="01:30"),), "2026-03-29 02:45") == ""


def test_a_night_that_ends_in_the_skipped_hour_does_not_end_before_it() -> None:
    night = (QuietSection(start="22:00", end="01:30"),)
    assert until(night, "2026-03-29 00:45") != ""
    assert until((QuietSection(start="00:30", end="01:30"),), "2026-03-29 00:40") != ""


def test_without_sections_it_is_never_quiet() -> None:
    assert QuietHours((), DUBLIN).until(at("2026-11-20 23:00")) == 0

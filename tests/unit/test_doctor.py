"""How the doctor behaves, whatever it finds."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import msgspec
import pytest

from portal.config import Config, parse_config
from portal.doctor import Finding, Status, format_findings
from portal.doctor.chain import CHECKS, Check, examine
from portal.doctor.finding import fail, ok, warn
from portal.doctor.machine import check_service
from portal.doctor.network import names_in
from portal.doctor.subject import Subject
from portal.errors import MediaServerError
from portal.model import Fault, LinkStatus, Peer, SiteStatus, Snapshot

SUBJECT = Subject(config=Config(), state_dir=Path("/nowhere"))
SITE = SiteStatus(name="dublin", title="Dublin", version="1.2.3", started_at=0.0)


async def _fine(_subject: Subject) -> Finding:
    return ok("fine")


async def _examined(*checks: Check) -> list[Finding]:
    return await examine(SUBJECT, checks)


async def test_findings_bear_their_checks_names_in_order() -> None:
    async def late(_subject: Subject) -> Finding:
        await asyncio.sleep(0.01)
        return warn("late", "hurry")

    found = await _examined(Check(name="first", look=late), Check(name="second", look=_fine))
    assert [(one.check, one.status) for one in found] == [
        ("first", Status.WARN),
        ("second", Status.OK),
    ]


async def test_a_check_that_crashes_is_a_fault_and_the_others_go_on() -> None:
    async def crash(_subject: Subject) -> Finding:
        raise ZeroDivisionError("of nothing")

    crashed, fine = await _examined(Check(name="bad", look=crash), Check(name="good", look=_fine))
    assert crashed.status is Status.FAIL
    assert "ZeroDivisionError: of nothing" in crashed.detail
    assert fine.status is Status.OK


async def test_an_expected_fault_is_told_with_its_remedy() -> None:
    async def missing(_subject: Subject) -> Finding:
        raise MediaServerError("MediaMTX is missing", remedy="install it")

    (found,) = await _examined(Check(name="mediamtx", look=missing))
    assert (found.status, found.detail, found.remedy) == (
        Status.FAIL,
        "MediaMTX is missing",
        "install it",
    )


async def test_a_check_that_hangs_is_a_fault_in_time() -> None:
    async def hang(_subject: Subject) -> Finding:
        await asyncio.Event().wait()
        return ok("never")

    started = time.monotonic()
    hung, fine = await _examined(
        Check(name="slow", look=hang, limit_s=0.05), Check(name="good", look=_fine)
    )
    assert hung.status is Status.FAIL
    assert "0.05 s" in hung.detail
    assert fine.status is Status.OK
    assert time.monotonic() - started < 1


def test_every_check_has_a_name_of_its_own_and_all_end_within_eight_seconds() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    assert max(check.limit_s for check in CHECKS) <= 7


def test_people_read_one_aligned_line_each() -> None:
    text = format_findings(
        [
            Finding(check="python", status=Status.OK, detail="3.11"),
            Finding(check="state directory", status=Status.WARN, detail="small\nand full"),
            Finding(check="ports", status=Status.FAIL, detail="held", remedy="end it"),
        ]
    )
    assert text.splitlines() == [
        "✓ python           3.11",
        "! state directory  small and full",
        "✗ ports            held; end it",
    ]


def test_programs_read_json() -> None:
    found = [Finding(check="ports", status=Status.FAIL, detail="held", remedy="end it")]
    assert msgspec.json.decode(msgspec.json.encode(found)) == [
        {"check": "ports", "status": "fail", "detail": "held", "remedy": "end it"}
    ]


def test_nothing_found_is_an_empty_text() -> None:
    assert format_findings([]) == ""
    assert fail("x").status is Status.FAIL


async def test_the_faults_of_a_running_portal_are_told() -> None:
    daemon = Snapshot(
        site=SITE, faults=(Fault(key="picture", message="it is frozen", remedy="replug it"),)
    )
    found = await check_service(msgspec.structs.replace(SUBJECT, daemon=daemon))
    assert (found.status, found.detail, found.remedy) == (
        Status.FAIL,
        "it is frozen",
        "replug it",
    )


async def test_a_portal_that_runs_well_is_told_with_its_version() -> None:
    found = await check_service(msgspec.structs.replace(SUBJECT, daemon=Snapshot(site=SITE)))
    assert found.status is Status.OK
    assert "1.2.3" in found.detail
    assert "dublin" in found.detail


def test_the_peer_is_the_one_that_the_daemon_shows_else_the_configured() -> None:
    config = parse_config('[[peers]]\nname = "ny"\naddress = "ny.example.org"\nwhep_port = 9\n')
    subject = Subject(config=config, state_dir=Path("/nowhere"))
    assert subject.peer == Peer(name="ny", address="ny.example.org", whep_port=9)
    shown = Peer(name="paris", address="192.0.2.7", origin="zeroconf")
    running = Snapshot(site=SITE, link=LinkStatus(peer=shown))
    assert msgspec.structs.replace(subject, daemon=running).peer == shown
    assert SUBJECT.peer is None


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (b"\x07_portal\x04_tcp\x05local\x00...\x0bname=dublinversion=1", {"dublin"}),
        (b"\x07_portal\x04_tcp..\x0dname=new-york\x04x=yz\x0aname=paris", {"new-york", "paris"}),
        (b"\x05_http\x04_tcp\x05local\x00\x0bname=dublin", set()),
        (b"\x07_portal\x04_tcp\x09name=\x1b[2", set()),
        (b"\x07_portal\x04_tcp\xffname=dublin", {"dublin"}),
        (b"\x07_portal\x04_tcp\x05name=", set()),
        (b"\x07_portal\x04_tcp\x00name=dublin", set()),
        (b"", set()),
    ],
)
def test_what_the_network_says_is_trusted_only_if_it_is_a_name(
    text: bytes, names: set[str]
) -> None:
    assert names_in(text) == names

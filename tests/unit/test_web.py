"""The pure parts of the web room: who may ask, what is SDP, how well the box is."""

from __future__ import annotations

import msgspec
import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from portal.errors import CameraError, MediaServerError, PeerError, PortalError
from portal.model import (
    Camera,
    CameraStatus,
    Fault,
    MediaServerStatus,
    PictureStatus,
    SiteStatus,
    Snapshot,
)
from portal.web.events import as_event
from portal.web.faults import RequestError, status_of
from portal.web.guard import comes_from_own_page, is_loopback_name
from portal.web.health import health_of
from portal.web.sdp import is_fragment, is_session_description
from portal.web.whep import session_resource
from portal.web.whep_sessions import MAX_AGE_S, MAX_SESSIONS, WhepSessions
from portal.words import CameraState, MediaServerState, PictureState

SITE = SiteStatus(name="dublin", title="Dublin", version="0.1", started_at=1.0)
WELL = Snapshot(
    site=SITE,
    media_server=MediaServerStatus(state=MediaServerState.READY),
    camera=CameraStatus(state=CameraState.LIVE, since=100.0),
    picture=PictureStatus(state=PictureState.LIVE),
)
OFFER = b"v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nm=video 9 X 96\r\na=ice-ufrag:abcd\r\n"
ENDPOINT = URL("http://127.0.0.2:8889/cam/whep")


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8080", "localhost", "LOCALHOST:1", "127.0.0.2", "[::1]:8080", "[::1]"]
)
def test_loopback_is_named_by_its_addresses_and_localhost(host: str) -> None:
    assert is_loopback_name(host)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "192.168.1.7",
        "",
        "127.0.0.1.x",
    ],
)
def test_a_rebound_domain_is_no_name_of_loopback(host: str) -> None:
    assert not is_loopback_name(host)


@pytest.mark.parametrize(
    ("headers", "is_own"),
    [
        ({}, True),
        ({"Origin": "http://127.0.0.1:8080"}, True),
        ({"Origin": "http://127.0.0.1:8080", "Sec-Fetch-Site": "same-origin"}, True),
        ({"Origin": "http://127.0.0.2:8080"}, False),
        ({"Origin": "http://127.0.0.1:9999"}, False),
        ({"Origin": "https://127.0.0.1:8080"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
    ],
)
def test_only_this_boxs_own_pages_may_change_something(
    headers: dict[str, str], is_own: bool
) -> None:
    request = make_mocked_request(
        "POST", "/api/v1/camera", headers={"Host": "127.0.0.1:8080", **headers}
    )
    assert comes_from_own_page(request) is is_own


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
def test_an_offer_is_known_by_its_lines(line_end: bytes) -> None:
    assert is_session_description(OFFER.replace(b"\r\n", line_end))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"{}",
        b"<html></html>",
        b"v=0",
        OFFER.replace(b"v=0", b"v=1"),
        OFFER.replace(b"m=video", b"x: video"),
        OFFER.replace(b"a=ice-ufrag:abcd\r\n", b""),
        OFFER + b"\r\n\r\nGET / HTTP/1.1\r\n",
        OFFER + b"\x00\r\n",
        OFFER + b"\xff\xfe\r\n",
    ],
)
def test_what_is_not_sdp_is_no_offer(body: bytes) -> None:
    assert not is_session_description(body)


def test_a_trickle_fragment_needs_no_opening_lines() -> None:
    assert is_fragment(b"a=ice-ufrag:abcd\r\na=candidate:1 1 udp 1 10.0.0.1 1 typ host\r\n")
    assert not is_fragment(b"")
    assert not is_fragment(b"candidate: please")


@given(st.binary(max_size=300))
def test_no_bytes_break_the_check_for_sdp(body: bytes) -> None:
    assert not is_session_description(body)
    is_fragment(body)


@pytest.mark.parametrize(
    ("location", "resource"),
    [
        ("/cam/whep/1", "http://127.0.0.2:8889/cam/whep/1"),
        ("/cam/whep/1?a=b", "http://127.0.0.2:8889/cam/whep/1?a=b"),
        ("http://127.0.0.2:8889/cam/whep/1", "http://127.0.0.2:8889/cam/whep/1"),
        ("whep/1", "http://127.0.0.2:8889/cam/whep/1"),
        ("?session=1", "http://127.0.0.2:8889/cam/whep?session=1"),
        ("/a%2Fb/1", "http://127.0.0.2:8889/a%2Fb/1"),
        # A server that names a third one, such as our own API, keeps the session nonetheless.
        (
            "http://127.0.0.1:9997/v3/config/global/patch",
            "http://127.0.0.2:8889/v3/config/global/patch",
        ),
        ("//127.0.0.1:9997/x", "http://127.0.0.2:8889/x"),
        ("https://portal.example/x", "http://127.0.0.2:8889/x"),
    ],
)
def test_a_session_stays_at_the_server_that_opened_it(location: str, resource: str) -> None:
    assert session_resource(ENDPOINT, location) == URL(resource, encoded=True)


@pytest.mark.parametrize(
    "location", ["", "/", "http://[", "javascript:alert(1)", "http://a:99999999/x", "/x" * 900]
)
def test_a_location_that_leads_nowhere_is_no_session(location: str) -> None:
    assert session_resource(ENDPOINT, location) is None


@given(st.text(max_size=80))
def test_no_location_leads_away_from_its_server(location: str) -> None:
    resource = session_resource(ENDPOINT, location)
    assert resource is None or resource.origin() == ENDPOINT.origin()


def open_session(sessions: WhepSessions, number: int = 1) -> str:
    return sessions.open(target="peer", who="New York", resource=ENDPOINT / str(number))


def test_a_session_is_found_by_its_id_and_target_until_it_is_forgotten() -> None:
    sessions = WhepSessions()
    session_id = open_session(sessions)
    found = sessions.find("peer", session_id)
    assert found is not None
    assert found.resource == ENDPOINT / "1"
    assert sessions.find("self", session_id) is None
    assert sessions.find("peer", "guessed") is None
    sessions.forget(session_id)
    sessions.forget(session_id)
    assert sessions.find("peer", session_id) is None


def test_the_oldest_session_makes_room() -> None:
    sessions = WhepSessions()
    ids = [open_session(sessions, number) for number in range(MAX_SESSIONS + 1)]
    assert sessions.count("peer") == MAX_SESSIONS
    assert sessions.find("peer", ids[0]) is None
    assert sessions.find("peer", ids[1]) is not None


def test_a_session_that_nobody_closed_expires() -> None:
    now = 0.0
    sessions = WhepSessions(clock=lambda: now)
    session_id = open_session(sessions)
    now = MAX_AGE_S + 1
    assert sessions.count("peer") == 0
    assert sessions.find("peer", session_id) is None


def test_a_box_that_does_its_work_is_healthy() -> None:
    health = health_of(WELL, now=1000.0)
    assert health.ok
    assert health.reasons == ()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"media_server": MediaServerStatus(state=MediaServerState.DOWN, detail="exit code 1")},
            "the media server is down: exit code 1",
        ),
        (
            {"camera": CameraStatus(state=CameraState.FAULT, detail="busy")},
            "the camera cannot be used: busy",
        ),
        (
            {"camera": CameraStatus(state=CameraState.STARTING, since=900.0)},
            "the camera gives no picture since 100 s",
        ),
        ({"picture": PictureStatus(state=PictureState.STALLED)}, "the picture stands still"),
    ],
)
def test_a_box_that_does_not_says_why(changes: dict[str, object], reason: str) -> None:
    health = health_of(msgspec.structs.replace(WELL, **changes), now=1000.0)
    assert not health.ok
    assert health.reasons == (reason,)


@pytest.mark.parametrize(
    "camera",
    [
        CameraStatus(state=CameraState.ABSENT),
        CameraStatus(state=CameraState.PAUSED),
        CameraStatus(state=CameraState.STARTING, since=999.0),
    ],
)
def test_a_box_without_a_picture_for_a_good_reason_is_healthy(camera: CameraStatus) -> None:
    assert health_of(msgspec.structs.replace(WELL, camera=camera), now=1000.0).ok


def test_a_fault_that_leaves_the_picture_alone_is_a_note() -> None:
    snapshot = msgspec.structs.replace(WELL, faults=(Fault(key="clock", message="clock is off"),))
    health = health_of(snapshot, now=1000.0)
    assert health.ok
    assert health.notes == ("clock is off",)


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (RequestError(413, "large"), 413),
        (PeerError("gone"), 502),
        (MediaServerError("down"), 503),
        (CameraError("busy"), 503),
        (PortalError("other"), 500),
    ],
)
def test_each_fault_has_a_status_that_fits(fault: PortalError, status: int) -> None:
    assert status_of(fault) == status


def test_an_event_is_one_line_whatever_people_call_their_boxes() -> None:
    site = msgspec.structs.replace(SITE, title="Du\nblin\r\n\ndata: x\u2028")
    message = as_event(msgspec.structs.replace(WELL, site=site))
    assert message.count(b"\n") == 2
    assert message.endswith(b"\n\n")
    assert b"\r" not in message
    decoded = msgspec.json.decode(message.removeprefix(b"data: "), type=Snapshot)
    assert decoded.site.title == site.title


def test_a_network_cameras_password_is_told_to_no_page() -> None:
    camera = Camera(id="c", name="Gate", source="ffmpeg", input=("-i", "rtsp://me:secret@cam/1"))
    snapshot = msgspec.structs.replace(
        WELL,
        cameras=(camera,),
        camera=CameraStatus(state=CameraState.LIVE, camera=camera),
    )
    event = as_event(snapshot)
    assert b"secret" not in event
    assert event.count(b"Gate") == 2

"""What may be said on a link, and what is refused."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.model import Camera, CameraStatus, SiteStatus, Snapshot
from portal.peers import messages
from portal.peers.messages import Answer, Budget, Hello, NonsenseError, Ping, Pong, Status
from portal.words import CameraState, MicrophoneState, PictureState

labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)
times = st.floats(min_value=0, max_value=1e11)


def printable(limit: int) -> st.SearchStrategy[str]:
    return st.text(max_size=limit).filter(str.isprintable)


@given(
    st.one_of(
        st.builds(Hello, name=labels, title=printable(64), version=printable(32)),
        st.builds(
            Status,
            camera=st.sampled_from(CameraState),
            camera_name=printable(64),
            detail=printable(256),
        ),
        st.builds(Ping, sent=times),
        st.builds(Pong, sent=times, received=times, answered=times),
    )
)
def test_what_is_said_is_understood(message: messages.Message) -> None:
    assert messages.decode(messages.encode(message)) == message


@given(st.one_of(st.text(), st.recursive(st.none(), st.lists).map(str)))
def test_any_text_is_understood_ignored_or_nonsense(raw: str) -> None:
    refusal = ""
    try:
        messages.decode(raw)
    except NonsenseError as exc:
        refusal = str(exc)
    assert refusal.isprintable()
    assert len(refusal) < 600, "40 characters, escaped with ten each, and the reason"


@given(title=st.text(max_size=500), name=labels, camera=st.text(max_size=500), detail=st.text())
def test_what_we_say_of_ourselves_is_always_accepted(
    title: str, name: str, camera: str, detail: str
) -> None:
    snapshot = Snapshot(
        site=SiteStatus(name=name, title=title, version="1", started_at=0),
        camera=CameraStatus(camera=Camera(id="x", name=camera, source="usb"), detail=detail),
    )
    for message in (messages.hello_of(snapshot), messages.status_of(snapshot)):
        assert messages.decode(messages.encode(message)) == message


@pytest.mark.parametrize(
    "raw",
    [
        '{"type":"hello","name":"Dublin","title":"","version":""}',
        '{"type":"hello","name":"dublin\\n","title":"","version":""}',
        '{"type":"hello","name":"dublin","title":"' + "x" * 65 + '","version":""}',
        '{"type":"hello","name":"dublin","title":"a\\u0000b","version":""}',
        '{"type":"hello","title":"","version":""}',
        '{"type":"status","camera":"live","detail":"' + "x" * 257 + '"}',
        '{"type":"ping","sent":-1}',
        '{"type":"ping","sent":1e300}',
        '{"type":"ping","sent":NaN}',
        '{"type":5}',
        "{}",
        "",
        "[" * 10000,
        '"' + "x" * messages.MAX_BYTES + '"',
    ],
)
def test_nonsense_is_refused(raw: str) -> None:
    with pytest.raises(NonsenseError):
        messages.decode(raw)


def test_a_newer_box_may_say_more_than_we_know() -> None:
    assert messages.decode('{"type":"weather","rain":true}') is None
    assert messages.decode('{"type":"ping","sent":1,"colour":"green"}') == Ping(sent=1)


def test_a_paused_site_says_so_whatever_its_camera_does() -> None:
    snapshot = Snapshot(
        site=SiteStatus(name="a", title="A", version="1", started_at=0),
        camera=CameraStatus(state=CameraState.LIVE),
    )
    assert messages.status_of(snapshot).camera is CameraState.LIVE
    paused = msgspec.structs.replace(snapshot, paused=True)
    assert messages.status_of(paused).camera is CameraState.PAUSED


def test_who_floods_the_link_is_cut_off() -> None:
    budget = Budget(10)
    for _ in range(10):
        budget.spend()
    with pytest.raises(NonsenseError, match="10 messages a second"):
        budget.spend()


def test_a_newer_peers_words_are_taken_for_ones_that_promise_nothing() -> None:
    said = '{"type":"status","camera":"remembered","microphone":"whispering"}'
    status = messages.decode(said)
    assert isinstance(status, Status)
    assert (status.camera, status.microphone) == (CameraState.STARTING, MicrophoneState.OFF)
    answer = messages.decode(
        '{"type":"answer","step":"reboot","accepted":true,"picture":"upside-down"}'
    )
    assert isinstance(answer, Answer)
    assert answer.picture is PictureState.UNKNOWN


def test_a_step_that_only_a_newer_peer_knows_is_ignored() -> None:
    assert messages.decode('{"type":"ask","step":"polish-the-lens"}') is None
    with pytest.raises(NonsenseError):
        messages.decode('{"type":"ask","step":7}')
    with pytest.raises(NonsenseError):
        messages.decode('{"type":"status","camera":7}')

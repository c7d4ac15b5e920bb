"""What two daemons say to each other on a link: one JSON object per WebSocket text frame.

The side that opened the link says `hello`, then `ping`, and may `ask` for a step of healing; the
other side says `hello`, `status` at once and on each change, `pong` and `answer`. Unknown fields,
types and steps are ignored, and an unknown state is taken for one that promises nothing, so that a
newer box can talk to an older one; `protocol` grows only when that is not enough.
"""

from __future__ import annotations

import time
from typing import Annotated

import msgspec

from portal.errors import PeerError
from portal.model import RemoteSite, Snapshot
from portal.peers import untrusted
from portal.words import CameraState, HealStep, MicrophoneState, PictureState

PROTOCOL = 1
MAX_BYTES = 16 * 1024

# Close codes of our own (4000 to 4999 are free for applications, RFC 6455 7.4.2).
CLOSE_SAME_NAME = 4001
CLOSE_NONSENSE = 4002
CLOSE_SILENT = 4003


class NonsenseError(PeerError):
    """Something that no portal says."""


UnixTime = Annotated[float, msgspec.Meta(ge=0, le=1e11)]


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag="hello"):
    """Who is speaking. The first message in each direction."""

    protocol: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = PROTOCOL
    name: str
    title: str
    version: str
    time_zone: str = ""  # IANA name

    def __post_init__(self) -> None:
        untrusted.label(self.name)
        untrusted.text(self.time_zone, untrusted.TITLE_MAX)
        untrusted.text(self.title, untrusted.TITLE_MAX)
        untrusted.text(self.version, untrusted.VERSION_MAX)


class Status(msgspec.Struct, frozen=True, kw_only=True, tag="status"):
    """The camera that the speaker publishes."""

    camera: CameraState
    camera_name: str = ""
    detail: str = ""
    microphone: MicrophoneState = MicrophoneState.OFF
    publication: Annotated[int, msgspec.Meta(ge=0)] = 0

    def __post_init__(self) -> None:
        untrusted.text(self.camera_name, untrusted.TITLE_MAX)
        untrusted.text(self.detail, untrusted.DETAIL_MAX)


class Ask(msgspec.Struct, frozen=True, kw_only=True, tag="ask"):
    """The speaker's screen gets no picture: do `step` for it, as far as you allow it."""

    step: HealStep
    reason: str = ""

    def __post_init__(self) -> None:
        untrusted.text(self.reason, untrusted.DETAIL_MAX)


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag="answer"):
    """To an ask. `picture`: what the speaker sees of its own camera, if it looked."""

    step: HealStep
    accepted: bool
    reason: str = ""  # why not
    picture: PictureState = PictureState.UNKNOWN

    def __post_init__(self) -> None:
        untrusted.text(self.reason, untrusted.DETAIL_MAX)


class Ping(msgspec.Struct, frozen=True, kw_only=True, tag="ping"):
    """`sent` is the asker's clock."""

    sent: UnixTime


class Pong(msgspec.Struct, frozen=True, kw_only=True, tag="pong"):
    """`sent` is repeated from the ping; the other two are the answerer's clock."""

    sent: UnixTime
    received: UnixTime
    answered: UnixTime


class _Kind(msgspec.Struct):
    type: str
    step: object = HealStep.SESSION


Message = Hello | Status | Ask | Answer | Ping | Pong

_KNOWN = {"hello", "status", "ask", "answer", "ping", "pong"}
_STEPS = frozenset(HealStep)
_encoder = msgspec.json.Encoder()
_kind = msgspec.json.Decoder(_Kind)
_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


def encode(message: Message) -> str:
    return _encoder.encode(message).decode()


def decode(raw: str) -> Message | None:
    """None for a type or a step that we don't know. Raises `NonsenseError`."""
    if len(raw) > MAX_BYTES:
        raise NonsenseError(f"it sends {len(raw)} characters at once, over {MAX_BYTES}")
    try:
        kind = _kind.decode(raw)
        if kind.type not in _KNOWN or (isinstance(kind.step, str) and kind.step not in _STEPS):
            return None
        return _decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeError, PeerError) as exc:
        reason = untrusted.cleaned(str(exc), 120)
        raise NonsenseError(
            f"it sends {untrusted.shown(raw)}, which is not a link message: {reason}"
        ) from exc


class Budget:
    """A bound on messages: more than `per_s` within any one second are a fault."""

    def __init__(self, per_s: int) -> None:
        self._per_s = per_s
        self._left = per_s
        self._second_began = 0.0

    def spend(self) -> None:
        """Raises `NonsenseError` when there is none left."""
        now = time.monotonic()
        if now - self._second_began >= 1.0:
            self._second_began, self._left = now, self._per_s
        if self._left == 0:
            raise NonsenseError(f"it sends more than {self._per_s} messages a second")
        self._left -= 1


def hello_of(snapshot: Snapshot) -> Hello:
    site = snapshot.site
    return Hello(
        name=site.name,
        title=untrusted.cleaned(site.title, untrusted.TITLE_MAX),
        version=untrusted.cleaned(site.version, untrusted.VERSION_MAX),
        time_zone=untrusted.cleaned(site.time_zone, untrusted.TITLE_MAX),
    )


def status_of(snapshot: Snapshot) -> Status:
    """What the other side may know about our camera."""
    status = snapshot.camera
    return Status(
        camera=CameraState.PAUSED if snapshot.paused else status.state,
        camera_name=untrusted.cleaned(
            status.camera.name if status.camera else "", untrusted.TITLE_MAX
        ),
        detail=untrusted.cleaned(status.detail, untrusted.DETAIL_MAX),
        microphone=snapshot.microphone,
        publication=status.publication,
    )


def remote_site(hello: Hello, status: Status) -> RemoteSite:
    return RemoteSite(
        name=hello.name,
        title=hello.title or hello.name,
        version=hello.version,
        camera=status.camera,
        camera_name=status.camera_name,
        detail=status.detail,
        microphone=status.microphone,
        time_zone=hello.time_zone,
        publication=status.publication,
    )

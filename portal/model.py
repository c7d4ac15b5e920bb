"""The words of the house as values: frozen, no I/O. The same shapes go to pages, link and logs.

Times are seconds: `since` and `checked_at` are Unix time, durations end in `_s`.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from portal.words import (
    CameraState,
    ControlKind,
    HealStep,
    LinkState,
    MediaServerState,
    MicrophoneState,
    PictureState,
    ScreenState,
)

Count = Annotated[int, msgspec.Meta(ge=0)]
Amount = Annotated[float, msgspec.Meta(ge=0)]


# FourCCs as V4L2 spells them that the encoder can read. A device may offer eighty others.
PIXEL_FORMATS = frozenset(
    {"MJPG", "JPEG", "NV12", "YU12", "YUYV", "UYVY", "422P", "RGB3", "BGR3", "H264"}
)


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every value: frozen, compared by content."""


class CameraFormat(Value, frozen=True):
    """One thing a device can deliver. `rates` are frames per second, highest first."""

    pixel_format: str  # FourCC as V4L2 spells it: "MJPG", "YUYV", "H264", "NV12" …
    width: int
    height: int
    rates: tuple[float, ...] = ()


class Camera(Value, frozen=True):
    """The physical thing (or test picture) that a site can show."""

    id: str  # stable across replug, port change and reboot
    name: str  # for people
    source: str  # "usb", "pattern", "ffmpeg"
    device: str = ""  # /dev/videoN, usb only
    input: tuple[str, ...] = ()  # ffmpeg input arguments, source "ffmpeg" only
    formats: tuple[CameraFormat, ...] = ()
    port: str = ""  # the kernel's name of the USB port, such as 1-2.3
    microphone: str = ""  # its own, as ALSA names it; usb only
    rotate: int = 0  # degrees clockwise
    mirror: bool = False
    rank: int = 0  # place of its [[cameras]] section: a lower one goes first, whatever is chosen


class MenuEntry(Value, frozen=True):
    value: int
    label: str


class CameraControl(Value, frozen=True):
    """One thing that can be set on a camera, and how it is set now."""

    name: str  # "brightness", "auto_exposure": the same on every kernel
    label: str  # as the device calls it
    kind: ControlKind
    minimum: int = 0
    maximum: int = 0
    step: int = 1
    default: int = 0
    value: int | None = None  # None: it cannot be read
    menu: tuple[MenuEntry, ...] = ()
    inactive: bool = False  # an automatic mode decides instead
    read_only: bool = False
    write_only: bool = False


class CameraStatus(Value, frozen=True):
    """The camera that this site publishes as `cam`."""

    state: CameraState = CameraState.ABSENT
    camera: Camera | None = None
    detail: str = ""
    since: float = 0.0
    delivers: str = ""  # what was asked of the device: "MJPG 1280x720, 30 fps"
    encoder: str = ""  # as ffmpeg names it: "libx264", "h264_v4l2m2m"; "copy"
    note: str = ""  # what of the wanted picture the camera lacks
    publication: int = 0  # grows with each new publisher of the path: readers of the last are cut
    # Of a fault, for programs: "busy", "denied", "bandwidth", "wedged", "gone", "silent", "format".
    cause: str = ""


class MediaServerStatus(Value, frozen=True):
    """Our MediaMTX. `generation` grows by one each time a new process answers: settings made
    through its API are gone then."""

    state: MediaServerState = MediaServerState.STARTING
    version: str = ""
    pid: int = 0
    generation: int = 0
    detail: str = ""
    since: float = 0.0


class Peer(Value, frozen=True):
    """Another box, as configuration or zeroconf names it. Its strings are untrusted."""

    name: str
    title: str = ""
    version: str = ""
    address: str = ""
    link_port: int = 8443
    whep_port: int = 8889
    origin: str = "configured"  # or "zeroconf"


class RemoteSite(Value, frozen=True):
    """What the peer last told us over the link."""

    name: str
    title: str
    version: str
    camera: CameraState
    camera_name: str = ""
    detail: str = ""
    microphone: MicrophoneState = MicrophoneState.OFF
    time_zone: str = ""  # IANA name, "" when it told none
    publication: int = 0  # as in CameraStatus


class LinkStatus(Value, frozen=True):
    """Our relation to the one peer that the screen shows. `others` are boxes seen but not shown.

    `clock_offset_s` is the peer's clock minus ours.
    """

    state: LinkState = LinkState.SEARCHING
    peer: Peer | None = None
    remote: RemoteSite | None = None
    others: tuple[Peer, ...] = ()
    rtt_s: float | None = None
    clock_offset_s: float | None = None
    detail: str = ""
    since: float = 0.0


class PictureStatus(Value, frozen=True):
    """What a WHEP reader saw of our own path the last time we looked."""

    state: PictureState = PictureState.UNKNOWN
    fps: float = 0.0
    width: int = 0
    height: int = 0
    detail: str = ""
    checked_at: float = 0.0


class SiteStatus(Value, frozen=True):
    """Who this box is, and the settings that its kiosk page obeys."""

    name: str
    title: str
    version: str
    started_at: float
    latency: str = "auto"  # "auto", "lowest", "smooth"
    self_view: str = "never"  # "never", "start" (the first minute), "always"
    show_title: bool = True
    show_clock: bool = True
    sound: bool = False  # play the other site's microphone
    time_zone: str = ""


class Heal(Value, frozen=True):
    """What was done to get the picture back: how often since the daemon or the page started, and
    the last."""

    step: HealStep
    count: Count
    reason: Annotated[str, msgspec.Meta(max_length=500)]
    at: float


class ScreenReport(Value, frozen=True):
    """What the kiosk page says once a second. Counters run since the page was loaded. It comes by
    HTTP and repeats what the other site said: bounded here, untrusted all the same."""

    page: Annotated[str, msgspec.Meta(max_length=64)]  # names this load of the page
    state: Annotated[str, msgspec.Meta(max_length=32)]  # the page's data-state
    uptime_s: Amount
    screen: bool = False  # loaded by `portal kiosk`, not by somebody who has a look
    frames: Count = 0  # decoded
    fps: Amount = 0.0
    width: Count = 0
    height: Count = 0
    freezes: Count = 0
    frozen_s: Amount = 0.0
    packets_lost: Count = 0
    packets_received: Count = 0
    rtt_s: Amount | None = None
    jitter_buffer_s: Amount | None = None  # mean wait of the last second's frames
    decode_s: Amount | None = None  # mean of the last second's frames
    age_s: Amount | None = None  # estimated, from capture at the other site to this screen
    transport: Literal["", "udp", "tcp"] = ""
    picture: Annotated[str, msgspec.Meta(max_length=64)] = ""  # changes when the picture moves
    moved_s: Amount | None = None  # since it last changed
    sessions: Count = 0
    reason: Annotated[str, msgspec.Meta(max_length=500)] = ""  # why there is no picture
    steps: Annotated[tuple[Heal, ...], msgspec.Meta(max_length=3)] = ()  # that it took by itself


class ScreenStatus(Value, frozen=True):
    """This box's screen, as its page reports it."""

    state: ScreenState = ScreenState.ABSENT
    report: ScreenReport | None = None
    seen_at: float = 0.0
    since: float = 0.0


class PageOrder(Value, frozen=True):
    """What this box's kiosk page is to do: a session, transport or reload. `number` grows by one
    with each; the number that a page finds when it loads is done already."""

    step: HealStep
    number: int


class PeerAsk(Value, frozen=True):
    """A step that one site asks of the other. `number` grows by one with each."""

    peer: str  # whom we ask, or who asks
    step: HealStep
    reason: str
    number: int


class PeerAnswer(Value, frozen=True):
    """What became of the last ask. `reason`: why it was declined."""

    peer: str  # who answers, or whom we answer
    step: HealStep
    accepted: bool
    reason: str
    number: int
    picture: PictureState = PictureState.UNKNOWN  # as the one who answers sees it, if it looked


class Asks(Value, frozen=True):
    """What the two sites asked of each other last."""

    ask: PeerAsk | None = None  # of the other site
    answer: PeerAnswer | None = None  # what it said
    asked: PeerAsk | None = None  # by the other site
    answered: PeerAnswer | None = None  # what we said
    declined: int = 0  # by us, since the daemon started


class Fault(Value, frozen=True):
    """Something a person should know about this box. `key` names it for replacement and removal."""

    key: str
    message: str
    remedy: str = ""


class Snapshot(Value, frozen=True):
    """Everything that a page, the metrics and the link may know, at one moment."""

    site: SiteStatus
    camera: CameraStatus = CameraStatus()
    cameras: tuple[Camera, ...] = ()  # all that are present, in order of preference
    cameras_known: bool = True  # False until the inventory has looked: then () means nothing
    chosen: str = ""  # id of the camera that is this site's, present or not; "" before the first
    take_over: bool = True  # whether another is published while the chosen one is absent
    paused: bool = False  # this site does not want to be seen
    muted: bool = False  # nor heard
    microphone: MicrophoneState = MicrophoneState.OFF
    screen: ScreenStatus = ScreenStatus()
    met: bool = False  # some other site was seen once, be it years ago
    display_on: bool = True  # whether the screen is wanted
    heals: tuple[Heal, ...] = ()
    asks: Asks = Asks()
    # Orders to those who do the steps: each follows its own counter, which grows by one with each
    # step and starts anew with the daemon.
    page_order: PageOrder | None = None
    browser_restarts: int = 0  # for `portal kiosk`
    compositor_restarts: int = 0
    publisher_restarts: int = 0  # of our own `cam`, because the other site asked
    media_server_restarts: int = 0
    quiet_until: float = 0.0  # when quiet hours show the camera again; 0: they don't hide it
    media_server: MediaServerStatus = MediaServerStatus()
    link: LinkStatus = LinkStatus()
    picture: PictureStatus = PictureStatus()
    faults: tuple[Fault, ...] = ()

    @property
    def elected(self) -> Camera | None:
        """The one of `cameras` that is to be published, unless the site is paused."""
        first = next(iter(self.cameras), None)
        if first is None or self.take_over:
            return first
        if not self.chosen:
            return first if first.rank == 0 else None
        return next((camera for camera in self.cameras if camera.id == self.chosen), None)

"""The sections of `portal.toml`, frozen. Each optional key has a default that suits a bare box."""

from __future__ import annotations

import re
import socket
from typing import Annotated, Literal

import msgspec

# RFC 1035 2.3.1, lower case: the name becomes `<name>.local` and a MediaMTX user.
DNS_LABEL = re.compile(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")

Rotation = Literal[0, 90, 180, 270]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Text = Annotated[str, msgspec.Meta(max_length=64)]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every section."""


def _default_name() -> str:
    label = re.sub(r"[^a-z0-9-]+", "-", socket.gethostname().split(".")[0].lower()).strip("-")
    return label[:63].strip("-") or "portal"


class SiteSection(Section, frozen=True):
    """`[site]`: who this box is and what it listens on."""

    name: str = msgspec.field(default_factory=_default_name)
    title: Text = ""
    time_zone: str = ""  # IANA name, such as Europe/Dublin; empty: the box's own
    # Loopback until pairing protects what is behind it: a wider address is a person's choice.
    address: str = "127.0.0.1"


class PortsSection(Section, frozen=True):
    """`[ports]`: the same on every box unless something else holds one."""

    kiosk: Port = 8080
    admin: Port = 8443
    whep: Port = 8889
    media: Port = 8189
    rtsp: Port = 8554
    api: Port = 9997


class VideoSection(Section, frozen=True):
    """`[video]`: what is asked of the camera and the encoder."""

    width: Annotated[int, msgspec.Meta(ge=64, le=3840, multiple_of=2)] = 1280
    height: Annotated[int, msgspec.Meta(ge=64, le=2160, multiple_of=2)] = 720
    fps: Annotated[int, msgspec.Meta(ge=1, le=60)] = 30
    bitrate_kbps: Annotated[int, msgspec.Meta(ge=100, le=20000)] = 2500
    encoder: Literal["auto", "x264", "v4l2m2m", "vaapi", "nvenc", "omx"] = "auto"
    copy_h264: bool = True  # a camera's own H.264 is copied when a look at it says that it fits
    rotate: Rotation = 0  # degrees clockwise by which the picture is turned
    mirror: bool = False  # left and right, after the rotation
    ffmpeg: str = ""  # path of the program; empty: found on PATH, else imageio-ffmpeg's


class CaptureSection(Section, frozen=True):
    """`[capture]`: which of the cameras that are present."""

    take_over: bool = True  # another one that is present, while the chosen one is unplugged
    previews: bool = True  # the others can be looked at on demand, as `camera/<id>`


class MicrophoneSection(Section, frozen=True):
    """`[microphone]`: off unless asked for."""

    enabled: bool = False
    device: str = ""  # ALSA, such as hw:CARD=Device; empty: the published camera's own
    input: tuple[str, ...] = ()  # instead: ffmpeg's input arguments, "-i" included
    bitrate_kbps: Annotated[int, msgspec.Meta(ge=16, le=256)] = 48
    muted: bool = False  # how it starts when nobody has said otherwise


class CameraSection(Section, frozen=True):
    """`[[cameras]]`: candidates in order of preference; the first that is present is published."""

    name: Text
    source: Literal["usb", "pattern", "ffmpeg"] = "usb"
    match: str = ""  # usb: serial, vendor:product, port path or camera id; empty: any
    input: tuple[str, ...] = ()  # ffmpeg: its input arguments, "-i" included
    rotate: Rotation | None = None  # None: as [video] says
    mirror: bool | None = None


class PeerSection(Section, frozen=True):
    """`[[peers]]`: the first is shown."""

    name: str
    address: str
    title: Text = ""
    link_port: Port = 8443
    whep_port: Port = 8889


class DiscoverySection(Section, frozen=True):
    """`[discovery]`: zeroconf."""

    enabled: bool = True


class MediaServerSection(Section, frozen=True):
    """`[media_server]`: MediaMTX."""

    binary: str = ""  # path of the program; empty: what `portal media-server install` would use


class KioskSection(Section, frozen=True):
    """`[kiosk]`: the screen and the page on it."""

    latency: Literal["auto", "lowest", "smooth"] = "auto"
    # The own camera in a corner: for the first minute, so that one can step into the picture.
    self_view: Literal["never", "start", "always"] = "start"
    title: bool = True  # the other site's
    clock: bool = True  # of the other site's time zone
    sound: bool = False  # play the other site's microphone
    compositor: Literal["auto", "cage", "labwc", "weston"] = "auto"
    browser: str = ""  # path of Chromium; empty: found on PATH
    output: str = ""  # as the compositor calls it, such as HDMI-A-1; empty: every one
    mode: str = ""  # such as 1920x1080@60; empty: what the screen prefers
    rotate: Rotation = 0  # degrees clockwise by which the screen is turned
    memory_mb: Annotated[int, msgspec.Meta(ge=300, le=65536)] = 1500  # what the browser may take


class HealingSection(Section, frozen=True):
    """`[healing]`: how far this box may go to get the picture back."""

    peer: bool = True  # the other site may ask for our publisher's and MediaMTX's restart
    reboot: bool = False  # of this box, when nothing else brought the picture back


Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class QuietSection(Section, frozen=True):
    """`[[quiet_hours]]`: by the site's time zone. An `end` before `start` is the next morning's."""

    start: str  # "22:00"
    end: str
    days: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")  # of the start
    camera: bool = True  # is paused
    screen: bool = True  # is off


class ButtonSection(Section, frozen=True):
    """`[button]`: a key of a GPIO or USB button that pauses the camera, and resumes it."""

    key: str = ""  # evdev's name, such as KEY_PAUSE; empty: none
    device: str = ""  # /dev/input/… or the device's name; empty: any that has the key

"""The words of the house for what may be so: the same in state, pages, link and logs."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class _PeersWord(StrEnum):
    """A newer peer may say a word that we don't know: it is taken for `_otherwise()`."""

    @classmethod
    def _otherwise(cls) -> Self:
        raise NotImplementedError

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        return cls._otherwise() if isinstance(value, str) else None


class CameraState(_PeersWord):
    ABSENT = "absent"  # nothing plugged in
    STARTING = "starting"  # present, no picture yet
    LIVE = "live"  # MediaMTX has the path ready
    FAULT = "fault"  # present, cannot be used; `detail` says why
    PAUSED = "paused"  # its own site does not want to be seen

    @classmethod
    def _otherwise(cls) -> Self:
        return cls.STARTING


class LinkState(StrEnum):
    SEARCHING = "searching"  # no peer known
    CONNECTING = "connecting"  # peer known, link not yet up since it was found
    UP = "up"
    LOST = "lost"  # was up, is not now; being retried


class MediaServerState(StrEnum):
    STARTING = "starting"
    READY = "ready"
    DOWN = "down"


class PictureState(_PeersWord):
    UNKNOWN = "unknown"  # not looked at yet
    LIVE = "live"  # decoded frames that move
    STALLED = "stalled"  # connected, but nothing decodes or nothing moves
    ABSENT = "absent"  # nobody publishes
    PAUSED = "paused"

    @classmethod
    def _otherwise(cls) -> Self:
        return cls.UNKNOWN


class MicrophoneState(_PeersWord):
    OFF = "off"  # this site sends no sound
    MUTED = "muted"
    ON = "on"

    @classmethod
    def _otherwise(cls) -> Self:
        return cls.OFF


class ScreenState(StrEnum):
    """What this box's own screen shows of the other site."""

    ABSENT = "absent"  # no kiosk page reports
    WAITING = "waiting"  # the page has nothing to show, and says why
    CONNECTED = "connected"  # a session, but no picture that moves
    LIVE = "live"


class ControlKind(StrEnum):
    INTEGER = "int"
    BOOLEAN = "bool"
    MENU = "menu"
    BUTTON = "button"  # set once, it does something; it has no value


class HealStep(StrEnum):
    """The ladder, smallest first."""

    SESSION = "session"  # a new WHEP session
    TRANSPORT = "transport"  # a new one over the other ICE transport
    RELOAD = "reload"  # the page
    BROWSER = "browser"
    COMPOSITOR = "compositor"
    PEER_PUBLISHER = "peer-publisher"
    PEER_MEDIA_SERVER = "peer-media-server"
    REBOOT = "reboot"

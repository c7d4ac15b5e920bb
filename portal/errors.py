"""The one tree of faults that we expect. Everything else is a bug and ends the process.

Each message is one line for a person: what is wrong, with which value, and what to do.
"""

from __future__ import annotations


class PortalError(Exception):
    """Root of the tree. `remedy` says what a person can do; it may be empty."""

    exit_code = 1

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}; {self.remedy}" if self.remedy else self.message


class ConfigError(PortalError):
    """A configuration value that cannot be used. `key` is its dotted name, "" for the file."""

    exit_code = 2

    def __init__(self, message: str, *, key: str = "", remedy: str = "") -> None:
        super().__init__(f"{key}: {message}" if key else message, remedy=remedy)
        self.key = key


class StoreError(PortalError):
    """What must survive a power cut cannot be read or written."""


class ProcessError(PortalError):
    """A child process that could not be started, or ended. `last_lines` is what it said last."""

    def __init__(self, message: str, *, remedy: str = "", last_lines: tuple[str, ...] = ()) -> None:
        super().__init__(message, remedy=remedy)
        self.last_lines = last_lines


class PortInUseError(PortalError):
    """An address that we must listen on belongs to somebody else."""


class CameraError(PortalError):
    """A camera that cannot be opened or asked for its formats."""


class ControlError(CameraError):
    """A control that a camera lacks or that is locked, or a value that it cannot take."""


class MediaServerError(PortalError):
    """MediaMTX is missing, too old, not ours, or answers with a fault."""


class PeerError(PortalError):
    """The other site cannot be reached or answers nonsense."""


class KioskError(PortalError):
    """The screen: no compositor, no browser, or one that does not answer."""


class PictureError(PortalError):
    """A picture that cannot be read over WHEP. `absent`: nobody publishes it. `connected`: the
    network is not to blame."""

    def __init__(
        self, message: str, *, remedy: str = "", absent: bool = False, connected: bool = False
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.absent = absent
        self.connected = connected

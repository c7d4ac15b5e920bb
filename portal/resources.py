"""Where the files of the package are: beside it in a checkout, inside it when installed."""

from __future__ import annotations

from pathlib import Path

from portal.errors import PortalError

_PACKAGE = Path(__file__).resolve().parent


def _find(name: str) -> Path:
    for candidate in (_PACKAGE / "data" / name, _PACKAGE.parent / name):
        if candidate.exists():
            return candidate
    raise PortalError(
        f"{name} is missing from the installation at {_PACKAGE}", remedy="install portal again"
    )


def kiosk_dir() -> Path:
    """The folder of the kiosk page."""
    return _find("kiosk")


def mediamtx_yml() -> Path:
    """MediaMTX's configuration file."""
    return _find("mediamtx.yml")

"""Strings from other boxes and the network: bounded and printable, or refused."""

from __future__ import annotations

from portal.config import DNS_LABEL
from portal.errors import PeerError

TITLE_MAX = 64
VERSION_MAX = 32
DETAIL_MAX = 256


def label(value: str) -> str:
    """A site's name: a DNS label, as in our own configuration. Raises `PeerError`."""
    if not DNS_LABEL.match(value):
        raise PeerError(f"{shown(value)} is not a site name", remedy="use a-z, 0-9 and hyphens")
    return value


def text(value: str, limit: int) -> str:
    """Printable and at most `limit` characters. Raises `PeerError`."""
    if len(value) > limit or not value.isprintable():
        raise PeerError(f"{shown(value)} is over {limit} characters or not printable")
    return value


def cleaned(value: str, limit: int) -> str:
    """Our own words cut to what the other side accepts: never refused, always printable."""
    printable = "".join(char if char.isprintable() else " " for char in value)
    return printable if len(printable) <= limit else printable[: limit - 1] + "…"


def shown(value: str) -> str:
    """An untrusted string as part of a message for people: quoted, escaped, short."""
    return ascii(value if len(value) <= 40 else value[:39] + "…")

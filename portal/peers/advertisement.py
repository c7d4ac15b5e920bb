"""What a box says about itself on the network, written and read. Reading trusts nothing."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address

from portal import __version__
from portal.config import Config, PortsSection
from portal.errors import PeerError
from portal.model import Peer
from portal.peers import untrusted
from portal.peers.interfaces import Interface

SERVICE_TYPE = "_portal._tcp.local."

# One TXT string is at most 255 bytes, key included (RFC 6763 6.1).
_TXT_VALUE_MAX = 200


def properties(config: Config, instance: str) -> dict[str, str]:
    """The TXT record. `instance` is random per start: it tells our own from another's."""
    title = untrusted.cleaned(config.title, untrusted.TITLE_MAX)
    while len(title.encode()) > _TXT_VALUE_MAX:
        title = title[:-1]
    return {
        "name": config.site.name,
        "title": title,
        "version": __version__,
        "port": str(config.ports.admin),
        "whep": str(config.ports.whep),
        "id": instance,
    }


def service_label(config: Config, instance: str) -> str:
    """The instance's DNS label: unique even when two boxes share a name, so that they never fight
    over one record and both can say what is wrong."""
    return f"{config.site.name[:50]}-{instance[:12]}"


def instance_of(txt: Mapping[bytes, bytes | None]) -> str:
    return (txt.get(b"id") or b"").decode("ascii", "replace")[:64]


def peer_from(
    txt: Mapping[bytes, bytes | None],
    *,
    port: int | None,
    addresses: Sequence[str],
    ours: Sequence[Interface],
    keep: str = "",
) -> Peer:
    """Another box's advertisement as a `Peer`. Raises `PeerError` naming what is wrong.

    `addresses` are newest first; `keep` is the one in use: it stays while it is among them.
    """
    whep = _number(txt, b"whep")
    link = _number(txt, b"port") or port
    if not link:
        raise PeerError("it names no port")
    return Peer(
        name=untrusted.label(_string(txt, b"name")),
        title=untrusted.text(_string(txt, b"title"), untrusted.TITLE_MAX),
        version=untrusted.text(_string(txt, b"version"), untrusted.VERSION_MAX),
        address=_choose(addresses, ours, keep),
        link_port=link,
        whep_port=whep or PortsSection().whep,
        origin="zeroconf",
    )


def _string(txt: Mapping[bytes, bytes | None], key: bytes) -> str:
    try:
        return (txt.get(key) or b"").decode()
    except UnicodeDecodeError as exc:
        raise PeerError(f"its {key.decode()} is not UTF-8 text") from exc


def _number(txt: Mapping[bytes, bytes | None], key: bytes) -> int | None:
    value = _string(txt, key)
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= 5 and 0 < int(value) < 65536):
        raise PeerError(f"its {key.decode()} {untrusted.shown(value)} is not a port")
    return int(value)


def _choose(addresses: Sequence[str], ours: Sequence[Interface], keep: str) -> str:
    """The address to use: never loopback for a box on a network, nor the reverse; none that is
    also ours (every box with containers has 172.17.0.1); one on a shared network first."""
    on_loopback = any(interface.ip.is_loopback for interface in ours)
    usable = []
    for text in addresses:
        address = ipaddress.ip_address(text)
        if address.is_loopback == on_loopback and not (
            address.is_multicast or address.is_unspecified
        ):
            usable.append(address)
    if not usable:
        listed = ", ".join(addresses[:4]) or "none"
        raise PeerError(f"none of its addresses can be used from here ({listed})")
    own = {interface.ip for interface in ours}
    foreign = [address for address in usable if address not in own] or usable
    if keep in map(str, foreign):
        return keep
    return str(min(foreign, key=lambda address: not _is_near(address, ours)))


def _is_near(address: IPv4Address | IPv6Address, ours: Sequence[Interface]) -> bool:
    return any(
        address in interface.network for interface in ours if interface.version == address.version
    )

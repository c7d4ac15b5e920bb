"""This box's own addresses, and the moment when they change."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import ipaddress
import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv4Interface, IPv6Interface

import ifaddr

from portal.config import Config

Interface = IPv4Interface | IPv6Interface

_SIOCGIFFLAGS, _IFF_RUNNING = 0x8913, 0x40  # linux/sockios.h, linux/if.h

# linux/rtnetlink.h: RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR
_GROUPS = 0x1 | 0x10 | 0x100


def site_interfaces(config: Config) -> tuple[Interface, ...]:
    """Where others can reach this site: its own address, or all of the family that it listens on.

    A site on a loopback address is there for others on the same machine only.
    """
    wanted = ipaddress.ip_address(config.site.address)
    if wanted.is_loopback:
        return (ipaddress.ip_interface(f"{wanted}/8" if wanted.version == 4 else f"{wanted}/128"),)
    found = [
        interface
        for interface in _all_interfaces()
        if interface.version == wanted.version
        and not interface.is_loopback
        # fe80::… is reached with the name of the caller's interface only: no use in a URL.
        and not (interface.version == 6 and interface.is_link_local)
    ]
    if not wanted.is_unspecified:
        found = [interface for interface in found if interface.ip == wanted]
    return tuple(sorted(set(found), key=str))


def _all_interfaces() -> Iterator[Interface]:
    """Those with a carrier: a cable that is pulled takes its addresses with it, and when it is
    plugged in again they are new."""
    for adapter in ifaddr.get_adapters():
        if not _is_running(adapter.name):
            continue
        for address in adapter.ips:
            if isinstance(address.ip, str):
                yield ipaddress.ip_interface(f"{address.ip}/{address.network_prefix}")
            else:
                yield ipaddress.ip_interface(f"{address.ip[0]}/{address.network_prefix}")


def _is_running(name: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            answer = fcntl.ioctl(
                probe, _SIOCGIFFLAGS, struct.pack("16sH22x", name.encode()[:15], 0)
            )
        except OSError:  # gone since it was listed
            return False
    flags: int = struct.unpack_from("16sH", answer)[1]
    return bool(flags & _IFF_RUNNING)


class InterfaceWatch:
    """Tells that a link or an address of this machine changed; what changed is for `ifaddr` to say.

    >>> with InterfaceWatch() as watch:
    ...     await watch.changed(settle_s=0.3)
    """

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._socket: socket.socket | None = None

    def __enter__(self) -> InterfaceWatch:
        netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        netlink.setblocking(False)
        try:
            netlink.bind((0, _GROUPS))
        except OSError:
            netlink.close()
            raise
        asyncio.get_running_loop().add_reader(netlink.fileno(), self._drain)
        self._socket = netlink
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _drain(self) -> None:
        assert self._socket is not None  # noqa: S101 - the reader lives between enter and exit
        self._event.set()
        # ENOBUFS (the kernel dropped some) is an OSError too: something changed is all we need.
        with contextlib.suppress(OSError):
            while self._socket.recv(65536):
                pass

    async def changed(self, *, settle_s: float) -> None:
        """Returns `settle_s` after the next signal: one cable makes a dozen of them."""
        await self._event.wait()
        await asyncio.sleep(settle_s)
        self._event.clear()

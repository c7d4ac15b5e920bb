"""Can the other site be found and reached?"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import struct
import time
from contextlib import ExitStack

from portal.config import Config
from portal.doctor.finding import Finding, fail, ok, warn
from portal.doctor.subject import Subject
from portal.errors import PeerError
from portal.model import Peer
from portal.peers.interfaces import site_interfaces
from portal.process import ChildProcess

_GROUP = ("224.0.0.251", 5353)  # RFC 6762 3
_LISTEN_S = 2.0  # a responder answers within 120 ms (RFC 6762 6); Wi-Fi may need a second question
_ASK_EVERY_S = 0.7
_REACH_S = 1.5
_RESOLVE_S = 2.0
_TYPE = b"\x07_portal\x04_tcp\x05local\x00"
_NAME = re.compile(rb"(.)name=", re.DOTALL)  # before it its length, which may be a newline
_LABEL = re.compile(r"[a-z0-9-]{1,63}")
# id 0, a standard query with one question: PTR of our service type, class IN
_QUESTION = struct.pack("!6H", 0, 0, 1, 0, 0, 0) + _TYPE + struct.pack("!2H", 12, 1)


async def check_discovery(subject: Subject) -> Finding:
    """Asks the network itself, from a port of its own (RFC 6762 6.7), so that it works beside a
    running daemon or avahi, and advertises nothing."""
    config = subject.config
    if not config.discovery.enabled:
        return ok("not needed: discovery.enabled is false")
    if ":" in config.site.address:
        return warn("not checked: site.address is IPv6")
    try:
        names = await _ask_around(config)
    except OSError as exc:
        return fail(
            f"multicast does not work here: {exc.strerror or exc}",
            "see `ip route`, or name the other site in [[peers]]",
        )
    others = sorted(names - {config.site.name})
    if others:
        return ok(f"seen on the network: {', '.join(others)}")
    detail = f"no other site answered in {_LISTEN_S:g} s"
    if config.peers:
        return ok(f"{detail}; not needed, the other site is configured")
    return warn(
        detail, "start the other box on this network, allow UDP 5353, or name it in [[peers]]"
    )


async def _ask_around(config: Config) -> set[str]:
    """The names of the sites that answer on the site's interfaces. Raises `OSError`."""
    interfaces = await asyncio.to_thread(site_interfaces, config)
    if not interfaces:
        raise OSError(f"no interface is up with {config.site.address}")
    names: set[str] = set()
    with ExitStack() as sockets:
        asked = []
        for interface in interfaces:
            one = sockets.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            one.setblocking(False)
            one.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, interface.ip.packed)
            one.bind((str(interface.ip), 0))
            asked.append(one)
        async with asyncio.TaskGroup() as group:
            for one in asked:
                group.create_task(_ask(one, names))
    return names


async def _ask(one: socket.socket, names: set[str]) -> None:
    loop = asyncio.get_running_loop()
    deadline = time.monotonic() + _LISTEN_S
    while (left := deadline - time.monotonic()) > 0:
        one.sendto(_QUESTION, _GROUP)
        try:
            async with asyncio.timeout(min(left, _ASK_EVERY_S)):
                while True:
                    names |= names_in(await loop.sock_recv(one, 9000))
        except TimeoutError:
            continue


def names_in(answer: bytes) -> set[str]:
    """The `name=` of each TXT record. Untrusted: only what is a label counts."""
    if _TYPE.removesuffix(b"\x05local\x00") not in answer:
        return set()
    found = set()
    for match in _NAME.finditer(answer):
        end = match.start() + 1 + match[1][0]  # a TXT string starts with its length
        text = answer[match.end() : end].decode("ascii", errors="replace")
        if _LABEL.fullmatch(text):
            found.add(text)
    return found


async def check_peer(subject: Subject) -> Finding:
    peer = subject.peer
    if peer is None:
        return warn("no other site is known", "start it on this network, or name it in [[peers]]")
    address = await _resolved(peer)
    faults = [
        f"{what} (TCP {port}): {reason}"
        for what, port in (("link", peer.link_port), ("picture", peer.whep_port))
        if (reason := await _refusal(address, port))
    ]
    at = peer.address if peer.address == address else f"{peer.address} ({address})"
    if faults:
        return fail(
            f"{peer.name} at {at} cannot be reached: {', '.join(faults)}",
            "see whether portal runs there, and what a firewall between you lets through",
        )
    return ok(f"{peer.name} at {at} answers")


async def _resolved(peer: Peer) -> str:
    """The peer's IP address. A child process asks: a resolver that hangs can be ended then."""
    try:
        return str(ipaddress.ip_address(peer.address))
    except ValueError:
        pass
    child = await ChildProcess.spawn(["getent", "ahosts", "--", peer.address], name="getent")
    try:
        async with asyncio.timeout(_RESOLVE_S):
            await child.wait()
    except TimeoutError:
        raise PeerError(
            f"{peer.address} was not resolved within {_RESOLVE_S:g} s",
            remedy="see /etc/resolv.conf, or give an IP address in [[peers]]",
        ) from None
    finally:
        await child.stop()
    if child.returncode != 0 or not child.last_lines:
        raise PeerError(
            f"{peer.address} is no name that this box can resolve",
            remedy="correct [[peers]] address, or give an IP address",
        )
    return child.last_lines[0].split()[0]


async def _refusal(address: str, port: int) -> str:
    """Why no connection to it can be opened; "" if it can."""
    try:
        async with asyncio.timeout(_REACH_S):
            _, writer = await asyncio.open_connection(address, port)
    except TimeoutError:
        return f"no answer in {_REACH_S:g} s"
    except OSError as exc:
        return (exc.strerror or str(exc)).lower()
    writer.close()
    return ""

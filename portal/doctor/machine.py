"""Does the machine let a portal work: its directory, its ports, its clock, its service?"""

from __future__ import annotations

import asyncio
import ctypes
import shutil
import socket
import tempfile
from contextlib import closing
from pathlib import Path

from portal.config import Config
from portal.doctor.finding import Finding, fail, ok, warn
from portal.doctor.subject import Subject
from portal.errors import PortalError
from portal.model import Snapshot
from portal.ports import listen_error, port_holder

_LITTLE_SPACE = 100 * 1000 * 1000  # settings and keys take a few KB; a full disk breaks the rest
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronized
_CLOCKS_APART_S = 1.0  # logs of both sites cannot be compared any more


async def check_state_dir(subject: Subject) -> Finding:
    return await asyncio.to_thread(_check_state_dir, subject.state_dir)


def _check_state_dir(path: Path) -> Finding:
    remedy = "run as the service's user, or set PORTAL_STATE_DIR"
    existing = next(place for place in (path, *path.absolute().parents) if place.exists())
    if not existing.is_dir():
        return fail(f"{existing} is not a directory", "move it away")
    try:
        with tempfile.TemporaryFile(dir=existing):  # read-only mounts refuse root as well
            pass
    except OSError as exc:
        return fail(f"{path} cannot be written: {exc.strerror}", remedy)
    free = shutil.disk_usage(existing).free
    room = f"{free / 1e9:.1f} GB free"
    if free < _LITTLE_SPACE:
        return fail(f"{path}: {room}", "make room on that disk")
    if existing != path:
        return ok(f"{path} will be made, {room}")
    return ok(f"{path} is writable, {room}")


async def check_ports(subject: Subject) -> Finding:
    return await asyncio.to_thread(_check_ports, subject)


def _listeners(config: Config) -> list[tuple[str, str, int, socket.SocketKind]]:
    """Name, address, port and kind of everything that a portal listens on."""
    ports, everyone, us = config.ports, config.site.address, config.loopback
    tcp, udp = socket.SOCK_STREAM, socket.SOCK_DGRAM
    return [
        ("kiosk", us, ports.kiosk, tcp),
        ("admin", everyone, ports.admin, tcp),
        ("whep", everyone, ports.whep, tcp),
        ("media", everyone, ports.media, udp),
        ("media", everyone, ports.media, tcp),
        ("rtsp", us, ports.rtsp, tcp),
        ("rtp", us, ports.rtp, udp),
        ("rtp", us, ports.rtp + 1, udp),
        ("api", us, ports.api, tcp),
    ]


def _check_ports(subject: Subject) -> Finding:
    config, daemon = subject.config, subject.daemon
    own = port_holder(config.loopback, config.ports.kiosk) if daemon is not None else ""
    faults: list[PortalError] = []
    adoptable = ""
    held = 0
    for name, address, port, kind in _listeners(config):
        try:
            _try_to_listen(address, port, kind)
        except OSError as exc:
            holder = port_holder(address, port)
            if daemon is not None and _is_ours(holder, own, daemon):
                held += 1
            elif daemon is None and holder.startswith("mediamtx "):
                adoptable = holder
            else:
                faults.append(listen_error(exc, address=address, port=port, key=f"ports.{name}"))
    if faults:
        return fail("; ".join(fault.message for fault in faults), faults[0].remedy)
    if adoptable:
        return warn(
            f"{adoptable} runs already: portal takes it over if it is this box's own",
            "nothing, if it has a unit of its own; else end it",
        )
    if held:
        return ok("held by the portal that runs here")
    return ok("all free")


def _try_to_listen(address: str, port: int, kind: socket.SocketKind) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with closing(socket.socket(family, kind)) as trial:
        if kind is socket.SOCK_STREAM:  # as servers do: not hindered by connections just ended
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trial.bind((address, port))
        if kind is socket.SOCK_STREAM:
            trial.listen(1)


def _is_ours(holder: str, own: str, daemon: Snapshot) -> bool:
    """Without root nobody learns who holds another user's port: the daemon runs, so believe it."""
    return (
        "(pid " not in holder
        or holder == own
        or holder.endswith(f"(pid {daemon.media_server.pid})")
    )


async def check_clock(subject: Subject) -> Finding:
    offset = subject.daemon.link.clock_offset_s if subject.daemon is not None else None
    if offset is not None and abs(offset) > _CLOCKS_APART_S:
        return warn(
            f"the other site's clock differs by {offset:+.1f} s",
            "see `timedatectl` on both",
        )
    # Works for timesyncd, chrony and ntpd, with and without systemd: all of them tell the kernel.
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))  # 208 bytes, all zero: ask
    if state < 0:
        return warn("the kernel does not say whether it is synchronized", "see `timedatectl`")
    if state == _TIME_ERROR:
        return warn(
            "not synchronized: times in logs and the measured age of the picture may be wrong",
            "timedatectl set-ntp true (in a container: on its host)",
        )
    return ok("synchronized")


async def check_service(subject: Subject) -> Finding:
    if subject.daemon is None:
        return warn("portal does not run here", "systemctl start portal, or portal run")
    if subject.daemon.faults:
        return fail(
            "; ".join(fault.message for fault in subject.daemon.faults),
            subject.daemon.faults[0].remedy,
        )
    site = subject.daemon.site
    return ok(f"portal {site.version} runs here as {site.name}, and reports no fault")

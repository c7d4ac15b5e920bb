"""Is every port that a portal listens on free, or held by this box's own portal?"""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing
from pathlib import Path

from portal.config import Config
from portal.doctor.finding import Finding, fail, ok
from portal.doctor.subject import Subject
from portal.errors import PortalError
from portal.mediamtx.record import RECORD_NAME, Record
from portal.model import Value
from portal.ports import listen_error, port_holder


class _Own(Value, frozen=True):
    """How `port_holder` names the processes that may hold these ports."""

    daemon: str = ""
    daemon_runs: bool = False
    media_server_pids: frozenset[int] = frozenset()

    def __contains__(self, holder: str) -> bool:
        if self.daemon_runs and "(pid " not in holder:
            return True  # without root nobody learns who holds another user's port: believe it
        ours = {self.daemon, *(f"mediamtx (pid {pid})" for pid in self.media_server_pids)}
        return holder != "" and holder in ours


async def check_ports(subject: Subject) -> Finding:
    pids = await _media_server_pids(subject)
    return await asyncio.to_thread(_check_ports, subject, pids)


async def _media_server_pids(subject: Subject) -> frozenset[int]:
    """As the daemon says, and as the record says: MediaMTX outlives a daemon."""
    pids = {subject.daemon.media_server.pid} if subject.daemon is not None else set()
    record = await asyncio.to_thread(Record.read, Path(subject.state_dir) / RECORD_NAME)
    process = record.process() if record is not None else None
    if process is not None:
        pids.add(process.pid)
        process.close()
    return frozenset(pids)


def _check_ports(subject: Subject, media_server_pids: frozenset[int]) -> Finding:
    config = subject.config
    runs = subject.daemon is not None
    own = _Own(
        daemon=port_holder(config.loopback, config.ports.kiosk) if runs else "",
        daemon_runs=runs,
        media_server_pids=media_server_pids,
    )
    faults: list[PortalError] = []
    held = 0
    for name, address, port, kind in _listeners(config):
        try:
            _try_to_listen(address, port, kind)
        except OSError as exc:
            if port_holder(address, port) in own:
                held += 1
            else:
                faults.append(listen_error(exc, address=address, port=port, key=f"ports.{name}"))
    if faults:
        return fail("; ".join(fault.message for fault in faults), faults[0].remedy)
    if not held:
        return ok("all free")
    if not runs:
        return ok("held by this box's own MediaMTX, which portal will take over")
    return ok("held by the portal that runs here")


def _listeners(config: Config) -> list[tuple[str, str, int, socket.SocketKind]]:
    """Key, address, port and kind of everything that a portal listens on."""
    ports, everyone, us = config.ports, config.site.address, config.loopback
    tcp, udp = socket.SOCK_STREAM, socket.SOCK_DGRAM
    return [
        ("kiosk", us, ports.kiosk, tcp),
        ("admin", everyone, ports.admin, tcp),
        ("whep", everyone, ports.whep, tcp),
        ("media", everyone, ports.media, udp),
        ("media", everyone, ports.media, tcp),
        ("rtsp", us, ports.rtsp, tcp),
        ("api", us, ports.api, tcp),
    ]


def _try_to_listen(address: str, port: int, kind: socket.SocketKind) -> None:
    """Raises `OSError`."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with closing(socket.socket(family, kind)) as trial:
        if kind is socket.SOCK_STREAM:  # as servers do: not hindered by connections just ended
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trial.bind((address, port))
        if kind is socket.SOCK_STREAM:
            trial.listen(1)

"""Who holds a port."""

from __future__ import annotations

import errno

import psutil

from portal.errors import PortalError, PortInUseError


def port_holder(address: str, port: int) -> str:
    """The listener on `address:port` (or on every address) as "name (pid N)"; "" if unknown.

    Without root the kernel hides other users' sockets.
    """
    try:
        connections = psutil.net_connections(kind="inet")
    except psutil.AccessDenied:
        return ""
    for connection in connections:
        if not connection.laddr or connection.laddr.port != port:
            continue
        if connection.status not in {psutil.CONN_LISTEN, psutil.CONN_NONE}:
            continue
        if connection.laddr.ip not in {address, "0.0.0.0", "::"} and address not in {  # noqa: S104 - compared, not bound
            "0.0.0.0",  # noqa: S104 - compared, not bound
            "::",
        }:
            continue
        if connection.pid is None:
            return "another user's process"
        try:
            return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
        except psutil.Error:
            return f"pid {connection.pid}"
    return ""


def listen_error(exc: OSError, *, address: str, port: int, key: str) -> PortalError:
    """The fault for a listener that could not be opened; `key` is the port's dotted setting."""
    if exc.errno == errno.EADDRINUSE:
        holder = port_holder(address, port) or "another process"
        return PortInUseError(
            f"{key}: {address}:{port} is held by {holder}",
            remedy=f"end it, or set another {key}",
        )
    if exc.errno == errno.EADDRNOTAVAIL:
        return PortInUseError(
            f"site.address: {address} is not an address of this machine",
            remedy='use "0.0.0.0" for every interface',
        )
    return PortInUseError(f"{key}: {address}:{port} cannot be listened on: {exc.strerror}")

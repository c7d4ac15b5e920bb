"""What a MediaMTX of this box is started with, and whether its ports are free. Blocking."""

from __future__ import annotations

import ipaddress
import os
import socket

import msgspec

from portal.config import Config
from portal.errors import MediaServerError
from portal.mediamtx.credentials import Credentials
from portal.mediamtx.install import find_media_server
from portal.mediamtx.settings import environment, fingerprint
from portal.ports import listen_error
from portal.resources import mediamtx_yml


class Launch(msgspec.Struct, frozen=True):
    """Two with the same fingerprint would run alike."""

    argv: tuple[str, ...]
    env: dict[str, str]
    fingerprint: str
    version: str


def prepare(config: Config, credentials: Credentials) -> Launch:
    """Raises `MediaServerError` when there is no MediaMTX that can be used."""
    found = find_media_server(config.media_server.binary)
    yml = mediamtx_yml()
    env = environment(config, os.environ, credentials)
    try:
        print_ = fingerprint(found.path, yml, env)
    except OSError as exc:
        raise MediaServerError(f"{exc.filename} cannot be read: {exc.strerror}") from exc
    return Launch((str(found.path), str(yml)), env, print_, found.version)


def check_ports(config: Config) -> None:
    """Raises `PortInUseError` naming the first port that is not free, and who holds it."""
    ports, address = config.ports, config.site.address
    for host, port, kind, key in (
        (config.loopback, ports.api, socket.SOCK_STREAM, "ports.api"),
        (config.loopback, ports.rtsp, socket.SOCK_STREAM, "ports.rtsp"),
        (address, ports.whep, socket.SOCK_STREAM, "ports.whep"),
        (address, ports.media, socket.SOCK_STREAM, "ports.media"),
        (address, ports.media, socket.SOCK_DGRAM, "ports.media"),
    ):
        family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
        with socket.socket(family, kind) as probe:
            if kind == socket.SOCK_STREAM:  # as Go does: connections that linger don't count
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as exc:
                raise listen_error(exc, address=host, port=port, key=key) from exc

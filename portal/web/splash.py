"""What the kiosk page shows until another site was seen: where people find this box's own page."""

from __future__ import annotations

import io

import msgspec
import segno
from aiohttp import web

from portal.config import Config
from portal.peers.interfaces import site_interfaces

_MAX_URLS = 4  # as many as the screen has room for


class Whereabouts(msgspec.Struct, frozen=True):
    """URLs of the box's own page, for others; none while it listens to itself alone."""

    urls: tuple[str, ...]


def own_urls(config: Config) -> tuple[str, ...]:
    """IPv4 first: it is shorter to type. They change with the network: asked for at each look."""
    if not config.is_exposed:
        return ()
    interfaces = sorted(site_interfaces(config), key=lambda one: one.version)
    hosts = [f"[{one.ip}]" if one.version == 6 else str(one.ip) for one in interfaces]
    return tuple(f"http://{host}:{config.ports.admin}/" for host in hosts[:_MAX_URLS])


def qr_svg(url: str) -> bytes:
    """Dark on light with the quiet zone of four modules that scanners want; scales by its viewBox.
    Level Q: a quarter may be unreadable, for a camera sees a screen at an angle."""
    drawn = io.BytesIO()
    code = segno.make_qr(url, error="q")
    code.save(drawn, kind="svg", dark="#07090d", light="#f3f5f8", border=4, omitsize=True)
    return drawn.getvalue()


def add_splash_routes(app: web.Application, config: Config) -> None:
    """Both are asked for every few seconds while the splash is shown, and by nobody else."""

    async def get_whereabouts(_request: web.Request) -> web.Response:
        body = msgspec.json.encode(Whereabouts(own_urls(config)))
        return web.Response(body=body, content_type="application/json")

    async def get_code(_request: web.Request) -> web.Response:
        urls = own_urls(config)
        if not urls:
            raise web.HTTPNotFound
        return web.Response(body=qr_svg(urls[0]), content_type="image/svg+xml")

    app.router.add_get("/kiosk/whereabouts.json", get_whereabouts)
    app.router.add_get("/kiosk/qr.svg", get_code)

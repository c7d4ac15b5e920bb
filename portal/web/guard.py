"""Who may ask: only pages that this box served itself (CSRF), under a name that can only mean
this box (DNS rebinding)."""

from __future__ import annotations

import ipaddress

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from portal.web.faults import RequestError

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def host_name(header: str) -> str:
    """The name in a Host header, without port and brackets."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.rpartition(":")[0] if ":" in header else header


def is_loopback_name(header: str) -> bool:
    """Whether a Host header names loopback. A page of a foreign domain that was rebound to this
    box still sends its own domain here. The port is free: people tunnel."""
    name = host_name(header)
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def comes_from_own_page(request: web.Request) -> bool:
    """Whether a browser sent this from a page of this very origin. Programs, which are not led by
    foreign pages, send neither header."""
    origin = request.headers.get("Origin")
    if origin is not None and origin.lower() != f"{request.scheme}://{request.host}".lower():
        return False
    return request.headers.get("Sec-Fetch-Site", "same-origin") in {"same-origin", "none"}


def guard(*, loopback_only: bool) -> Middleware:
    """Refuse foreign pages everything that changes state or opens a WebSocket; on a loopback
    listener refuse every request that came by a foreign name."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if loopback_only and not is_loopback_name(request.host):
            raise RequestError(
                403,
                f"{request.host[:100]!r} is not a name of this listener",
                remedy="use its loopback address or localhost",
            )
        changes = request.method not in _SAFE_METHODS or "Upgrade" in request.headers
        if changes and not comes_from_own_page(request):
            raise RequestError(
                403, "a page of another origin may not do this", remedy="use this box's own page"
            )
        return await handler(request)

    return guarded

"""What every answer says to browsers: what a page may do, what it is, that it is checked again."""

from __future__ import annotations

from pathlib import PurePosixPath

from aiohttp import web

# Both pages are own files alone: no inline script or style, nothing from elsewhere. Video comes by
# WebRTC (srcObject), which the policy does not restrict; blob: is for a frozen last picture.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), screen-wake-lock=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

# Python's table differs between versions and machines, and a browser refuses a module or a style
# sheet whose type is wrong.
_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".mjs": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """An `on_response_prepare` hook. A handler's own header wins."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    # Files carry an ETag: a page is asked for again after an update, and costs a 304 otherwise.
    cacheable = isinstance(response, web.FileResponse) or response.status == 304
    response.headers.setdefault("Cache-Control", "no-cache" if cacheable else "no-store")
    if isinstance(response, web.FileResponse) and response.status in {200, 206}:
        content_type = _TYPES.get(PurePosixPath(request.path).suffix.lower())
        if content_type is not None:
            response.content_type = content_type
            if content_type.startswith("text/"):
                response.charset = "utf-8"

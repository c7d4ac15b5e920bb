"""What every answer says to browsers: what a page may do and whom it may tell."""

from __future__ import annotations

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
    "Cache-Control": "no-store",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), screen-wake-lock=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """An `on_response_prepare` hook. A handler's own header wins."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)

"""Faults as HTTP answers: always JSON `{"error", "remedy"}`, with a status that fits."""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.typedefs import Handler

from portal.errors import (
    CameraError,
    ConfigError,
    ControlError,
    MediaServerError,
    PeerError,
    PortalError,
    StoreError,
)

log = logging.getLogger(__name__)

_STATUS: dict[type[PortalError], int] = {
    ConfigError: 400,
    PeerError: 502,
    ControlError: 400,  # a CameraError too: it comes first
    CameraError: 503,
    MediaServerError: 503,
    StoreError: 503,
}

_HTTP_WORDS = {
    403: ("this is not allowed", ""),
    404: ("there is nothing at this address", "start at /"),
    405: ("this address does not take that method", "the Allow header names those it takes"),
    413: ("the request is too large", "send at most 64 KiB"),
}


class RequestError(PortalError):
    """A request that is answered with `status`, for a reason that a person can read."""

    def __init__(self, status: int, message: str, *, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.status = status


def status_of(fault: PortalError) -> int:
    if isinstance(fault, RequestError):
        return fault.status
    return next((code for kind, code in _STATUS.items() if isinstance(fault, kind)), 500)


def fault_response(status: int, error: str, remedy: str = "") -> web.Response:
    return web.json_response({"error": error, "remedy": remedy}, status=status)


@web.middleware
async def answer_faults(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn expected faults into their answer; log what nobody expected, once, and answer 500."""
    try:
        return await handler(request)
    except PortalError as fault:
        return fault_response(status_of(fault), fault.message, fault.remedy)
    except web.HTTPException as exc:
        if exc.status < 400:
            raise
        error, remedy = _HTTP_WORDS.get(exc.status, (exc.reason.lower(), ""))
        answer = fault_response(exc.status, error, remedy)
        if "Allow" in exc.headers:
            answer.headers["Allow"] = exc.headers["Allow"]
        return answer
    except Exception:
        if request.transport is None or request.transport.is_closing():
            return web.Response(status=400)  # the client went away: nobody reads this
        # The path is untrusted text: %r keeps it on one line.
        log.exception("no answer to %s %r: a bug", request.method, request.path)
        return fault_response(
            500, "this box made a mistake", "its log says which; the rest keeps running"
        )

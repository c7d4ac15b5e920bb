"""`/healthz`: does this box do its work? For watchdogs and monitoring."""

from __future__ import annotations

import time

import msgspec
from aiohttp import web

from portal.model import Snapshot
from portal.state import StateBoard
from portal.words import CameraState, MediaServerState, PictureState

# ffmpeg and MediaMTX give a picture within 2 s; 30 s without one is no start any more.
STARTING_PATIENCE_S = 30.0


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """`reasons` make a box unhealthy; `notes` are worth knowing and normal, such as no camera."""

    ok: bool
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def health_of(snapshot: Snapshot, *, now: float) -> Health:
    reasons = []
    notes = [fault.message for fault in snapshot.faults]
    server, camera, picture = snapshot.media_server, snapshot.camera, snapshot.picture
    if server.state is not MediaServerState.READY:
        reasons.append(_because(f"the media server is {server.state}", server.detail))
    if camera.state is CameraState.FAULT:
        reasons.append(_because("the camera cannot be used", camera.detail))
    elif camera.state is CameraState.STARTING and now - camera.since > STARTING_PATIENCE_S:
        waited = round(now - camera.since)
        reasons.append(_because(f"the camera gives no picture since {waited} s", camera.detail))
    elif camera.state is CameraState.ABSENT:
        notes.append("no camera is plugged in")
    elif camera.state is CameraState.LIVE and picture.state is PictureState.STALLED:
        reasons.append(_because("the picture stands still", picture.detail))
    return Health(ok=not reasons, reasons=tuple(reasons), notes=tuple(notes))


def _because(what: str, detail: str) -> str:
    return f"{what}: {detail}" if detail else what


def add_health_route(app: web.Application, state: StateBoard) -> None:
    async def healthz(_request: web.Request) -> web.Response:
        health = health_of(state.snapshot, now=time.time())
        return web.Response(
            body=msgspec.json.encode(health),
            content_type="application/json",
            status=200 if health.ok else 503,
        )

    app.router.add_get("/healthz", healthz)

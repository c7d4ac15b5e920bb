"""The JSON API, version 1: read the snapshot; on the box itself also pause the camera."""

from __future__ import annotations

import logging

import msgspec
from aiohttp import web

from portal.state import StateBoard
from portal.web.faults import RequestError
from portal.web.snapshot import for_pages

log = logging.getLogger(__name__)


class CameraWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /api/v1/camera`."""

    paused: bool


def add_state_route(app: web.Application, state: StateBoard) -> None:
    async def get_state(_request: web.Request) -> web.Response:
        return web.Response(
            body=msgspec.json.encode(for_pages(state.snapshot)), content_type="application/json"
        )

    app.router.add_get("/api/v1/state", get_state)


def add_camera_route(app: web.Application, state: StateBoard) -> None:
    async def post_camera(request: web.Request) -> web.Response:
        # A form of a foreign page cannot send this type without asking first.
        if request.content_type != "application/json":
            raise RequestError(
                415,
                f"{request.content_type[:100]!r} is not application/json",
                remedy='send Content-Type: application/json and {"paused": true}',
            )
        try:
            wish = msgspec.json.decode(await request.read(), type=CameraWish)
        except msgspec.MsgspecError as exc:
            raise RequestError(400, str(exc), remedy='send {"paused": true} or false') from exc
        if wish.paused != state.snapshot.paused:
            log.info("camera %s by its site", "paused" if wish.paused else "resumed")
        state.update(paused=wish.paused)
        return web.Response(body=msgspec.json.encode(wish), content_type="application/json")

    app.router.add_post("/api/v1/camera", post_camera)

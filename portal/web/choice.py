"""`POST /api/v1/cameras/choose`: which of the present cameras is this site's own."""

from __future__ import annotations

import logging
from typing import Annotated

import msgspec
from aiohttp import web

from portal.model import Camera, Snapshot
from portal.state import StateBoard
from portal.web.faults import RequestError
from portal.web.wishes import answer, read_wish

log = logging.getLogger(__name__)


class ChoiceWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """None: whichever was plugged in first."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None


def add_choice_route(app: web.Application, state: StateBoard) -> None:
    async def post_choice(request: web.Request) -> web.Response:
        wish = await read_wish(request, ChoiceWish, '{"id": "<camera id>"} or {"id": null}')
        name = "whichever was plugged in first"
        if wish.id is not None:
            name = _choosable(wish.id, state.snapshot).name
        if wish.id != state.snapshot.chosen:
            log.info("camera %s is chosen by its site", name)
            state.update(chosen=wish.id or "")
        return answer(wish)

    app.router.add_post("/api/v1/cameras/choose", post_choice)


def _choosable(camera_id: str, snapshot: Snapshot) -> Camera:
    found = next((camera for camera in snapshot.cameras if camera.id == camera_id), None)
    if found is None:
        raise RequestError(
            404, "no such camera is plugged in", remedy="take an id from `cameras` in /api/v1/state"
        )
    if found.rank > 0:
        raise RequestError(
            409,
            f"the configuration prefers another camera to {found.name}",
            remedy="change the order of [[cameras]] in portal.toml",
        )
    return found

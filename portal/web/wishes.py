"""What people want of this site, by API: `POST /api/v1/camera`, `/microphone`, `/display`."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from aiohttp import web

from portal.privacy import Privacy
from portal.web.faults import RequestError

Wish = TypeVar("Wish")

_BY = "its site"


class CameraWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    paused: bool


class MicrophoneWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    muted: bool


class DisplayWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    on: bool


def add_wish_routes(app: web.Application, privacy: Privacy) -> None:
    """Each is in effect at once, and kept on the disk when it is answered."""

    async def post_camera(request: web.Request) -> web.Response:
        wish = await read_wish(request, CameraWish, '{"paused": true}')
        await privacy.pause(wish.paused, by=_BY)
        return answer(wish)

    async def post_microphone(request: web.Request) -> web.Response:
        wish = await read_wish(request, MicrophoneWish, '{"muted": true}')
        await privacy.mute(wish.muted, by=_BY)
        return answer(wish)

    async def post_display(request: web.Request) -> web.Response:
        wish = await read_wish(request, DisplayWish, '{"on": true}')
        privacy.switch_display(wish.on, by=_BY)
        return answer(wish)

    app.router.add_post("/api/v1/camera", post_camera)
    app.router.add_post("/api/v1/microphone", post_microphone)
    app.router.add_post("/api/v1/display", post_display)


async def read_wish(request: web.Request, kind: type[Wish], example: str) -> Wish:
    """The JSON body. Raises `RequestError`."""
    # A form of a foreign page cannot send this type without asking first.
    if request.content_type != "application/json":
        raise RequestError(
            415,
            f"{request.content_type[:100]!r} is not application/json",
            remedy=f"send Content-Type: application/json and {example}",
        )
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise RequestError(400, str(exc), remedy=f"send {example}") from exc


def answer(wish: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(wish), content_type="application/json")

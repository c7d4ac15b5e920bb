"""`/kiosk/`: the files of the screen's page, as they are."""

from __future__ import annotations

from aiohttp import web

from portal import resources


def add_kiosk_routes(app: web.Application) -> None:
    folder = resources.kiosk_dir()

    async def to_folder(_request: web.Request) -> web.Response:
        raise web.HTTPPermanentRedirect("/kiosk/")

    async def index(_request: web.Request) -> web.FileResponse:
        return web.FileResponse(
            folder / "index.html", headers={"Content-Type": "text/html; charset=utf-8"}
        )

    app.router.add_get("/kiosk", to_folder)
    app.router.add_get("/kiosk/", index)
    app.router.add_static("/kiosk", folder)

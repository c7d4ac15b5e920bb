"""`/kiosk/`: the files of the screen's page, as they are. The first page uses its modules."""

from __future__ import annotations

from aiohttp import web

from portal import resources


def add_kiosk_modules(app: web.Application) -> None:
    app.router.add_static("/kiosk", resources.kiosk_dir())


def add_kiosk_page(app: web.Application) -> None:
    """Before `add_kiosk_modules`: what is added first is found first."""
    folder = resources.kiosk_dir()

    async def to_folder(_request: web.Request) -> web.Response:
        raise web.HTTPPermanentRedirect("/kiosk/")

    async def index(_request: web.Request) -> web.FileResponse:
        return web.FileResponse(
            folder / "index.html", headers={"Content-Type": "text/html; charset=utf-8"}
        )

    app.router.add_get("/kiosk", to_folder)
    app.router.add_get("/kiosk/", index)

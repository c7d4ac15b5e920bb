"""The first page `/`: a frame with who this box is; its script fills in the rest from `/events`."""

from __future__ import annotations

from pathlib import Path

import jinja2
import msgspec
from aiohttp import web

from portal.config import Config
from portal.state import StateBoard
from portal.web.files import add_files, read_folder
from portal.web.snapshot import for_pages

_HERE = Path(__file__).resolve().parent


def add_page_routes(
    app: web.Application, config: Config, state: StateBoard, *, is_local: bool
) -> None:
    """`is_local`: the page has the pictures and the pause button, else it only tells."""
    templates = jinja2.Environment(
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    template = templates.get_template("page.html")

    async def page(_request: web.Request) -> web.Response:
        snapshot = state.snapshot
        html = template.render(
            site=snapshot.site,
            address=config.site.address,
            is_local=is_local,
            local_url=config.kiosk_url.removesuffix("kiosk/"),
            is_exposed=config.is_exposed,
            # What the page needs to know beside the snapshot, and a first snapshot to begin with.
            setup={
                "local": is_local,
                # A page from elsewhere reaches MediaMTX by the name that it reached the box by.
                "playerHost": config.local_host if is_local else "",
                "playerPort": config.ports.whep,
                "snapshot": msgspec.to_builtins(for_pages(snapshot)),
            },
        )
        return web.Response(text=html, content_type="text/html")

    app.router.add_get("/", page)
    add_files(app, "/static", read_folder(_HERE / "static"))

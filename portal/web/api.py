"""The JSON API, version 1: read the snapshot."""

from __future__ import annotations

import msgspec
from aiohttp import web

from portal.state import StateBoard
from portal.web.snapshot import for_pages


def add_state_route(app: web.Application, state: StateBoard) -> None:
    async def get_state(_request: web.Request) -> web.Response:
        return web.Response(
            body=msgspec.json.encode(for_pages(state.snapshot)), content_type="application/json"
        )

    app.router.add_get("/api/v1/state", get_state)

"""The API's cameras: what is present and what can be set on it.

GET    /api/v1/cameras                       all, with formats and controls
GET    /api/v1/cameras/{id}/controls
PATCH  /api/v1/cameras/{id}/controls         {"brightness": 10, …}: set several
DELETE /api/v1/cameras/{id}/controls[/name]  back to the defaults

The last three answer with the camera's controls as they are then. Faults: 400 a value or name that
the camera does not take, 404 no such camera, 415, 503 the camera does not answer or nothing can be
kept.
"""

from __future__ import annotations

from aiohttp import web

from portal.cameras.controls import CameraControls, published_id
from portal.cameras.details import details_of
from portal.cameras.ranges import Wish
from portal.model import Camera
from portal.state import StateBoard
from portal.web.faults import RequestError
from portal.web.wishes import answer, read_wish

_CONTROLS = "/api/v1/cameras/{id}/controls"


def add_cameras_routes(app: web.Application, state: StateBoard, controls: CameraControls) -> None:
    def camera_of(request: web.Request) -> Camera:
        wanted = request.match_info["id"]
        for camera in state.snapshot.cameras:
            if camera.id == wanted:
                return camera
        raise RequestError(
            404,
            f"no camera {wanted[:120]!r} is plugged in",
            remedy="GET /api/v1/cameras lists those that are",
        )

    async def get_cameras(_request: web.Request) -> web.Response:
        snapshot = state.snapshot
        return answer(
            await details_of(snapshot.cameras, controls, published=published_id(snapshot))
        )

    async def get_controls(request: web.Request) -> web.Response:
        return answer(await controls.controls(camera_of(request)))

    async def set_controls(request: web.Request) -> web.Response:
        camera = camera_of(request)
        wishes = await read_wish(request, dict[str, Wish], '{"brightness": 10}')
        return answer(await controls.set(camera, wishes))

    async def reset_controls(request: web.Request) -> web.Response:
        name = request.match_info.get("name")
        return answer(await controls.reset(camera_of(request), None if name is None else [name]))

    app.router.add_get("/api/v1/cameras", get_cameras)
    app.router.add_get(_CONTROLS, get_controls)
    app.router.add_patch(_CONTROLS, set_controls)
    app.router.add_delete(_CONTROLS, reset_controls)
    app.router.add_delete(f"{_CONTROLS}/{{name}}", reset_controls)

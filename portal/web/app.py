"""The two web applications of a box: one for the box itself, one for whom its address admits."""

from __future__ import annotations

from aiohttp import web

from portal.cameras.controls import CameraControls
from portal.config import Config
from portal.privacy import Privacy
from portal.state import StateBoard
from portal.web.api import add_state_route
from portal.web.cameras import add_cameras_routes
from portal.web.choice import add_choice_route
from portal.web.events import EventStreams
from portal.web.faults import answer_faults
from portal.web.files import add_kiosk_modules, add_kiosk_page
from portal.web.guard import guard
from portal.web.headers import add_headers
from portal.web.health import add_health_route
from portal.web.link import add_link_routes
from portal.web.metrics import add_metrics_route
from portal.web.page import add_page_routes
from portal.web.screen import ScreenIntake, add_screen_route
from portal.web.sdp import MAX_BYTES
from portal.web.splash import add_splash_routes
from portal.web.whep import WhepForwarder
from portal.web.wishes import add_wish_routes


def make_local_app(
    config: Config,
    state: StateBoard,
    privacy: Privacy | None = None,
    *,
    preview_password: str = "",
    controls: CameraControls | None = None,
) -> web.Application:
    """For loopback: first page, kiosk, events, WHEP, health, metrics, API with the pause switch."""
    app, events = _make_app(config, state, is_local=True)
    whep = WhepForwarder(config, state, preview_password=preview_password)
    whep.add_routes(app)
    add_splash_routes(app, config)
    add_kiosk_page(app)
    screen = ScreenIntake(state)
    add_screen_route(app, screen)
    add_wish_routes(app, privacy or Privacy(config, state))
    add_choice_route(app, state)
    if controls is not None:
        add_cameras_routes(app, state, controls)
    add_health_route(app, state)
    add_metrics_route(app, state, whep, events, screen)
    return app


def make_public_app(config: Config, state: StateBoard) -> web.Application:
    """For the site's address: the first page and the state, read-only until there is a login, and
    the other site's link."""
    app, _ = _make_app(config, state, is_local=False)
    add_kiosk_modules(app)
    add_link_routes(app, config, state)
    return app


def _make_app(
    config: Config, state: StateBoard, *, is_local: bool
) -> tuple[web.Application, EventStreams]:
    # People and peers reach an exposed box by any name: only loopback has names to check.
    loopback_only = is_local or not config.is_exposed
    app = web.Application(
        middlewares=[answer_faults, guard(loopback_only=loopback_only)],
        client_max_size=MAX_BYTES,
    )
    app.on_response_prepare.append(add_headers)
    events = EventStreams(state)
    app.router.add_get("/events", events.handle)
    app.on_shutdown.append(events.close)
    add_state_route(app, state)
    add_page_routes(app, config, state, is_local=is_local)
    return app, events

"""The composition root: what a box consists of, in the order in which it starts and ends."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

from aiohttp import web
from tzlocal import get_localzone_name

from portal import __version__
from portal.acquaintance import Meeting
from portal.button import Button
from portal.cameras.controls import CameraControls
from portal.cameras.inventory import CameraInventory
from portal.cameras.wedged import WedgedCameras
from portal.config import Config
from portal.errors import MediaServerError
from portal.healing.answering import Answering
from portal.healing.reboot import Reboot
from portal.healing.service import Healing
from portal.leftovers import remove_leftovers
from portal.mediamtx.client import MediaMtxClient
from portal.mediamtx.credentials import Credentials, credentials_of
from portal.mediamtx.server import MediaServer
from portal.model import SiteStatus, Snapshot
from portal.peers.directory import PeerDirectory
from portal.peers.discovery import Discovery
from portal.peers.link import PeerLink
from portal.picture import PictureCheck
from portal.ports import listen_error
from portal.privacy import Privacy
from portal.publish.previews import Previews
from portal.publish.service import Publishing
from portal.publish.sound_service import SoundPublishing
from portal.state import StateBoard
from portal.store import Store
from portal.systemd import Notifier
from portal.web.app import make_local_app, make_public_app
from portal.workplace import Workplace, workplace

log = logging.getLogger(__name__)

_DISK_REMEDY = "free space on it and restart the box; if that does not help, replace its disk"


async def run_daemon(config: Config, *, state_dir: Path) -> None:
    """Run the box until SIGTERM or SIGINT, then end in order.

    Raises `PortInUseError` when a page's port is taken, `ConfigError` or `MediaServerError`
    when the state directory cannot be used. A service that returns or fails unexpectedly ends the
    process.
    """
    place = workplace(state_dir)
    remove_leftovers(place.path)
    credentials = _credentials(state_dir, place)
    state = StateBoard(Snapshot(site=_site_status(config)))
    if place.fault:
        log.error("%s", place.fault)
        state.raise_fault("state_dir", place.fault, remedy=_DISK_REMEDY)
    store = Store(state_dir)  # what cannot be kept is told by whom it belongs to
    privacy = Privacy(config, state, store)
    await privacy.open()
    controls = CameraControls(state, store)
    stop = asyncio.Event()
    async with AsyncExitStack() as resources:
        resources.push_async_callback(privacy.close)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        client = await resources.enter_async_context(
            MediaMtxClient(config.api_url, credentials.api)
        )
        media_server = await resources.enter_async_context(
            MediaServer(config, state, place.path, credentials)
        )
        await _serve(
            resources,
            make_local_app(
                config, state, privacy, controls=controls, preview_password=credentials.preview
            ),
            config.loopback,
            config.ports.kiosk,
            "kiosk",
        )
        await _serve(
            resources,
            make_public_app(config, state),
            config.site.address,
            config.ports.admin,
            "admin",
        )
        directory = PeerDirectory(config)
        notifier = Notifier(state)
        resources.callback(notifier.stopping)
        if config.is_exposed:
            log.warning(
                "site.address = %s: everybody on that network can watch this camera",
                config.site.address,
            )
        services: dict[str, Callable[[], Awaitable[None]]] = {
            "media server": media_server.run,
            "privacy": privacy.run,
            "acquaintance": Meeting(state, store).run,
            "button": Button(config.button, state, privacy).run,
            "cameras": CameraInventory(config, state, store).run,
            "controls": controls.run,
            "wedged cameras": WedgedCameras(state).run,
            "publishing": Publishing(config, state, client, place.path).run,
            "previews": Previews(config, state, client, place.path).run,
            "sound": SoundPublishing(config, state, client, place.path).run,
            "peer link": PeerLink(config, state, directory).run,
            "picture check": PictureCheck(config, state).run,
            "discovery": Discovery(config, state, directory).run,
            "healing": Healing(config, state, Reboot(store)).run,
            "answers to the other site": Answering(config, state).run,
            "systemd": notifier.run,
        }
        await _run_services(services, stop)


async def _run_services(
    services: dict[str, Callable[[], Awaitable[None]]], stop: asyncio.Event
) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_forever(name, run), name=name) for name, run in services.items()
        ]
        await stop.wait()
        for task in tasks:
            task.cancel()


async def _forever(name: str, run: Callable[[], Awaitable[None]]) -> None:
    await run()
    raise RuntimeError(f"the {name} service returned")


async def _serve(
    resources: AsyncExitStack, app: web.Application, host: str, port: int, key: str
) -> None:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    resources.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as exc:
        raise listen_error(exc, address=host, port=port, key=f"ports.{key}") from exc


def _credentials(state_dir: Path, place: Workplace) -> Credentials:
    """Of the state directory, which may be read: a MediaMTX that runs knows them."""
    try:
        return credentials_of(state_dir)
    except MediaServerError:
        if not place.fault:
            raise
        return credentials_of(place.path)


def _site_status(config: Config) -> SiteStatus:
    return SiteStatus(
        name=config.site.name,
        title=config.title,
        version=__version__,
        started_at=time.time(),
        latency=config.kiosk.latency,
        self_view=config.kiosk.self_view,
        show_title=config.kiosk.title,
        show_clock=config.kiosk.clock,
        sound=config.kiosk.sound,
        time_zone=config.site.time_zone or get_localzone_name(),
    )

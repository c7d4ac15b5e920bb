"""The network half of a daemon as a program: discovery, link and `/link`, no cameras.

Run inside a network namespace. Each change of what it knows is one JSON line on stdout.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys

import msgspec
from aiohttp import web

from portal.config import Config, SiteSection
from portal.model import SiteStatus, Snapshot
from portal.peers.directory import PeerDirectory
from portal.peers.discovery import Discovery
from portal.peers.link import PeerLink
from portal.state import StateBoard
from portal.web.link import add_link_routes


async def run(config: Config) -> None:
    state = StateBoard(
        Snapshot(
            site=SiteStatus(
                name=config.site.name, title=config.title, version="1.0", started_at=0.0
            )
        )
    )
    app = web.Application()
    add_link_routes(app, config, state)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, config.site.address, config.ports.admin).start()
    directory = PeerDirectory(config)
    services = [
        asyncio.create_task(Discovery(config, state, directory).run()),
        asyncio.create_task(PeerLink(config, state, directory).run()),
        asyncio.create_task(report(state)),
    ]
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([stopping, *services], return_when=asyncio.FIRST_COMPLETED)
    for task in [stopping, *services]:
        task.cancel()
    for result in await asyncio.gather(*services, return_exceptions=True):
        if not isinstance(result, asyncio.CancelledError):
            sys.exit(f"a service ended: {result!r}")
    await runner.cleanup()


async def report(state: StateBoard) -> None:
    async for snapshot in state.subscribe():
        sys.stdout.buffer.write(msgspec.json.encode(snapshot) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("address", nargs="?", default="0.0.0.0")
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(Config(site=SiteSection(name=arguments.name, address=arguments.address))))

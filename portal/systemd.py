"""What systemd wants to hear (sd_notify(3)). Silent where systemd did not start us."""

from __future__ import annotations

import asyncio
import os

from sdnotify import SystemdNotifier

from portal.model import Snapshot
from portal.state import StateBoard
from portal.words import CameraState, LinkState, MediaServerState


class Unit:
    """READY, STATUS, WATCHDOG and STOPPING of one service unit."""

    def __init__(self) -> None:
        self._systemd = SystemdNotifier()

    def ready(self) -> None:
        self._systemd.notify("READY=1")

    def status(self, line: str) -> None:
        self._systemd.notify(f"STATUS={line}")

    def stopping(self) -> None:
        self._systemd.notify("STOPPING=1")

    async def beat(self) -> None:
        """From the event loop itself, so that a loop that hangs is restarted. Never returns."""
        interval_s = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6 / 2
        while True:
            if interval_s > 0:
                self._systemd.notify("WATCHDOG=1")
            await asyncio.sleep(interval_s or 3600.0)


class Notifier:
    """The daemon's unit."""

    def __init__(self, state: StateBoard) -> None:
        self._state = state
        self._unit = Unit()

    async def run(self) -> None:
        """READY now; then the watchdog's beat, and a status line at each change. Never returns."""
        self._unit.ready()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tell_status())
            group.create_task(self._unit.beat())

    def stopping(self) -> None:
        self._unit.stopping()

    async def _tell_status(self) -> None:
        async for snapshot in self._state.subscribe():
            self._unit.status(status_line(snapshot))


def status_line(snapshot: Snapshot) -> str:
    """One line for `systemctl status`."""
    camera = {
        CameraState.ABSENT: "no camera",
        CameraState.STARTING: "camera starting",
        CameraState.LIVE: "camera live",
        CameraState.FAULT: "camera fault",
        CameraState.PAUSED: "paused",
    }[snapshot.camera.state]
    peer = snapshot.link.peer.name if snapshot.link.peer else "the other site"
    link = {
        LinkState.SEARCHING: "searching for the other site",
        LinkState.CONNECTING: f"connecting to {peer}",
        LinkState.UP: f"linked with {peer}",
        LinkState.LOST: f"lost {peer}",
    }[snapshot.link.state]
    server = "" if snapshot.media_server.state is MediaServerState.READY else ", MediaMTX not ready"
    return f"{camera}, {link}{server}"

"""The portal installed in the machine: its units, its configuration, what it says, its camera."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from tests.lab.vm import Forward, VirtualMachine

# WHEP, its media, the page for people and peers, and (by kiosk-forward.socket) loopback's pages.
FORWARDS = (
    Forward("tcp", 8889),
    Forward("udp", 8189),
    Forward("tcp", 8189),
    Forward("tcp", 8443),
    Forward("tcp", 8080),
)
# Not a USB camera, but a driver of the kernel: named, it is used like one.
VIVID = """
[[cameras]]
name = "vivid"
source = "usb"
match = "vivid"
"""
# Every USB camera is picked up as it is plugged in.
ANY_USB_CAMERA = ""
_UNITS = Path(__file__).parent / "units"
_VIVID = "/sys/bus/platform/drivers/vivid"


class GuestSite:
    """`await start()` … `await stop()`; nothing of one run is left for the next. `settings` stand
    after those that all runs share (units/portal.toml)."""

    def __init__(self, machine: VirtualMachine, settings: str = VIVID) -> None:
        self.machine = machine
        self.settings = settings

    @property
    def address(self) -> str:
        return self.machine.address

    @property
    def whep(self) -> str:
        return f"http://{self.address}:8889/cam/whep"

    async def start(self) -> None:
        """Install units and configuration, start, and wait until systemd heard READY."""
        await asyncio.to_thread(self.install)
        await self.run("systemctl start portal.service", timeout_s=150)

    async def stop(self) -> None:
        """Also after a failure. The camera is pulled."""
        await self.run(
            "systemctl stop portal.service mediamtx.service; rm -rf /var/lib/portal/*;"
            " modprobe -r vivid",
            timeout_s=60,
        )

    async def run(self, command: str, *, timeout_s: float = 30.0) -> str:
        """A shell command that has to work; what it printed."""
        return await asyncio.to_thread(self.machine.output, command, timeout_s=timeout_s)

    async def run_argv(self, argv: Sequence[str], *, timeout_s: float = 30.0) -> str:
        """As `run`, without a shell in between."""
        return await asyncio.to_thread(self.machine.output, argv, timeout_s=timeout_s)

    async def plug(self) -> None:
        """Make the kernel announce a V4L2 camera."""
        await self.run(f"modprobe vivid; test -e {_VIVID}/vivid.0 || echo vivid.0 > {_VIVID}/bind")

    async def pull(self) -> None:
        """Take the device away while it is open, as a pulled plug does. `modprobe -r` could not:
        it refuses a device that is in use."""
        await self.run(f"echo vivid.0 > {_VIVID}/unbind")

    async def state(self) -> dict[str, Any]:
        """What the box says of itself; {} while it does not answer."""
        timeout = aiohttp.ClientTimeout(total=5)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as http,
                http.get(f"http://{self.address}:8080/api/v1/state") as response,
            ):
                return dict(await response.json())
        except (aiohttp.ClientError, TimeoutError, json.JSONDecodeError):
            return {}

    async def until(
        self, what: str, predicate: Callable[[dict[str, Any]], bool], *, within_s: float
    ) -> dict[str, Any]:
        """Poll the state until it is so. Raises `AssertionError` with the last one."""
        deadline = time.monotonic() + within_s
        while True:
            state = await self.state()
            if state and predicate(state):
                return state
            assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}; {state}"
            await asyncio.sleep(0.25)

    def install(self) -> None:
        """Units and configuration, as a person would put them there. Blocking."""
        shared = (_UNITS / "portal.toml").read_text(encoding="utf-8")
        self.machine.write("/etc/portal/portal.toml", shared + self.settings)
        # systemd's reload costs the emulated machine seconds: once a boot.
        if self.machine.run("mkdir /run/lab-installed", check=False).code == 0:
            self._install_units()

    def _install_units(self) -> None:
        for unit in ("portal.service", "mediamtx.service"):
            text = (_UNITS / unit).read_text(encoding="utf-8")
            self.machine.write(f"/etc/systemd/system/{unit}", text)
            # What a person writes for a box behind a port forward.
            self.machine.write(
                f"/etc/systemd/system/{unit}.d/announce.conf",
                "[Service]\n"
                "Environment=MTX_WEBRTCIPSFROMINTERFACES=no\n"
                f"Environment=MTX_WEBRTCADDITIONALHOSTS={self.address}\n",
            )
        self.machine.run("systemctl daemon-reload")

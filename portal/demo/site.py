"""One site of the demo: its configuration, and its daemon kept running as systemd would."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from pathlib import Path

import click

from portal.config import Config, load_config
from portal.errors import ProcessError
from portal.process import ChildProcess

SITES = (("dublin", "Dublin", "127.0.0.1"), ("new-york", "New York", "127.0.0.2"))
_USB = '[[cameras]]\nname = "usb"\nsource = "usb"\n\n'
_UDEV = Path("/run/udev/control")


def default_config(number: int, *, has_udev: bool = _UDEV.exists()) -> str:
    """The text of a demo site's portal.toml. The first prefers a camera that is plugged in."""
    name, title, address = SITES[number]
    peer, _, peer_address = SITES[1 - number]
    usb = _USB if number == 0 and has_udev else ""
    return (
        f'[site]\nname = "{name}"\ntitle = "{title}"\naddress = "{address}"\n\n'
        f'{usb}[[cameras]]\nname = "test picture"\nsource = "pattern"\n\n'
        f'[[peers]]\nname = "{peer}"\naddress = "{peer_address}"\n\n'
        "[discovery]\nenabled = false\n"
    )


class Site:
    """One site's daemon, started again whenever it ends."""

    def __init__(self, config_file: Path, state_dir: Path) -> None:
        self.config: Config = load_config(config_file)
        self._config_file = config_file
        self._state_dir = state_dir
        self.daemon: ChildProcess | None = None

    async def run(self) -> None:
        """Never returns; raises `ProcessError` when the daemon refuses its configuration or does
        not stay up at the first try."""
        first = True
        while True:
            started = time.monotonic()
            self.daemon = await ChildProcess.spawn(
                [
                    *_dies_with_us(),
                    sys.executable,
                    "-m",
                    "portal",
                    "--config",
                    str(self._config_file),
                    "run",
                ],
                name=f"{self.config.site.name} daemon",
                env={**os.environ, "PORTAL_STATE_DIR": str(self._state_dir)},
                on_line=self._show,
            )
            code = await self.daemon.wait()
            if first and time.monotonic() - started < 5 and code in {1, 2}:
                said = self.daemon.last_lines[-1:] or (f"exit code {code}",)
                raise ProcessError(f"{self.config.site.name} did not start: {said[0]}")
            first = False
            click.echo(
                f"{self.config.site.name}: the daemon ended ({code}); starting it again", err=True
            )
            await asyncio.sleep(0.5)

    @property
    def pid(self) -> int:
        """The daemon's, 0 before its first start."""
        return self.daemon.pid if self.daemon else 0

    async def stop(self) -> None:
        if self.daemon is not None:
            await self.daemon.stop(grace_s=4.0)

    def _show(self, line: str) -> None:
        click.echo(f"{self.config.site.name}: {line}", err=True)

    def urls(self) -> dict[str, str]:
        """What `--json` says of a site."""
        config = self.config
        host = config.local_host
        return {
            "name": config.site.name,
            "title": config.title,
            "kiosk": config.kiosk_url,
            "admin": f"http://{config.loopback}:{config.ports.kiosk}/",
            "whep": config.whep_url,
            "player": f"http://{host}:{config.ports.whep}/cam/",
        }


def _dies_with_us() -> list[str]:
    """A demo that is killed must not leave its daemons: they end in order, their children too."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []

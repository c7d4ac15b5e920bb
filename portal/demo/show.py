"""The demo itself: set up, start both sites, say when both pictures are live, end all of it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
import click
import msgspec

from portal.config import Config, load_config
from portal.demo.orphans import adopt_orphans, end_descendants, reap_orphans
from portal.demo.site import SITES, Site, default_config
from portal.errors import PortalError
from portal.process import ChildProcess
from portal.publish.ffmpeg import find_ffmpeg

_LIVE_WITHIN_S = 60.0


class Demo:
    """Sets up, starts both sites, tells when both pictures are live, and ends all of it."""

    def __init__(
        self,
        *,
        config_a: Path | None,
        config_b: Path | None,
        seconds: float | None,
        as_json: bool,
    ) -> None:
        self._configs = (config_a, config_b)
        self._seconds = seconds
        self._as_json = as_json
        self._began = time.monotonic()

    async def run(self) -> None:
        """Until Ctrl-C, SIGTERM, or the given seconds after both are live."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        adopt_orphans()
        await self._prepare(stop)
        if stop.is_set():
            return
        with tempfile.TemporaryDirectory(prefix="portal-demo-") as folder:
            sites = [
                Site(self._config_file(Path(folder), number), Path(folder) / f"state-{number}")
                for number in range(len(SITES))
            ]
            try:
                await self._show(sites, stop)
            finally:
                await asyncio.gather(*(site.stop() for site in sites))
                await asyncio.to_thread(end_descendants)
                self._tell("all ended")

    async def _prepare(self, stop: asyncio.Event) -> None:
        """The programs that both sites need. Raises `PortalError`; returns early at `stop`."""
        configured = [load_config(path) if path else Config() for path in self._configs]
        for ffmpeg in dict.fromkeys(find_ffmpeg(config.video.ffmpeg) for config in configured):
            self._tell(f"ffmpeg: {ffmpeg}")
        for path in dict.fromkeys(self._configs):
            await self._install_media_server(path, stop)

    async def _install_media_server(self, path: Path | None, stop: asyncio.Event) -> None:
        """In a process of its own: a download can be ended at any moment, a thread cannot."""
        named = ["--config", str(path)] if path else []
        install = await ChildProcess.spawn(
            [sys.executable, "-m", "portal", *named, "media-server", "install"],
            name="media-server install",
            on_line=self._tell,
        )
        done, stopped = asyncio.create_task(install.wait()), asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({done, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if done.done() and done.result() != 0:
                raise PortalError("there is no MediaMTX", remedy="; ".join(install.last_lines[-1:]))
        finally:
            await install.stop()
            stopped.cancel()
            await asyncio.wait({done, stopped})

    def _config_file(self, folder: Path, number: int) -> Path:
        given = self._configs[number]
        if given is not None:
            return given
        path = folder / f"{SITES[number][0]}.toml"
        path.write_text(default_config(number), encoding="utf-8")
        return path

    async def _show(self, sites: list[Site], stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(site.run()) for site in sites]
            running.append(group.create_task(reap_orphans(lambda: {site.pid for site in sites})))
            self._tell(f"starting {' and '.join(site.config.title for site in sites)}")
            telling = group.create_task(self._tell_when_live(sites, stop))
            ended = asyncio.create_task(stop.wait())
            await asyncio.wait({telling, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.shield(ended), self._seconds)
            for task in (*running, telling, ended):
                task.cancel()

    async def _tell_when_live(self, sites: list[Site], stop: asyncio.Event) -> None:
        waiting = [asyncio.create_task(self._wait_live(site)) for site in sites]
        reasons = [reason for reason in await asyncio.gather(*waiting) if reason]
        if reasons and self._as_json:
            raise PortalError("; ".join(reasons))
        for reason in reasons:
            self._tell(reason)
        if self._as_json:
            click.echo(msgspec.json.encode({"sites": [site.urls() for site in sites]}).decode())
            return
        click.echo("")
        for site in sites:
            urls = site.urls()
            click.echo(f"  {urls['title']}")
            click.echo(f"    screen  {urls['kiosk']}")
            click.echo(f"    box     {urls['admin']}")
            click.echo(f"    camera  {urls['player']}  (MediaMTX's own player)")
        if self._seconds is None and not stop.is_set():
            click.echo("\n  Ctrl-C ends it.\n")

    async def _wait_live(self, site: Site) -> str:
        """ "" once the site's own picture is proven and it sees the other's, else why not."""
        title, said, detail = site.config.title, "", "it does not answer"
        url = f"http://{site.config.loopback}:{site.config.ports.kiosk}/api/v1/state"
        deadline = time.monotonic() + _LIVE_WITHIN_S
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
            while time.monotonic() < deadline:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with session.get(url) as response:
                        detail = _what_is_missing(await response.json())
                    if not detail:
                        self._tell(f"{title}: live")
                        return ""
                    if detail != said:
                        said = detail
                        self._tell(f"{title}: {detail}")
                await asyncio.sleep(0.1)
        return f"{title} is not live after {_LIVE_WITHIN_S:.0f} s: {detail}"

    def _tell(self, line: str) -> None:
        click.echo(f"[{time.monotonic() - self._began:5.1f} s] {line}", err=True)


def _what_is_missing(state: dict[str, Any]) -> str:
    """From a `/api/v1/state` answer; "" when nothing is."""
    faults = "; ".join(fault["message"] for fault in state["faults"])
    if state["media_server"]["state"] != "ready":
        return "starting MediaMTX" + (f" ({faults})" if faults else "")
    if state["camera"]["state"] != "live":
        return f"camera {state['camera']['state']}: {state['camera']['detail'] or faults}"
    link = state["link"]
    if link["state"] != "up" or not link["remote"]:
        return f"link {link['state']} {link['detail']}".strip()
    if link["remote"]["camera"] != "live":
        return f"the other site's camera is {link['remote']['camera']}"
    if state["picture"]["state"] != "live":
        return f"waiting for the picture {state['picture']['detail']}".strip()
    return ""

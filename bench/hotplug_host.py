"""What of hotplug this host can show without a machine of its own: udev's events are
libumockdev's, the camera's pictures a test source that starts at once. So no time of these is a
device's: its stream-on comes on top."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGCONT, SIGSTOP, Signals

import aiohttp
import psutil
from playwright.async_api import Page

from bench.hotplug_lines import Held
from bench.hotplug_reader import Watcher, now
from bench.servers import answer, path_ready, running
from portal.config import VideoSection
from portal.mediamtx.install import find_media_server
from portal.model import Camera
from portal.process import ChildProcess
from portal.publish.encoder import encoder_argv
from portal.publish.ffmpeg import find_ffmpeg
from tests.fakes.usb_camera import FakeUsbBus

_FFMPEG = Path(__file__).parents[1] / "tests" / "fakes" / "camera_ffmpeg.py"
_WITHIN_S = 60.0
_VIDEO = "[video]\nwidth = 320\nheight = 180\nfps = 15\nbitrate_kbps = 300\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugging:
    """Seconds."""

    frame_s: float  # from the plug's event to the first decoded frame at a reader
    unplugged_s: float  # from the pull to the other screen's word


class HostSite:
    """A box in the umockdev test bed, and how it is asked."""

    def __init__(self, bus: FakeUsbBus, address: str) -> None:
        self.bus = bus
        self.address = address
        self.whep = f"http://{address}:8889/cam/whep"

    async def until(self, camera: str) -> None:
        async with aiohttp.ClientSession() as http, asyncio.timeout(_WITHIN_S):
            while True:
                async with http.get(f"http://{self.address}:8080/api/v1/state") as response:
                    if (await response.json())["camera"]["state"] == camera:
                        return
                await asyncio.sleep(0.02)

    async def held_at_rest(self, replugs: int) -> Held:
        """Once ffmpeg has ended. The test bed's own processes do not count."""
        async with asyncio.timeout(_WITHIN_S):
            while any(one.name() == "ffmpeg" for one in self._processes()):  # noqa: ASYNC110 - a process is polled for
                await asyncio.sleep(0.05)
        await asyncio.sleep(1.0)
        found = self._processes()
        mediamtx = next(one for one in found if one.name() == "mediamtx")
        daemon = mediamtx.parent()
        assert daemon is not None
        return Held(
            replugs=replugs,
            descriptors=daemon.num_fds() + mediamtx.num_fds(),
            processes=len(daemon.children(recursive=True)),
            daemon_mb=daemon.memory_info().rss / 1e6,
            mediamtx_mb=mediamtx.memory_info().rss / 1e6,
        )

    def _processes(self) -> list[psutil.Process]:
        return psutil.Process(self.bus.child.pid).children(recursive=True)


@asynccontextmanager
async def host_site(folder: Path, address: str) -> AsyncIterator[HostSite]:
    """Ready, without a camera."""
    config = _written(
        folder / "portal.toml",
        f'[site]\nname = "dublin"\naddress = "{address}"\n'
        f'{_VIDEO}ffmpeg = "{_FFMPEG}"\n[discovery]\nenabled = false\n',
    )
    command = [sys.executable, "-m", "portal", "--config", str(config), "run"]
    env = {**os.environ, "PORTAL_STATE_DIR": str(folder)}
    async with FakeUsbBus.around(command, folder, env=env) as bus:
        site = HostSite(bus, address)
        await answer(
            f"http://{address}:8080/api/v1/state", lambda text: '"ready"' in text, bus.child
        )
        yield site


@asynccontextmanager
async def screen_of(folder: Path, address: str, peer: str) -> AsyncIterator[str]:
    """Another box, linked with the first; yields its kiosk page."""
    config = _written(
        folder / "portal.toml",
        f'[site]\nname = "screen"\naddress = "{address}"\n{_VIDEO}'
        '[[cameras]]\nname = "pattern"\nsource = "pattern"\n'
        f'[[peers]]\nname = "peer"\naddress = "{peer}"\n[discovery]\nenabled = false\n',
    )
    argv = [sys.executable, "-m", "portal", "--config", str(config), "run"]
    env = {**os.environ, "PORTAL_STATE_DIR": str(folder)}
    async with running(argv, name="screen", env=env) as child:
        await answer(f"http://{address}:8080/api/v1/state", lambda text: '"up"' in text, child)
        yield f"http://{address}:8080/kiosk/"


async def replug(site: HostSite, page: Page) -> Plugging:
    """One plug and pull, watched by a reader and by the other site's screen."""
    watcher = Watcher(site.whep)
    watching = asyncio.create_task(watcher.watch())
    try:
        plugged_at = now()
        await site.bus.plug()
        frame_at = await watcher.next_session(0, within_s=_WITHIN_S)
        await page.wait_for_selector(":root[data-state=live]", timeout=_WITHIN_S * 1000)
        pulled_at = now()
        await site.bus.unplug()
        await page.wait_for_selector(":root[data-state=unplugged]", timeout=_WITHIN_S * 1000)
        return Plugging(frame_s=frame_at - plugged_at, unplugged_s=now() - pulled_at)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def after_signal(root: int, whep: str, number: Signals) -> float:
    """Seconds from a signal to the publishing ffmpeg until a reader decodes a picture again."""
    watcher = Watcher(whep)
    watching = asyncio.create_task(watcher.watch())
    try:
        await watcher.next_session(0, within_s=_WITHIN_S)
        await asyncio.sleep(3.0)  # a publisher that was healthy
        [ffmpeg] = [one for one in psutil.Process(root).children(recursive=True) if _encodes(one)]
        harmed_at, before = now(), watcher.session
        ffmpeg.send_signal(number)
        try:
            return await watcher.next_session(before, within_s=_WITHIN_S) - harmed_at
        finally:
            if number == SIGSTOP:
                _go_on(ffmpeg)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


def _encodes(process: psutil.Process) -> bool:
    try:
        return process.name() == "ffmpeg" and "rtsp" in process.cmdline()
    except psutil.NoSuchProcess:
        return False


def _go_on(process: psutil.Process) -> None:
    try:
        process.send_signal(SIGCONT)
    except psutil.NoSuchProcess:
        return


@asynccontextmanager
async def pattern_site(folder: Path, address: str) -> AsyncIterator[ChildProcess]:
    """A box whose camera is a test picture, live."""
    config = _written(
        folder / "portal.toml",
        f'[site]\nname = "dublin"\naddress = "{address}"\n{_VIDEO}'
        '[[cameras]]\nname = "pattern"\nsource = "pattern"\n[discovery]\nenabled = false\n',
    )
    argv = [sys.executable, "-m", "portal", "--config", str(config), "run"]
    env = {**os.environ, "PORTAL_STATE_DIR": str(folder)}
    async with running(argv, name="portal", env=env) as child:
        await answer(f"http://{address}:8080/api/v1/state", lambda text: '"live"' in text, child)
        yield child


@asynccontextmanager
async def media_server_alone(folder: Path, address: str) -> AsyncIterator[ChildProcess]:
    """MediaMTX that runs an ffmpeg as its documentation says: runOnInit, runOnInitRestart."""
    line = encoder_argv(
        Camera(id="pattern", name="pattern", source="pattern"),
        video=VideoSection(width=320, height=180, fps=15, bitrate_kbps=300),
        title="Dublin",
        ffmpeg=find_ffmpeg(),
        rtsp_url=f"rtsp://{address}:8554/cam",
    )
    config = _written(
        folder / "mediamtx.yml",
        f"rtmp: no\nsrt: no\nhls: no\napi: yes\napiAddress: {address}:9997\n"
        f"rtspAddress: {address}:8554\nrtpAddress: {address}:8000\n"
        f"rtcpAddress: {address}:8001\nwebrtcAddress: {address}:8889\n"
        f"webrtcLocalUDPAddress: {address}:8189\nwebrtcIPsFromInterfaces: no\n"
        f"webrtcAdditionalHosts: [{address}]\n"
        f"paths:\n  cam:\n    runOnInit: {_quoted(shlex.join(line))}\n    runOnInitRestart: yes\n",
    )
    binary = str(find_media_server("").path)
    async with running([binary, str(config)], name="mediamtx") as child:
        await path_ready(address)
        yield child


def _written(path: Path, text: str) -> Path:
    """In a folder of its own."""
    path.parent.mkdir()
    path.write_text(text)
    return path


def _quoted(text: str) -> str:
    """As YAML takes any text."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

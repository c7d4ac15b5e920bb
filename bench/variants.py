"""The pipelines that are compared: each brings up everything up to the page, and takes it down."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import lines
from bench.camera import stamped_camera
from bench.servers import answer, go2rtc, mediamtx, path_ready, running
from portal.kiosk import chromium_flags


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """`open(address, other_address, folder)` yields the page's URL once a picture can be read."""

    key: str
    title: str
    open: Callable[[str, str, Path], AbstractAsyncContextManager[str]]
    flags: tuple[str, ...] = ()
    # The page opens within this time, at random: all of a GOP, so that no phase is preferred.
    wait_s: float = 1.0


@asynccontextmanager
async def _original(address: str, _: str, folder: Path) -> AsyncIterator[str]:
    async with AsyncExitStack() as stack:
        camera = await stack.enter_async_context(stamped_camera(folder))
        target = await stack.enter_async_context(mediamtx(address, folder))
        argv = lines.original(camera.socket, target)
        await stack.enter_async_context(running(argv, name="ffmpeg"))
        await path_ready(address)
        yield f"http://{address}:8889/cam/"


@asynccontextmanager
async def _our_line(address: str, _: str, folder: Path) -> AsyncIterator[str]:
    async with AsyncExitStack() as stack:
        camera = await stack.enter_async_context(stamped_camera(folder))
        target = await stack.enter_async_context(mediamtx(address, folder))
        argv = lines.ours(camera.socket, target)
        await stack.enter_async_context(running(argv, name="ffmpeg"))
        await path_ready(address)
        yield f"http://{address}:8889/cam/"


@asynccontextmanager
async def _low_latency_hls(address: str, _: str, folder: Path) -> AsyncIterator[str]:
    async with AsyncExitStack() as stack:
        camera = await stack.enter_async_context(stamped_camera(folder))
        target = await stack.enter_async_context(mediamtx(address, folder, hls=True))
        argv = lines.ours(camera.socket, target)
        await stack.enter_async_context(running(argv, name="ffmpeg"))
        await path_ready(address)
        yield f"http://{address}:8888/cam/"


@asynccontextmanager
async def _go2rtc(address: str, _: str, folder: Path) -> AsyncIterator[str]:
    async with AsyncExitStack() as stack:
        camera = await stack.enter_async_context(stamped_camera(folder))
        argv = lines.ours(camera.socket, "{output}")
        yield await stack.enter_async_context(go2rtc(address, folder, argv))


@asynccontextmanager
async def _portal(address: str, other: str, folder: Path) -> AsyncIterator[str]:
    """Two daemons: the first has the camera, the page is the second's."""
    async with AsyncExitStack() as stack:
        camera = await stack.enter_async_context(stamped_camera(folder))
        first = _portal_toml("dublin", address, "new-york", other, camera.section)
        second = _portal_toml("new-york", other, "dublin", address)
        await stack.enter_async_context(_daemon(folder / "dublin", first))
        await stack.enter_async_context(_daemon(folder / "new-york", second))
        # The daemons are done with starting: linked, and the first look at the picture is over.
        await answer(f"http://{other}:8080/api/v1/state", _says("link", "up"), None)
        await answer(f"http://{address}:8080/api/v1/state", _says("picture", "live"), None)
        yield f"http://{other}:8080/kiosk/"


def _says(part: str, state: str) -> Callable[[str], bool]:
    return lambda text: json.loads(text)[part]["state"] == state


def _portal_toml(name: str, address: str, peer: str, peer_address: str, camera: str = "") -> str:
    return (
        f'[site]\nname = "{name}"\naddress = "{address}"\n'
        f'[[peers]]\nname = "{peer}"\naddress = "{peer_address}"\n'
        f"[discovery]\nenabled = false\n{camera}"
    )


@asynccontextmanager
async def _daemon(folder: Path, config: str) -> AsyncIterator[None]:
    file = folder.with_suffix(".toml")
    file.write_text(config)
    argv = [sys.executable, "-m", "portal", "--config", str(file), "run"]
    env = {**os.environ, "PORTAL_STATE_DIR": str(folder)}
    async with running(argv, name=f"daemon {folder.name}", env=env):
        yield


VARIANTS = {
    variant.key: variant
    for variant in (
        Variant(
            key="a",
            title="the write-up's line, MediaMTX's page",
            open=_original,
            wait_s=250 / 30,
        ),
        Variant(key="b", title="our line, MediaMTX's page", open=_our_line),
        Variant(
            key="c",
            title="portal",
            open=_portal,
            flags=tuple(chromium_flags()),
        ),
        Variant(key="d", title="our line, MediaMTX's LL-HLS page", open=_low_latency_hls),
        Variant(key="e", title="our line, go2rtc's page", open=_go2rtc),
    )
}

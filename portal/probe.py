"""A WHEP reader that decodes: are frames of a path really flowing, and do they move?

`python -m portal.probe URL` says so in one line. The only module that imports aiortc, which costs
60 MB: the daemon runs it as a child process and never imports it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ipaddress
import logging
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urljoin, urlsplit

import aiohttp
import msgspec
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame

from portal.bounded import TooLargeError, body_of
from portal.errors import PictureError
from portal.verdict import MotionMeter, ProbeResult
from portal.words import PictureState

if TYPE_CHECKING:  # numpy is not needed to look, only by tests that read pixels
    import numpy as np
    from numpy.typing import NDArray

_SIGNALLING_S = 3.0  # each request; MediaMTX answers within 20 ms
_CLOSE_S = 2.0
_MAX_ANSWER = 64 * 1024  # MediaMTX's answer is about 1.5 KiB
_SAMPLES_ACROSS = 160  # enough to see a clock's digits in 1280x720, cheap without numpy


class DecodedFrame:
    """One picture as a screen would show it."""

    def __init__(self, frame: VideoFrame, received_at: float) -> None:
        self._frame = frame
        self.received_at = received_at  # time.monotonic()

    @property
    def width(self) -> int:
        return self._frame.width

    @property
    def height(self) -> int:
        return self._frame.height

    @property
    def time_s(self) -> float:
        """The sender's clock for this frame, from the first one."""
        return float(self._frame.time or 0.0)

    @property
    def rgb(self) -> NDArray[np.uint8]:
        """height x width x 3."""
        return cast("NDArray[np.uint8]", self._frame.to_ndarray(format="rgb24"))

    @property
    def luma(self) -> NDArray[np.uint8]:
        """height x width."""
        return cast("NDArray[np.uint8]", self._frame.to_ndarray(format="gray"))

    def luma_samples(self) -> bytes:
        """Luma on a coarse grid."""
        plane = self._frame.planes[0]
        step = max(1, self.width // _SAMPLES_ACROSS)
        pixels = memoryview(plane)
        return b"".join(
            bytes(pixels[row * plane.line_size : row * plane.line_size + self.width : step])
            for row in range(0, self.height, step)
        )


class FrameStream:
    """The decoded frames of one WHEP session, oldest first: `async for frame in frames`.

    Ends when the sender says goodbye. Raises `PictureError` when no frame comes within
    `frame_timeout_s`, or the connection fails.
    """

    def __init__(self, connection: RTCPeerConnection, *, frame_timeout_s: float) -> None:
        self._frame_timeout_s = frame_timeout_s
        self._failed = asyncio.get_running_loop().create_future()
        self._connected = False
        self._receiver = connection.getReceivers()[0]
        connection.on("connectionstatechange", lambda: self._on_state(connection.connectionState))

    def _on_state(self, state: str) -> None:
        if state == "connected":
            self._connected = True
        elif state in {"failed", "closed"} and not self._failed.done():
            self._failed.set_result(state)

    def __aiter__(self) -> FrameStream:
        return self

    async def __anext__(self) -> DecodedFrame:
        receiving = asyncio.ensure_future(self._receiver.track.recv())
        try:
            done, _ = await asyncio.wait(
                {receiving, self._failed},
                timeout=self._frame_timeout_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if receiving in done:
                frame = receiving.result()
                assert isinstance(frame, VideoFrame)  # noqa: S101 - a video transceiver's track
                return DecodedFrame(frame, time.monotonic())
        except MediaStreamError:
            raise StopAsyncIteration from None
        finally:
            receiving.cancel()
            await asyncio.gather(receiving, return_exceptions=True)
        if self._connected and not self._failed.done():
            raise PictureError(
                f"connected, but no frame was decoded in {self._frame_timeout_s:g} s",
                remedy="see whether the camera and its ffmpeg are sending",
                connected=True,
            )
        if self._connected:
            raise PictureError("the media connection was lost")
        raise PictureError(
            "no media connection (ICE): the offer was answered, but no UDP came through",
            remedy="open UDP 8189 (ports.media) between the two",
        )


@asynccontextmanager
async def open_reader(url: str, *, frame_timeout_s: float = 5.0) -> AsyncIterator[FrameStream]:
    """Read `url` over WHEP. Raises `PictureError`; the session is deleted at the end always."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    timeout = aiohttp.ClientTimeout(total=_SIGNALLING_S)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        resource: str | None = None
        try:
            transceiver = connection.addTransceiver("video", direction="recvonly")
            await _gather(transceiver.receiver.transport.transport.iceGatherer, url)
            await connection.setLocalDescription()
            resource, answer = await _post(http, url, connection.localDescription.sdp)
            frames = FrameStream(connection, frame_timeout_s=frame_timeout_s)
            try:
                await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            except Exception as exc:  # the SDP parser has no error of its own
                raise PictureError(f"{url} answered something that is not SDP") from exc
            yield frames
        finally:
            if resource is not None:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with http.delete(resource):
                        pass
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(connection.close(), _CLOSE_S)


async def _gather(gatherer: Any, url: str) -> None:
    """Gather ICE candidates, and one on the address that the route to `url` starts from.

    aioice leaves 127.0.0.1 out, so a box without a network would have no candidate at all.
    """
    await gatherer.gather()
    source = await _source_address(url)
    connection = gatherer._connection  # aiortc has no way to name an address
    if source and source not in {candidate.host for candidate in connection.local_candidates}:
        connection._local_candidates += await connection.get_component_candidates(
            component=1, addresses=[source]
        )


async def _source_address(url: str) -> str:
    """This machine's address on the way to `url`, "" if there is no way."""
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_SIGNALLING_S):
            found = await loop.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_DGRAM)
        family, _, _, _, address = found[0]
        with socket.socket(family, socket.SOCK_DGRAM) as way:
            way.connect(address)  # UDP: nothing is sent
            return str(ipaddress.ip_address(way.getsockname()[0]))
    except (OSError, ValueError):
        return ""


async def _post(http: aiohttp.ClientSession, url: str, offer: str) -> tuple[str | None, str]:
    """The session's URL and the answer. Raises `PictureError`."""
    headers = {"Content-Type": "application/sdp"}
    try:
        async with http.post(url, data=offer, headers=headers, allow_redirects=False) as response:
            if response.status == 404 or (
                # MediaMTX says 400 of a path that its daemon has not added yet.
                response.status == 400 and b"is not configured" in await body_of(response, 10_000)
            ):
                raise PictureError(
                    f"nobody publishes {url}", absent=True, remedy="see `portal cameras`"
                )
            if response.status in {401, 403}:
                raise PictureError(f"{url} does not let us in ({response.status})")
            if response.status not in {200, 201}:
                raise PictureError(f"{url} refused the offer with status {response.status}")
            try:
                answer = await body_of(response, _MAX_ANSWER)
            except TooLargeError:
                answer = b""  # no SDP, like other nonsense: the session still gets deleted
            location = response.headers.get("Location")
            resource = urljoin(url, location) if location else None
            if resource and urlsplit(resource).netloc != urlsplit(url).netloc:
                resource = None
            return resource, answer.decode(errors="replace")
    except aiohttp.ClientConnectorError as exc:
        raise PictureError(
            f"{urlsplit(url).netloc} cannot be reached: {exc.strerror or exc.os_error}",
            remedy="see whether MediaMTX runs there",
        ) from exc
    except (aiohttp.ClientError, ValueError) as exc:
        raise PictureError(f"{url} does not speak WHEP: {exc}") from exc
    except TimeoutError as exc:
        raise PictureError(f"{url} did not answer in {_SIGNALLING_S:g} s") from exc


async def probe(url: str, *, seconds: float = 2.0, frame_timeout_s: float = 5.0) -> ProbeResult:
    """Look at a path for `seconds` after its first frame. Never raises for what it finds."""
    asked_at = time.monotonic()
    motion = MotionMeter()
    first: DecodedFrame | None = None
    last: DecodedFrame | None = None
    count, connected = 0, False
    state, reason, remedy = PictureState.STALLED, "the sender ended the picture", ""
    try:
        async with open_reader(url, frame_timeout_s=frame_timeout_s) as frames:
            async for frame in frames:
                first, last = first or frame, frame
                count += 1
                motion.add(frame.luma_samples(), frame.time_s)
                if frame.received_at - first.received_at >= seconds:
                    state, reason, remedy = _verdict(motion, count, seconds)
                    break
    except PictureError as exc:
        state = PictureState.ABSENT if exc.absent else PictureState.STALLED
        reason, remedy, connected = exc.message, exc.remedy, exc.connected
    span = last.time_s - first.time_s if first and last else 0.0
    return ProbeResult(
        url=url,
        state=state,
        reason=reason,
        remedy=remedy,
        fps=round((count - 1) / span, 1) if span > 0 else 0.0,
        width=last.width if last else 0,
        height=last.height if last else 0,
        frames=count,
        first_frame_s=round(first.received_at - asked_at, 3) if first else None,
        connected=connected or first is not None,
    )


def _verdict(motion: MotionMeter, count: int, seconds: float) -> tuple[PictureState, str, str]:
    if motion.is_moving:
        return PictureState.LIVE, "", ""
    return (
        PictureState.STALLED,
        f"frozen: {count} frames decoded in {seconds:g} s, and nothing moves",
        "pull the camera and plug it in again",
    )


def _told(result: ProbeResult) -> str:
    if not result.is_live:
        return f"{result.state}: {result.reason}" + (f". {result.remedy}" if result.remedy else "")
    return (
        f"live: {result.width}x{result.height} at {result.fps:g} fps, "
        f"first frame after {result.first_frame_s:.2f} s"
    )


async def _probe_until_terminated(url: str, *, seconds: float, patience_s: float) -> ProbeResult:
    """SIGTERM ends the look in order, so that the session is deleted."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - asyncio.run() made one
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await probe(url, seconds=seconds, frame_timeout_s=patience_s)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m portal.probe", description=__doc__)
    parser.add_argument("url", help="WHEP address, such as http://127.0.0.1:8889/cam/whep")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long to look (2)")
    parser.add_argument("--patience", type=float, default=5.0, help="wait so long for a frame (5)")
    parser.add_argument("--json", action="store_true", help="print the whole result")
    arguments = parser.parse_args(argv)
    logging.disable(logging.WARNING)  # aiortc tells of each frame before the first keyframe
    try:
        result = asyncio.run(
            _probe_until_terminated(
                arguments.url, seconds=arguments.seconds, patience_s=arguments.patience
            )
        )
    except (asyncio.CancelledError, KeyboardInterrupt):
        return 1
    print(msgspec.json.encode(result).decode() if arguments.json else _told(result))  # noqa: T201
    return 0 if result.is_live else 1


if __name__ == "__main__":
    sys.exit(main())

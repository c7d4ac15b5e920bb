"""The webcam itself: plugged by connecting to the machine, pulled by closing the connection."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tests.lab.control import USB_PORT
from tests.lab.uvc import wire
from tests.lab.uvc.descriptors import CameraModel
from tests.lab.uvc.device import Agreed, Device, StallError
from tests.lab.uvc.pictures import bars_of, frames
from tests.lab.uvc.streaming import payloads

PORTS = range(15)  # of the guest's virtual host controller


class UsbCamera:
    """One camera in somebody's hand. What goes wrong with it is set at any time:

    `is_silent`: requests for pictures stay unanswered. `is_frozen`: one picture again and again,
    until it is opened anew.
    `fails`: each transfer ends with a protocol error. `is_wedged`: those of pictures do, until the
    kernel configures the device anew (`stays_wedged`: or for good). `most_fps`: a dark room; it
    delivers no more.
    """

    def __init__(
        self, model: CameraModel | None = None, *, view: int = 0, stream_on_s: float = 0.0
    ) -> None:
        self.model = model or CameraModel()
        self.view = view
        self.bars = bars_of(view)
        self.is_silent = self.is_frozen = self.fails = False
        self.is_wedged = self.stays_wedged = False
        self.most_fps: float | None = None
        self.stream_on_s = stream_on_s  # from being asked to the first picture
        # Host's clock (time.monotonic), of the last plugging; 0.0: not yet.
        self.plugged_at = self.asked_at = self.first_frame_at = 0.0
        self.device = Device(self.model)
        self._connection: _Connection | None = None

    @property
    def is_plugged(self) -> bool:
        return self._connection is not None and self._connection.is_open

    async def plug(self, address: str, port: int) -> None:
        """Into one of `PORTS`. The kernel has it once this returns; udev takes longer."""
        assert not self.is_plugged, "it is plugged in already"
        assert port in PORTS
        self.device = Device(self.model)
        self.asked_at = self.first_frame_at = 0.0
        reader, writer = await asyncio.open_connection(address, USB_PORT)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        writer.write(b"%d\n" % port)
        self.plugged_at = time.monotonic()
        self._connection = _Connection(self, reader, writer)

    async def pull(self) -> None:
        """Also when it is not plugged in."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


@asynccontextmanager
async def plugged(camera: UsbCamera, address: str, port: int = 0) -> AsyncIterator[UsbCamera]:
    """Plugged in, and certainly pulled at the end."""
    try:
        await camera.plug(address, port)
        yield camera
    finally:
        await camera.pull()


class _Connection:
    """One plugging: answers the kernel until either side closes."""

    def __init__(
        self, camera: UsbCamera, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._camera = camera
        self._reader, self._writer = reader, writer
        self._pending: dict[int, wire.Submit] = {}  # requests for pictures, oldest first
        self._asked = asyncio.Event()
        self._stream: asyncio.Task[None] | None = None
        self._serving = asyncio.create_task(self._serve(), name="usb camera")

    @property
    def is_open(self) -> bool:
        return not self._serving.done()

    async def close(self) -> None:
        # No lingering: a pulled plug says no goodbye, and what was sent is lost.
        self._writer.transport.abort()
        self._serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._serving

    async def _serve(self) -> None:
        try:
            while True:
                request = wire.parse_header(await self._reader.readexactly(wire.HEADER_BYTES))
                if isinstance(request, wire.Unlink):
                    victim = self._pending.pop(request.victim, None)
                    self._writer.write(wire.unlinked(request, was_pending=victim is not None))
                    continue
                data = await self._reader.readexactly(request.bytes_following)
                if request.endpoint:
                    self._want_picture(wire.with_packets(request, data))
                else:
                    self._control(request, data)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            await self._end_stream()
            self._writer.close()

    def _control(self, request: wire.Submit, data: bytes) -> None:
        camera, device = self._camera, self._camera.device
        if camera.fails:
            self._writer.write(wire.answer(request, status=wire.EPROTO))
            return
        before, configured = device.streams, device.configured
        try:
            answer = device.control(request.control, data)
        except StallError:
            self._writer.write(wire.answer(request, status=wire.EPIPE))
            return
        self._writer.write(wire.answer(request, answer))
        if device.configured != configured and configured:
            camera.is_wedged = camera.is_wedged and camera.stays_wedged
        if device.streams is not before:
            if self._stream is not None:
                self._stream.cancel()
            if device.streams is not None:
                camera.is_frozen = False
                camera.asked_at, camera.first_frame_at = time.monotonic(), 0.0
                self._stream = asyncio.create_task(self._send(device.streams), name="usb pictures")

    def _want_picture(self, request: wire.Submit) -> None:
        self._pending[request.number] = request
        self._asked.set()
        if self._camera.fails or self._camera.is_wedged:
            self.fail_pending()

    def fail_pending(self) -> None:
        for number in [*self._pending]:
            self._writer.write(_filled(self._pending.pop(number), [], status=wire.EPROTO))

    async def _send(self, agreed: Agreed) -> None:
        camera = self._camera
        pictures = await asyncio.to_thread(
            frames, camera.view, agreed.pixel_format, agreed.size, agreed.rate
        )
        due = time.monotonic() + camera.stream_on_s
        number = 0
        for frame_id in itertools.cycle((0, 1)):
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            left = deque(
                payloads(
                    pictures[number % len(pictures)],
                    frame_id=frame_id,
                    payload_bytes=camera.model.payload_bytes,
                )
            )
            while left:
                request = await self._next_request()
                taken = [left.popleft() for _ in range(min(len(left), request.packet_count or 1))]
                self._writer.write(_filled(request, taken))
                await self._writer.drain()
            camera.first_frame_at = camera.first_frame_at or time.monotonic()
            number += 0 if camera.is_frozen else 1
            # A camera that nobody reads from drops pictures, it does not catch up.
            interval = 1 / min(agreed.rate, camera.most_fps or agreed.rate)
            due = max(due + interval, time.monotonic())

    async def _next_request(self) -> wire.Submit:
        while True:
            if self._camera.is_silent:
                await asyncio.sleep(0.02)
            elif self._camera.fails or self._camera.is_wedged:
                self.fail_pending()
                await asyncio.sleep(0.02)
            elif self._pending:
                return self._pending.pop(next(iter(self._pending)))
            else:
                self._asked.clear()
                await self._asked.wait()

    async def _end_stream(self) -> None:
        if self._stream is not None:
            self._stream.cancel()
            await asyncio.gather(self._stream, return_exceptions=True)


def _filled(request: wire.Submit, payloads: Sequence[bytes], *, status: int = 0) -> bytes:
    """A bulk request takes one payload, an isochronous one as many as it has packets."""
    if request.packet_count:
        return wire.answer_packets(request, payloads, status=status)
    return wire.answer(request, b"".join(payloads), status=status)

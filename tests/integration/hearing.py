"""A WHEP reader that listens: what a screen would hear of `cam/sound`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from portal.probe import _gather, _post

LOUD = 0.02  # of full scale; lavfi's sine has 0.088


@dataclass(slots=True)
class Heard:
    """`at` is time.monotonic() of each piece of sound, oldest first."""

    at: list[float] = field(default_factory=list)
    levels: list[float] = field(default_factory=list)
    rate: int = 48000
    last: np.ndarray = field(default_factory=lambda: np.zeros(0))
    ended: bool = False

    def loud_since(self, moment: float) -> int:
        return sum(at > moment and level > LOUD for at, level in self.pieces)

    @property
    def pieces(self) -> list[tuple[float, float]]:
        return list(zip(self.at, self.levels, strict=True))

    @property
    def last_loud(self) -> float:
        return max((at for at, level in self.pieces if level > LOUD), default=0.0)

    def pitch(self) -> float:
        """Hz, of the last quarter of a second."""
        spectrum = np.abs(np.fft.rfft(self.last * np.hanning(len(self.last))))
        return float(np.argmax(spectrum) * self.rate / len(self.last))


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[Heard]:
    """Listen to `url` in the background. Raises `PictureError` when nobody publishes it."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    heard = Heard()
    async with aiohttp.ClientSession() as http:
        resource: str | None = None
        task: asyncio.Task[None] | None = None
        try:
            transceiver = connection.addTransceiver("audio", direction="recvonly")
            await _gather(transceiver.receiver.transport.transport.iceGatherer, url)
            await connection.setLocalDescription()
            resource, answer = await _post(http, url, connection.localDescription.sdp)
            await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            task = asyncio.create_task(_listen(connection, heard))
            yield heard
        finally:
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            if resource is not None:
                async with http.delete(resource):
                    pass
            await asyncio.wait_for(connection.close(), 20)


async def _listen(connection: RTCPeerConnection, heard: Heard) -> None:
    track = connection.getReceivers()[0].track
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            heard.ended = True
            return
        assert isinstance(frame, AudioFrame)
        samples = frame.to_ndarray().astype(float).reshape(-1, len(frame.layout.channels))[:, 0]
        samples /= 32768
        heard.rate = frame.sample_rate
        heard.last = np.concatenate([heard.last, samples])[-frame.sample_rate // 4 :]
        heard.at.append(time.monotonic())
        heard.levels.append(float(np.sqrt(np.mean(samples**2))))

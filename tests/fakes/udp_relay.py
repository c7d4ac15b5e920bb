"""A UDP relay that stands for a poor network: delay, jitter and loss between browser and server.

Give the media server the relay's address as its only WebRTC host, and all media runs through it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import cast

Address = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What happens to datagrams in each direction. Each is late by `delay_s` plus something
    between 0 and `jitter_s`; order is kept, as on most real paths, unless `reorders`."""

    delay_s: float = 0.0
    jitter_s: float = 0.0
    loss: float = 0.0  # 0 … 1
    reorders: bool = False
    largest: int = 65536  # bytes; what is longer never arrives


QUIET = Network()


class _Line:
    """One direction: sends each datagram later, or never. Not before the one ahead of it."""

    def __init__(self, relay: UdpRelay) -> None:
        self._relay = relay
        self._last_due = 0.0

    def carry(self, data: bytes, send: Callable[[bytes], None]) -> None:
        relay, network = self._relay, self._relay.network
        if relay.random.random() < network.loss or len(data) > network.largest:
            return
        relay.carried += 1
        if network == QUIET:
            send(data)
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + network.delay_s + relay.random.random() * network.jitter_s
        if not network.reorders:
            # A microsecond apart: timers due at one moment fire in no order.
            due = max(due, self._last_due + 1e-6)
            self._last_due = due
        loop.call_at(due, send, data)


class _Upstream(asyncio.DatagramProtocol):
    """The socket that stands for one client on the server's side."""

    def __init__(self, relay: UdpRelay, client: Address) -> None:
        self._down = _Line(relay)
        self._up = _Line(relay)
        self._relay = relay
        self._client = client
        self._transport: asyncio.DatagramTransport | None = None
        self._waiting: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)
        for data in self._waiting:
            self.forward(data)
        self._waiting.clear()

    def forward(self, data: bytes) -> None:
        if self._transport is None:
            self._waiting.append(data)
        else:
            self._up.carry(data, self._transport.sendto)

    def datagram_received(self, data: bytes, addr: Address) -> None:  # noqa: ARG002 - one target
        self._down.carry(data, lambda late: self._relay.send_to_client(late, self._client))

    def error_received(self, exc: Exception) -> None:
        """The server is down: the client finds out by silence, as on a network."""

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class UdpRelay(asyncio.DatagramProtocol):
    """Listens on `listen`, forwards to `target`. Change `network` at any time."""

    def __init__(self, *, listen: Address, target: Address, seed: int = 1) -> None:
        self.network = QUIET
        self.random = random.Random(seed)  # noqa: S311 - repeatable loss, not a secret
        self.carried = 0
        self._listen = listen
        self._target = target
        self._clients: dict[Address, _Upstream] = {}
        self._starting: set[asyncio.Task[object]] = set()
        self._transport: asyncio.DatagramTransport | None = None

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[UdpRelay]:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=self._listen
        )
        try:
            yield self
        finally:
            await asyncio.gather(*self._starting)
            for upstream in self._clients.values():
                upstream.close()
            self._transport.close()
            await asyncio.sleep(0)  # the transports close their sockets in the next round

    def datagram_received(self, data: bytes, addr: Address) -> None:
        upstream = self._clients.get(addr)
        if upstream is None:
            upstream = self._clients[addr] = _Upstream(self, addr)
            task: asyncio.Task[object] = asyncio.get_running_loop().create_task(
                self._connect(upstream), name=f"relay for {addr}"
            )
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)
        upstream.forward(data)

    async def _connect(self, upstream: _Upstream) -> None:
        # Bound to the relay's own address: the answers must come back to it.
        await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: upstream, local_addr=(self._listen[0], 0), remote_addr=self._target
        )

    def send_to_client(self, data: bytes, client: Address) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, client)

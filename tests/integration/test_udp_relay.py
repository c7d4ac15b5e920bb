"""The poor network that other tests rely on is as poor as they say."""

from __future__ import annotations

import asyncio
from typing import cast

from tests.fakes.udp_relay import QUIET, Address, Network, UdpRelay


class _Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._transport.sendto(data, addr)


class _Client(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.received: list[tuple[int, float]] = []

    def datagram_received(self, data: bytes, addr: Address) -> None:  # noqa: ARG002 - one server
        self.received.append((int(data), asyncio.get_running_loop().time()))


async def carried(network: Network, count: int, loopback: str) -> tuple[list[int], float]:
    """What comes back of `count` numbers, in what order, and how soon the first does."""
    loop = asyncio.get_running_loop()
    relay = UdpRelay(listen=(loopback, 9001), target=(loopback, 9000))
    relay.network = network
    echo, _ = await loop.create_datagram_endpoint(_Echo, local_addr=(loopback, 9000))
    async with relay.open():
        transport, client = await loop.create_datagram_endpoint(
            _Client, remote_addr=(loopback, 9001)
        )
        began = loop.time()
        for number in range(count):
            transport.sendto(str(number).encode())
            await asyncio.sleep(0)
        came, quiet = 0, 0
        while quiet < 4 and came < count:  # until nothing more does
            await asyncio.sleep(0.1)
            quiet = quiet + 1 if came == len(client.received) else 0
            came = len(client.received)
        transport.close()
    echo.close()
    await asyncio.sleep(0)
    return [number for number, _ in client.received], client.received[0][1] - began


async def test_a_quiet_relay_carries_everything(loopback: str) -> None:
    numbers, _ = await carried(QUIET, 100, loopback)
    assert numbers == list(range(100))


async def test_jitter_makes_datagrams_late_but_keeps_their_order(loopback: str) -> None:
    numbers, first_s = await carried(Network(delay_s=0.02, jitter_s=0.03), 100, loopback)
    assert numbers == list(range(100))
    assert first_s >= 0.04, "the delay counts in each direction"


async def test_a_tenth_lost_each_way_is_a_fifth_lost(loopback: str) -> None:
    numbers, _ = await carried(Network(loss=0.1), 500, loopback)
    assert 360 < len(numbers) < 440

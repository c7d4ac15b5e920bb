"""Sites on one machine find each other over the loopback interface, and survive what is shouted
there. Real multicast sockets; a service type of its own keeps each test apart."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import struct
from collections.abc import AsyncIterator, Callable

import pytest
from zeroconf import IPVersion
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from portal.config import Config, SiteSection
from portal.model import SiteStatus, Snapshot
from portal.peers.directory import PeerDirectory
from portal.peers.discovery import Discovery, DiscoveryTiming
from portal.state import StateBoard

QUICK = DiscoveryTiming(quiet_s=0.6, ask_every_s=0.4, settle_s=0.1, linger_s=0.3)
WAIT_S = 30.0


class Seeker:
    """A site of which only discovery runs."""

    def __init__(self, name: str, address: str, service_type: str) -> None:
        config = Config(site=SiteSection(name=name, address=address))
        self.address = address
        self.state = StateBoard(
            Snapshot(site=SiteStatus(name=name, title="", version="", started_at=0))
        )
        self.directory = PeerDirectory(config)
        self._discovery = Discovery(
            config, self.state, self.directory, service_type=service_type, timing=QUICK
        )
        self._task = asyncio.create_task(self._discovery.run())

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def sees(self) -> list[str]:
        shown = self.directory.shown
        return [peer.name for peer in ((shown,) if shown else ()) + self.directory.others]

    async def until(self, predicate: Callable[[Seeker], bool]) -> None:
        try:
            async with asyncio.timeout(WAIT_S):
                while not predicate(self):  # noqa: ASYNC110 - of directory, state or log
                    await asyncio.sleep(0.02)
        except TimeoutError:
            pytest.fail(f"still sees {self.sees}, faults {self.state.snapshot.faults}")


Start = Callable[[str], Seeker]


@pytest.fixture
def service_type() -> str:
    return f"_p{secrets.token_hex(5)}._tcp.local."


@pytest.fixture
async def start(loopback: str, service_type: str) -> AsyncIterator[Start]:
    seekers: list[Seeker] = []
    prefix = loopback.rsplit(".", 2)[0]

    def start(name: str) -> Seeker:
        address = f"{prefix}.{200 + len(seekers)}.{loopback.rsplit('.', 1)[1]}"
        seekers.append(Seeker(name, address, service_type))
        return seekers[-1]

    yield start
    await asyncio.gather(*(seeker.close() for seeker in seekers))


async def test_sites_on_one_machine_find_each_other_and_say_goodbye(start: Start) -> None:
    dublin, new_york, boston = start("dublin"), start("new-york"), start("boston")
    for site in (boston, new_york, dublin):
        await site.until(lambda site: len(site.sees) == 2)
    assert sorted(dublin.sees) == ["boston", "new-york"]
    peers = {peer.name: peer for peer in (*dublin.directory.others, dublin.directory.shown) if peer}
    assert peers["boston"].address == boston.address
    assert peers["boston"].title == "Boston"
    await new_york.close()
    await dublin.until(lambda site: site.sees == ["boston"])


async def test_two_sites_with_one_name_both_show_the_fault(start: Start) -> None:
    one, two = start("dublin"), start("dublin")
    for site, other in ((one, two), (two, one)):
        await site.until(lambda site: bool(site.state.snapshot.faults) and site.sees == [])
        assert other.address in site.state.snapshot.faults[0].message
    await two.close()
    await one.until(lambda site: not site.state.snapshot.faults)


class Shouter:
    """Advertises what no portal would, from an address near a site's."""

    def __init__(
        self,
        service_type: str,
        label: str,
        properties: dict[str, str | bytes],
        *,
        near: Seeker,
        address: str = "",
    ) -> None:
        first, second, third, fourth = near.address.split(".")
        own = f"{first}.{second}.{int(third) - 100}.{fourth}"
        self._zeroconf = AsyncZeroconf(interfaces=[own], ip_version=IPVersion.V4Only)
        self._info = AsyncServiceInfo(
            service_type,
            f"{label}.{service_type}",
            port=8443,
            properties=properties,
            server=f"{label}.local.",
            parsed_addresses=[address or own],
        )

    async def __aenter__(self) -> None:
        await self._zeroconf.async_register_service(self._info, cooperating_responders=True)

    async def __aexit__(self, *_exc: object) -> None:
        """Falls silent without a goodbye."""
        self._zeroconf.zeroconf.registry.async_remove(self._info)
        await self._zeroconf.async_close()


async def test_a_site_that_vanishes_without_goodbye_is_dropped_and_found_again(
    start: Start, service_type: str
) -> None:
    dublin = start("dublin")
    for _ in range(2):
        async with Shouter(service_type, "new-york", {"name": "new-york"}, near=dublin):
            await dublin.until(lambda site: site.sees == ["new-york"])
        await dublin.until(lambda site: site.sees == [])


@pytest.mark.parametrize(
    ("label", "properties", "address", "reason"),
    [
        ("nameless", {}, "", "not a site name"),
        ("path", {"name": "../../etc"}, "", "not a site name"),
        ("escape", {"name": "cork", "title": "\x1b[2J"}, "", "not printable"),
        ("bytes", {"name": b"\xff\xfe"}, "", "not UTF-8"),
        ("port", {"name": "cork", "whep": "99999"}, "", "not a port"),
        ("lan", {"name": "cork"}, "192.0.2.1", "none of its addresses"),
    ],
)
async def test_a_wrong_advertisement_is_left_out_with_one_line_and_the_right_one_found(
    *,
    start: Start,
    service_type: str,
    caplog: pytest.LogCaptureFixture,
    label: str,
    properties: dict[str, str | bytes],
    address: str,
    reason: str,
) -> None:
    caplog.set_level(logging.WARNING, logger="portal")
    dublin = start("dublin")
    async with Shouter(service_type, label, properties, near=dublin, address=address):
        await dublin.until(lambda _: reason in caplog.text)
        start("new-york")
        await dublin.until(lambda site: site.sees == ["new-york"])
    lines = [record.message for record in caplog.records if "left out" in record.message]
    assert len(lines) <= 2  # each of the two sites may say so once
    assert all(record.getMessage().isprintable() for record in caplog.records)


def _wire_name(name: str) -> bytes:
    labels = name.rstrip(".").split(".")
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


async def test_noise_on_the_port_disturbs_nobody(
    start: Start, service_type: str, caplog: pytest.LogCaptureFixture
) -> None:
    dublin, new_york = start("dublin"), start("new-york")
    await dublin.until(lambda site: site.sees == ["new-york"])
    control = b"\x07a\x07\x1b[2Jb" + _wire_name(service_type)  # a label that no terminal wants
    pointer = _wire_name(service_type) + struct.pack("!HHIH", 12, 1, 120, len(control)) + control
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as noise:
        noise.setsockopt(
            socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(dublin.address)
        )
        packets = (
            *(secrets.token_bytes(size) for size in (0, 1, 12, 100, 9000)),
            struct.pack("!6H", 0, 0x8400, 0, 0xFFFF, 0, 0) + b"\xc0\x0c" * 300,  # a name in itself
            struct.pack("!6H", 0, 0x8400, 0, 1, 0, 0) + pointer,
        )
        for packet in packets:
            noise.sendto(packet, ("224.0.0.251", 5353))
    await dublin.until(lambda _: "no service's name" in caplog.text)
    await new_york.close()
    await dublin.until(lambda site: site.sees == [])
    start("boston")
    await dublin.until(lambda site: site.sees == ["boston"])


async def test_where_multicast_is_impossible_it_is_a_fault_with_a_remedy(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_options: object) -> AsyncZeroconf:
        raise OSError(98, "Address already in use")

    with monkeypatch.context() as patch:
        patch.setattr("portal.peers.discovery.AsyncZeroconf", refuse)
        dublin = start("dublin")
        await dublin.until(lambda site: bool(site.state.snapshot.faults))
    assert "Address already in use" in dublin.state.snapshot.faults[0].message
    assert "5353" in dublin.state.snapshot.faults[0].remedy
    await dublin.until(lambda site: not site.state.snapshot.faults)

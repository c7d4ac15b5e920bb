"""Boxes on a real network: namespaces with a cable each to one switch, multicast included."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from portal.model import LinkState, LinkStatus, Snapshot
from portal.process import ChildProcess

pytestmark = pytest.mark.timeout(90)

WAIT_S = 20.0
_numbers = itertools.count()


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


class Network:
    """A switch in a namespace of its own, so that the machine's network is not touched."""

    def __init__(self) -> None:
        self._tag = f"portal{os.getpid()}-{next(_numbers)}"
        self._boxes = itertools.count(1)
        self._namespaces = [self._tag]
        ip("netns", "add", self._tag)
        self._switch("link", "add", "switch", "type", "bridge", "mcast_snooping", "0")
        self._switch("link", "set", "switch", "up")

    def plug(self) -> Box:
        number = next(self._boxes)
        box = Box(self, number, f"{self._tag}-{number}")
        self._namespaces.append(box.namespace)
        ip("netns", "add", box.namespace)
        ip("-n", box.namespace, "link", "set", "lo", "up")
        self._switch(
            *("link", "add", f"port{number}", "type", "veth"),
            *("peer", "name", "eth0", "netns", box.namespace),
        )
        self._switch("link", "set", f"port{number}", "master", "switch", "up")
        ip("-n", box.namespace, "addr", "add", f"{box.address}/24", "dev", "eth0")
        ip("-n", box.namespace, "addr", "add", f"{box.address6}/64", "dev", "eth0", "nodad")
        ip("-n", box.namespace, "link", "set", "eth0", "up")
        return box

    def cable(self, number: int, state: str) -> None:
        self._switch("link", "set", f"port{number}", state)

    def _switch(self, *arguments: str) -> None:
        ip("-n", self._tag, *arguments)

    def close(self) -> None:
        for namespace in self._namespaces:
            ip("netns", "del", namespace)


class Box:
    """A machine on the network; `start` is its daemon."""

    def __init__(self, network: Network, number: int, namespace: str) -> None:
        self._network = network
        self.number = number
        self.namespace = namespace
        self.address = f"10.77.0.{number}"
        self.address6 = f"fd77::{number}"
        self._process: ChildProcess | None = None
        self._snapshot: Snapshot | None = None
        self._changed = asyncio.Event()

    async def start(self, name: str, address: str = "0.0.0.0") -> None:
        self._snapshot = None
        self._process = await ChildProcess.spawn(
            [
                *("ip", "netns", "exec", self.namespace),
                *(sys.executable, "-m", "tests.fakes.site_on_network", name, address),
            ],
            name=name,
            on_line=self._read,
        )

    def _read(self, line: str) -> None:
        if line.startswith("{"):
            self._snapshot = msgspec.json.decode(line, type=Snapshot)
        self._changed.set()

    async def stop(self) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            assert await process.stop() == 0, process.last_lines

    async def kill(self) -> None:
        assert self._process is not None
        await self._process.stop(grace_s=0)
        self._process = None

    def pull_cable(self) -> None:
        self._network.cable(self.number, "down")

    def plug_cable(self) -> None:
        self._network.cable(self.number, "up")

    def move_to(self, address: str) -> None:
        ip("-n", self.namespace, "addr", "del", f"{self.address}/24", "dev", "eth0")
        ip("-n", self.namespace, "addr", "add", f"{address}/24", "dev", "eth0")
        self.address = address

    async def until(self, predicate: Callable[[Snapshot], bool]) -> float:
        """Seconds until its snapshot is so."""
        before = time.monotonic()
        try:
            async with asyncio.timeout(WAIT_S):
                while self._snapshot is None or not predicate(self._snapshot):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            said = self._process.last_lines[-3:] if self._process else ()
            pytest.fail(f"still {self._snapshot} {said}")
        return time.monotonic() - before

    async def until_link(self, state: LinkState, to: str = "") -> float:
        return await self.until(
            lambda snapshot: (
                snapshot.link.state is state
                and (not to or (snapshot.link.peer is not None and snapshot.link.peer.name == to))
            )
        )

    @property
    def link(self) -> LinkStatus:
        assert self._snapshot is not None
        return self._snapshot.link

    @property
    def faults(self) -> list[str]:
        assert self._snapshot is not None
        return [fault.message for fault in self._snapshot.faults]


@pytest.fixture
def network() -> Iterator[Network]:
    network = Network()
    yield network
    network.close()


@pytest.fixture
async def boxes(network: Network) -> AsyncIterator[list[Box]]:
    """Three machines, nothing running yet."""
    machines = [network.plug() for _ in range(3)]
    async with AsyncExitStack() as stack:
        for box in machines:
            stack.push_async_callback(box.stop)
        yield machines


async def test_two_boxes_find_each_other_and_neither_itself(boxes: list[Box]) -> None:
    dublin, new_york, _ = boxes
    await asyncio.gather(dublin.start("dublin"), new_york.start("new-york"))
    await asyncio.gather(
        dublin.until_link(LinkState.UP, "new-york"), new_york.until_link(LinkState.UP, "dublin")
    )
    assert dublin.link.peer is not None
    assert dublin.link.peer.address == new_york.address
    assert dublin.link.peer.title == "New York"
    assert dublin.link.peer.origin == "zeroconf"
    assert dublin.link.others == ()
    assert dublin.faults == []


async def test_a_box_that_gets_another_address_is_followed(boxes: list[Box]) -> None:
    dublin, new_york, _ = boxes
    await asyncio.gather(dublin.start("dublin"), new_york.start("new-york"))
    await asyncio.gather(dublin.until_link(LinkState.UP), new_york.until_link(LinkState.UP))
    new_york.move_to("10.77.0.99")
    took = await dublin.until(
        lambda snapshot: (
            snapshot.link.state is LinkState.UP
            and snapshot.link.peer is not None
            and snapshot.link.peer.address == "10.77.0.99"
        )
    )
    assert took < 10
    await new_york.until_link(LinkState.UP)


async def test_a_box_that_says_goodbye_is_lost_at_once_and_soon_forgotten(
    boxes: list[Box],
) -> None:
    dublin, new_york, _ = boxes
    await asyncio.gather(dublin.start("dublin"), new_york.start("new-york"))
    await dublin.until_link(LinkState.UP)
    stopping = asyncio.create_task(new_york.stop())
    assert await dublin.until_link(LinkState.LOST) < 3
    assert await dublin.until_link(LinkState.SEARCHING) < 10
    await stopping
    await new_york.start("new-york")
    await dublin.until_link(LinkState.UP)


async def test_a_box_whose_cable_is_pulled_is_lost_within_seconds_and_comes_back(
    boxes: list[Box],
) -> None:
    dublin, new_york, _ = boxes
    await asyncio.gather(dublin.start("dublin"), new_york.start("new-york"))
    await asyncio.gather(dublin.until_link(LinkState.UP), new_york.until_link(LinkState.UP))
    new_york.pull_cable()
    assert await dublin.until_link(LinkState.LOST) < 6
    await asyncio.gather(
        dublin.until_link(LinkState.SEARCHING), new_york.until_link(LinkState.SEARCHING)
    )
    new_york.plug_cable()
    await asyncio.gather(dublin.until_link(LinkState.UP), new_york.until_link(LinkState.UP))


async def test_a_box_that_crashes_and_restarts_is_linked_again(boxes: list[Box]) -> None:
    dublin, new_york, _ = boxes
    await asyncio.gather(dublin.start("dublin"), new_york.start("new-york"))
    await dublin.until_link(LinkState.UP)
    await new_york.kill()
    await dublin.until_link(LinkState.LOST)
    await new_york.start("new-york")
    await dublin.until_link(LinkState.UP)
    assert dublin.link.others == ()


async def test_of_three_boxes_the_first_seen_is_shown_and_the_other_listed(
    boxes: list[Box],
) -> None:
    dublin, new_york, boston = boxes
    await asyncio.gather(dublin.start("dublin"), new_york.start("new-york"))
    await dublin.until_link(LinkState.UP, "new-york")
    await boston.start("boston")
    await dublin.until(lambda snapshot: [p.name for p in snapshot.link.others] == ["boston"])
    assert dublin.link.peer is not None
    assert dublin.link.peer.name == "new-york"
    await new_york.kill()
    await dublin.until_link(LinkState.UP, "boston")
    assert dublin.link.others == ()


async def test_two_boxes_with_one_name_both_say_so_and_the_third_is_linked(
    boxes: list[Box],
) -> None:
    dublin, also_dublin, boston = boxes
    await asyncio.gather(
        dublin.start("dublin"), also_dublin.start("dublin"), boston.start("boston")
    )
    for one, other in ((dublin, also_dublin), (also_dublin, dublin)):
        await one.until(lambda snapshot: bool(snapshot.faults))
        assert one.faults == [
            f'another box on the network, at {other.address}, is also named "dublin"'
        ]
        await one.until_link(LinkState.UP, "boston")
    await also_dublin.stop()
    await dublin.until(lambda snapshot: not snapshot.faults)


async def test_a_box_that_starts_without_a_network_finds_the_other_once_it_is_there(
    boxes: list[Box],
) -> None:
    dublin, new_york, _ = boxes
    new_york.pull_cable()
    await asyncio.gather(dublin.start("dublin"), new_york.start("new-york"))
    await asyncio.gather(
        dublin.until_link(LinkState.SEARCHING), new_york.until_link(LinkState.SEARCHING)
    )
    new_york.plug_cable()
    await asyncio.gather(dublin.until_link(LinkState.UP), new_york.until_link(LinkState.UP))


async def test_boxes_that_listen_on_ipv6_find_each_other_there(boxes: list[Box]) -> None:
    dublin, new_york, _ = boxes
    await asyncio.gather(dublin.start("dublin", "::"), new_york.start("new-york", "::"))
    await asyncio.gather(dublin.until_link(LinkState.UP), new_york.until_link(LinkState.UP))
    assert dublin.link.peer is not None
    assert dublin.link.peer.address == new_york.address6


async def test_avahi_on_the_same_boxes_is_no_obstacle_and_goes_on_working(
    boxes: list[Box], tmp_path: Path
) -> None:
    dublin, new_york, _ = boxes
    async with AsyncExitStack() as stack:
        for box in (dublin, new_york):
            avahi = await _start_avahi(box, tmp_path)
            stack.push_async_callback(avahi.stop)
        await asyncio.gather(dublin.start("dublin"), new_york.start("new-york"))
        await asyncio.gather(dublin.until_link(LinkState.UP), new_york.until_link(LinkState.UP))
        assert dublin.faults == []
        resolved = await _resolve(dublin, f"avahi{new_york.number}.local.")
        assert new_york.address in resolved.split()
        new_york.pull_cable()
        await dublin.until_link(LinkState.SEARCHING)
        new_york.plug_cable()
        await asyncio.gather(dublin.until_link(LinkState.UP), new_york.until_link(LinkState.UP))


async def _start_avahi(box: Box, folder: Path) -> ChildProcess:
    """avahi-daemon as Debian sets it up, but without D-Bus and in a /run of its own."""
    configuration = folder / f"avahi{box.number}.conf"
    configuration.write_text(
        f"[server]\nhost-name=avahi{box.number}\nenable-dbus=no\nuse-ipv6=no\n"
        "[publish]\npublish-workstation=no\n"
    )
    return await ChildProcess.spawn(
        [
            *("ip", "netns", "exec", box.namespace, "sh", "-c"),
            "mount -t tmpfs tmpfs /run && mkdir /run/avahi-daemon && chown avahi /run/avahi-daemon "
            f"&& exec avahi-daemon --no-chroot --no-drop-root -f {configuration}",
        ],
        name="avahi-daemon",
    )


async def _resolve(box: Box, host: str) -> str:
    """Ask the network from `box`, past its own avahi."""
    program = (
        "import asyncio, sys\n"
        "from zeroconf import AddressResolverIPv4\n"
        "from zeroconf.asyncio import AsyncZeroconf\n"
        "async def main():\n"
        f"    zeroconf = AsyncZeroconf(interfaces=[{box.address!r}])\n"
        f"    resolver = AddressResolverIPv4({host!r})\n"
        "    await resolver.async_request(zeroconf.zeroconf, 5000)\n"
        "    print(*resolver.parsed_addresses())\n"
        "    await zeroconf.async_close()\n"
        "asyncio.run(main())\n"
    )
    child = await ChildProcess.spawn(
        ["ip", "netns", "exec", box.namespace, sys.executable, "-c", program], name="resolve"
    )
    await child.wait()
    return " ".join(child.last_lines)

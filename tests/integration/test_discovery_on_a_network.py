"""Boxes on a real network, multicast included."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from portal.process import ChildProcess
from portal.words import LinkState
from tests.integration.linked_box import Box
from tests.network import Machine, network
from tests.tries import best_of_three

pytestmark = pytest.mark.timeout(240)


@pytest_asyncio.fixture
async def boxes() -> AsyncIterator[list[Box]]:
    """Three machines, nothing running yet."""
    with network(3, ipv6=True) as machines:
        found = [Box(machine) for machine in machines]
        async with AsyncExitStack() as stack:
            for box in found:
                stack.push_async_callback(box.stop)
            yield found


async def test_two_boxes_find_each_other_and_neither_itself(boxes: list[Box]) -> None:
    dublin, new_york, _ = boxes
    await asyncio.gather(dublin.start("dublin"), new_york.start("new-york"))
    await asyncio.gather(
        dublin.until_link(LinkState.UP, "new-york"), new_york.until_link(LinkState.UP, "dublin")
    )
    assert dublin.link.peer is not None
    assert dublin.link.peer.address == new_york.machine.address
    assert dublin.link.peer.title == "New York"
    assert dublin.link.peer.origin == "zeroconf"
    assert dublin.link.others == ()
    assert dublin.faults == []


async def test_a_box_that_gets_another_address_is_followed(boxes: list[Box]) -> None:
    dublin, new_york, _ = boxes
    await asyncio.gather(dublin.start("dublin"), new_york.start("new-york"))
    await asyncio.gather(dublin.until_link(LinkState.UP), new_york.until_link(LinkState.UP))
    addresses = iter(("10.78.0.99", "10.78.0.98", "10.78.0.97"))

    async def followed() -> float:
        address = next(addresses)
        new_york.machine.move_to(address)
        return await dublin.until(
            lambda snapshot: (
                snapshot.link.state is LinkState.UP
                and snapshot.link.peer is not None
                and snapshot.link.peer.address == address
            )
        )

    await best_of_three(followed, below=10)
    await new_york.until_link(LinkState.UP)


async def test_a_box_that_says_goodbye_is_lost_at_once_and_soon_forgotten(
    boxes: list[Box],
) -> None:
    dublin, new_york, _ = boxes
    await asyncio.gather(dublin.start("dublin"), new_york.start("new-york"))
    forgotten: list[float] = []

    async def lost() -> float:
        await dublin.until_link(LinkState.UP)
        stopping = asyncio.create_task(new_york.stop())
        took = await dublin.until_link(LinkState.LOST)
        forgotten.append(await dublin.until_link(LinkState.SEARCHING))
        await stopping
        await new_york.start("new-york")
        await dublin.until_link(LinkState.UP)
        return took

    await best_of_three(lost, below=3)
    assert min(forgotten) < 10, forgotten


async def test_a_box_whose_cable_is_pulled_is_lost_within_seconds_and_comes_back(
    boxes: list[Box],
) -> None:
    dublin, new_york, _ = boxes
    await asyncio.gather(dublin.start("dublin"), new_york.start("new-york"))
    await asyncio.gather(dublin.until_link(LinkState.UP), new_york.until_link(LinkState.UP))

    async def lost() -> float:
        new_york.machine.pull_cable()
        took = await dublin.until_link(LinkState.LOST)
        await asyncio.gather(
            dublin.until_link(LinkState.SEARCHING), new_york.until_link(LinkState.SEARCHING)
        )
        new_york.machine.plug_cable()
        await asyncio.gather(dublin.until_link(LinkState.UP), new_york.until_link(LinkState.UP))
        return took

    await best_of_three(lost, below=6)


async def test_a_box_that_crashes_and_restarts_is_linked_again(boxes: list[Box]) -> None:
    dublin, new_york, _ = boxes
    await asyncio.gather(dublin.start("dublin"), new_york.start("new-york"))
    await dublin.until_link(LinkState.UP)
    await new_york.kill()
    await dublin.until_link(LinkState.LOST)
    await new_york.start("new-york")
    await dublin.until(
        lambda snapshot: snapshot.link.state is LinkState.UP and snapshot.link.others == ()
    )


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
    await dublin.until(lambda snapshot: snapshot.link.others == ())


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
            f'another box on the network, at {other.machine.address}, is also named "dublin"'
        ]
        await one.until_link(LinkState.UP, "boston")
    await also_dublin.stop()
    await dublin.until(lambda snapshot: not snapshot.faults)


async def test_a_box_that_starts_without_a_network_finds_the_other_once_it_is_there(
    boxes: list[Box],
) -> None:
    dublin, new_york, _ = boxes
    new_york.machine.pull_cable()
    await asyncio.gather(dublin.start("dublin"), new_york.start("new-york"))
    await asyncio.gather(
        dublin.until_link(LinkState.SEARCHING), new_york.until_link(LinkState.SEARCHING)
    )
    new_york.machine.plug_cable()
    await asyncio.gather(dublin.until_link(LinkState.UP), new_york.until_link(LinkState.UP))


async def test_boxes_that_listen_on_ipv6_find_each_other_there(boxes: list[Box]) -> None:
    dublin, new_york, _ = boxes
    await asyncio.gather(dublin.start("dublin", "::"), new_york.start("new-york", "::"))
    await asyncio.gather(dublin.until_link(LinkState.UP), new_york.until_link(LinkState.UP))
    assert dublin.link.peer is not None
    assert dublin.link.peer.address == new_york.machine.address6


async def test_avahi_on_the_same_boxes_is_no_obstacle_and_goes_on_working(
    boxes: list[Box], tmp_path: Path
) -> None:
    dublin, new_york, _ = boxes
    async with AsyncExitStack() as stack:
        for box in (dublin, new_york):
            avahi = await _start_avahi(box.machine, tmp_path)
            stack.push_async_callback(avahi.stop)
        await asyncio.gather(dublin.start("dublin"), new_york.start("new-york"))
        await asyncio.gather(dublin.until_link(LinkState.UP), new_york.until_link(LinkState.UP))
        assert dublin.faults == []
        resolved = await _resolve(dublin.machine, f"avahi{new_york.machine.number}.local.")
        assert new_york.machine.address in resolved.split()
        new_york.machine.pull_cable()
        await dublin.until_link(LinkState.SEARCHING)
        new_york.machine.plug_cable()
        await asyncio.gather(dublin.until_link(LinkState.UP), new_york.until_link(LinkState.UP))


async def _start_avahi(machine: Machine, folder: Path) -> ChildProcess:
    """avahi-daemon as Debian sets it up, but without D-Bus and in a /run of its own."""
    configuration = folder / f"avahi{machine.number}.conf"
    configuration.write_text(
        f"[server]\nhost-name=avahi{machine.number}\nenable-dbus=no\nuse-ipv6=no\n"
        "[publish]\npublish-workstation=no\n"
    )
    script = (
        "mount -t tmpfs tmpfs /run && mkdir /run/avahi-daemon && chown avahi /run/avahi-daemon "
        f"&& exec avahi-daemon --no-chroot --no-drop-root -f {configuration}"
    )
    return await ChildProcess.spawn(
        machine.inside(["sh", "-c", script]),
        name="avahi-daemon",
    )


async def _resolve(machine: Machine, host: str) -> str:
    """Ask the network from `machine`, past its own avahi."""
    program = (
        "import asyncio, sys\n"
        "from zeroconf import AddressResolverIPv4\n"
        "from zeroconf.asyncio import AsyncZeroconf\n"
        "async def main():\n"
        f"    zeroconf = AsyncZeroconf(interfaces=[{machine.address!r}])\n"
        f"    resolver = AddressResolverIPv4({host!r})\n"
        "    await resolver.async_request(zeroconf.zeroconf, 5000)\n"
        "    print(*resolver.parsed_addresses())\n"
        "    await zeroconf.async_close()\n"
        "asyncio.run(main())\n"
    )
    child = await ChildProcess.spawn(
        machine.inside([sys.executable, "-c", program]), name="resolve"
    )
    await child.wait()
    return " ".join(child.last_lines)

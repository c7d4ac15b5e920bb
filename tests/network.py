"""Machines on one switch: namespaces with a cable each, cut in the ways that networks fail."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_numbers = itertools.count()


def _run(*argv: str) -> str:
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stderr.strip()}"
    return done.stdout


class Machine:
    """One namespace with `eth0`; nothing in it reaches the machine that runs the test."""

    def __init__(self, switch: str, number: int) -> None:
        self.number = number
        self.namespace = f"{switch}-{number}"
        self.address = f"10.78.0.{number}"
        self.address6 = f"fd78::{number}"
        self._switch = switch
        self._port = f"port{number}"
        # ip-netns(8) lays it over /etc/hosts for what it starts.
        self._hosts = Path("/etc/netns") / self.namespace / "hosts"

    def inside(self, argv: Sequence[str]) -> list[str]:
        """The command that runs `argv` in the machine; its process id is the command's."""
        return ["ip", "netns", "exec", self.namespace, *argv]

    def run(self, *argv: str) -> str:
        """Run to the end. Raises `AssertionError`."""
        return _run(*self.inside(argv))

    def pull_cable(self) -> None:
        """The machine sees its link go down."""
        _run("ip", "-n", self._switch, "link", "set", self._port, "down")

    def plug_cable(self) -> None:
        _run("ip", "-n", self._switch, "link", "set", self._port, "up")

    @contextmanager
    def unplugged(self) -> Iterator[None]:
        self.pull_cable()
        try:
            yield
        finally:
            self.plug_cable()

    @contextmanager
    def dropping(self, rule: str) -> Iterator[None]:
        """What comes in from the network and matches the nft `rule` ("" for all) is lost, without
        a word to either side."""
        self.run("nft", "add", "table", "inet", "fault")
        self.run("nft", "add chain inet fault in { type filter hook input priority 0; }")
        self.run("nft", f'add rule inet fault in iifname "eth0" {rule} drop')
        try:
            yield
        finally:
            self.run("nft", "delete", "table", "inet", "fault")

    @contextmanager
    def hosts(self, names: Mapping[str, str]) -> Iterator[None]:
        """Names that programs started from now on know; `forget_hosts` is a DNS that went away."""
        self._hosts.parent.mkdir(parents=True)
        lines = [f"{address} {name}" for name, address in names.items()]
        self._hosts.write_text("\n".join(["127.0.0.1 localhost", *lines, ""]))
        try:
            yield
        finally:
            shutil.rmtree(self._hosts.parent)

    def forget_hosts(self) -> None:
        self._hosts.write_text("127.0.0.1 localhost\n")

    def move_to(self, address: str) -> None:
        """As DHCP does when the lease ends."""
        _run("ip", "-n", self.namespace, "addr", "del", f"{self.address}/24", "dev", "eth0")
        _run("ip", "-n", self.namespace, "addr", "add", f"{address}/24", "dev", "eth0")
        self.address = address


@contextmanager
def network(machines: int, *, ipv6: bool = False) -> Iterator[list[Machine]]:
    """Removed with everything in it at the end; the machine's own network is not touched. Without
    `ipv6` the machines have but link-local addresses of that."""
    switch = f"portal{os.getpid()}-{next(_numbers)}"
    plugged: list[Machine] = []
    _run("ip", "netns", "add", switch)
    try:
        _run("ip", "-n", switch, "link", "add", "switch", "type", "bridge", "mcast_snooping", "0")
        _run("ip", "-n", switch, "link", "set", "switch", "up")
        for number in range(1, machines + 1):
            machine = Machine(switch, number)
            _run("ip", "netns", "add", machine.namespace)
            plugged.append(machine)
            _plug(machine, switch, ipv6=ipv6)
        yield plugged
    finally:
        for namespace in (switch, *(machine.namespace for machine in plugged)):
            _run("ip", "netns", "del", namespace)


def _plug(machine: Machine, switch: str, *, ipv6: bool) -> None:
    name, port = machine.namespace, f"port{machine.number}"
    _run("ip", "-n", name, "link", "set", "lo", "up")
    _run(
        *("ip", "-n", switch, "link", "add", port, "type", "veth"),
        *("peer", "name", "eth0", "netns", name),
    )
    _run("ip", "-n", switch, "link", "set", port, "master", "switch", "up")
    _run("ip", "-n", name, "addr", "add", f"{machine.address}/24", "dev", "eth0")
    if ipv6:
        _run("ip", "-n", name, "addr", "add", f"{machine.address6}/64", "dev", "eth0", "nodad")
    _run("ip", "-n", name, "link", "set", "eth0", "up")

"""Two machines on one switch: namespaces with a cable each, cut in the ways that networks fail."""

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

    def __init__(self, namespace: str, address: str, port: str, switch: str) -> None:
        self.namespace = namespace
        self.address = address
        self._port = port
        self._switch = switch
        # ip-netns(8) lays it over /etc/hosts for what it starts.
        self._hosts = Path("/etc/netns") / namespace / "hosts"

    def inside(self, argv: Sequence[str]) -> list[str]:
        """The command that runs `argv` in the machine; its process id is the command's."""
        return ["ip", "netns", "exec", self.namespace, *argv]

    def run(self, *argv: str) -> str:
        """Run to the end. Raises `AssertionError`."""
        return _run(*self.inside(argv))

    @contextmanager
    def unplugged(self) -> Iterator[None]:
        """The cable is out: the machine sees its link go down."""
        _run("ip", "-n", self._switch, "link", "set", self._port, "down")
        try:
            yield
        finally:
            _run("ip", "-n", self._switch, "link", "set", self._port, "up")

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
def network() -> Iterator[tuple[Machine, Machine]]:
    """Removed with everything in it at the end; the machine's own network is not touched."""
    tag = f"pf{os.getpid()}-{next(_numbers)}"
    names = [tag]
    _run("ip", "netns", "add", tag)
    try:
        _run("ip", "-n", tag, "link", "add", "switch", "type", "bridge", "mcast_snooping", "0")
        _run("ip", "-n", tag, "link", "set", "switch", "up")
        machines = []
        for number in (1, 2):
            name, port = f"{tag}-{number}", f"port{number}"
            _run("ip", "netns", "add", name)
            names.append(name)
            _run("ip", "-n", name, "link", "set", "lo", "up")
            _run(
                *("ip", "-n", tag, "link", "add", port, "type", "veth"),
                *("peer", "name", "eth0", "netns", name),
            )
            _run("ip", "-n", tag, "link", "set", port, "master", "switch", "up")
            address = f"10.78.0.{number}"
            _run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
            _run("ip", "-n", name, "link", "set", "eth0", "up")
            machines.append(Machine(name, address, port, tag))
        yield machines[0], machines[1]
    finally:
        for name in names:
            _run("ip", "netns", "del", name)

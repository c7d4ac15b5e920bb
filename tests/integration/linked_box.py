"""A box on a network: the half of its daemon that finds the others, and what it knows of them."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable

import msgspec
import pytest

from portal.model import LinkStatus, Snapshot
from portal.process import ChildProcess
from portal.words import LinkState
from tests.network import Machine

WAIT_S = 40.0


class Box:
    """Its `machine` is on the network; `start` is its daemon."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._process: ChildProcess | None = None
        self._snapshot: Snapshot | None = None
        self._changed = asyncio.Event()

    async def start(self, name: str, address: str = "0.0.0.0") -> None:
        self._snapshot = None
        self._process = await ChildProcess.spawn(
            self.machine.inside(
                [sys.executable, "-m", "tests.fakes.site_on_network", name, address]
            ),
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

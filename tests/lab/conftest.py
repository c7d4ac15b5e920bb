"""The machine, booted once for all tests; the portal in it and a screen outside, new for each."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Generator, Iterator
from dataclasses import dataclass
from os import environ
from pathlib import Path

import pytest
import pytest_asyncio

from tests.conftest import unused_loopback
from tests.e2e.conftest import browser
from tests.lab.guest_site import FORWARDS, VIVID, GuestSite
from tests.lab.image import ensure_image
from tests.lab.payload import ensure_payload
from tests.lab.tools import check_host
from tests.lab.vm import VirtualMachine, booted

__all__ = ["browser"]  # the e2e tests' Chromium, as a fixture here too

_MACHINE = pytest.StashKey[VirtualMachine]()


@pytest.fixture(scope="session")
def machine(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[VirtualMachine]:
    """Debian's kernel with the checkout's package installed; nothing is running yet.

    PORTAL_LAB names the address of one that `python -m tests.lab boot` keeps up instead.
    """
    if address := environ.get("PORTAL_LAB"):
        yield VirtualMachine(None, address=address, serial_log=Path(os.devnull))
        return
    check_host()
    image, payload = ensure_image(), ensure_payload()
    with booted(
        image,
        address=unused_loopback(),
        forwards=FORWARDS,
        drives=[payload],
        work_dir=tmp_path_factory.mktemp("machine"),
    ) as running:
        pytestconfig.stash[_MACHINE] = running
        yield running
        del pytestconfig.stash[_MACHINE]


@pytest.fixture
def settings() -> str:
    """What follows the shared part of the box's `portal.toml`. A module or a test has its own."""
    return VIVID


@pytest_asyncio.fixture
async def site(machine: VirtualMachine, settings: str) -> AsyncIterator[GuestSite]:
    """The portal in the machine, started by systemd, without a camera."""
    guest = GuestSite(machine, settings)
    try:
        await guest.start()
        yield guest
    finally:
        await guest.stop()


@dataclass(frozen=True, slots=True)
class ScreenSite:
    """A site on the host whose screen shows the one in the machine."""

    kiosk: str


@pytest_asyncio.fixture
async def screen_site(
    site: GuestSite, loopback: str, state_dir: Path, tmp_path: Path
) -> AsyncIterator[ScreenSite]:
    config = tmp_path / "portal.toml"
    config.write_text(
        f"""
        [site]
        name = "screen"
        address = "{loopback}"
        [video]
        width = 160
        height = 90
        fps = 5
        [[cameras]]
        name = "pattern"
        source = "pattern"
        [[peers]]
        name = "lab"
        address = "{site.address}"
        [discovery]
        enabled = false
        """
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "portal",
        "--config",
        str(config),
        "run",
        env={**environ, "PORTAL_STATE_DIR": str(state_dir)},
    )
    try:
        yield ScreenSite(kiosk=f"http://{loopback}:8080/kiosk/")
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), timeout=30) == 0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With a failure: what the machine's services and its kernel said last."""
    report = yield
    machine = item.config.stash.get(_MACHINE, None)
    if report.failed and machine is not None:
        report.sections.append(("machine's console", machine.serial_tail()))
        if machine.is_running:
            report.sections.append(("machine's journal", _journal(machine)))
    return report


def _journal(machine: VirtualMachine) -> str:
    try:
        return machine.output("journalctl --no-pager -b -n 120 -o short-monotonic", timeout_s=20)
    except AssertionError as exc:
        return str(exc)

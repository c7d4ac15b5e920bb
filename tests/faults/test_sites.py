"""What happens to a site as a whole: it moves, gets another name or version, loses DNS or disk."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Literal

import pytest

from tests.faults.box import Box
from tests.faults.world import World, world
from tests.tries import best_of_three

pytestmark = pytest.mark.timeout(400)

_NOTHING_S = 0.001


@asynccontextmanager
async def told(
    folder: Path, found_by: Literal["address", "name", "zeroconf"]
) -> AsyncIterator[World]:
    """A world whose story is told when a test in it fails."""
    async with world(folder, found_by=found_by) as sites:
        try:
            yield sites
        except (AssertionError, TimeoutError) as exc:
            raise AssertionError(f"{exc!r}\n{sites.story}") from exc


async def test_sites_that_find_each_other_follow_a_move_and_a_new_name(tmp_path: Path) -> None:
    async with told(tmp_path, "zeroconf") as sites:
        sites.dublin.machine.move_to("10.78.0.9")
        moved = await sites.screen.until_live(time.time(), within_s=60)
        async with asyncio.timeout(60):
            while (await peer(sites.new_york)).get("address") != "10.78.0.9":  # noqa: ASYNC110 - it tells no event
                await asyncio.sleep(0.2)

        sites.dublin.rewrite('name = "dublin"', 'name = "cork"')
        await sites.dublin.restart_daemon()
        renamed = await sites.screen.until_live(time.time(), within_s=60)
        async with asyncio.timeout(60):
            while (await peer(sites.new_york)).get("name") != "cork":  # noqa: ASYNC110 - it tells no event
                await asyncio.sleep(0.2)
        print(f"moved: {moved:.1f} s; renamed: {renamed:.1f} s")


async def test_a_peer_of_another_version_is_shown_like_any_other(tmp_path: Path) -> None:
    async with told(tmp_path, "address") as sites:
        versions = iter(("9.9.7", "9.9.8", "9.9.9"))

        async def interrupted() -> float:
            began, version = time.time(), next(versions)
            await sites.dublin.restart_daemon(version=version)
            async with asyncio.timeout(60):
                while (await remote(sites.new_york)).get("version") != version:  # noqa: ASYNC110 - it tells no event
                    await asyncio.sleep(0.2)
            return await sites.screen.until_live(began, within_s=60)

        await best_of_three(interrupted, below=_NOTHING_S)
        assert sites.page.loads == 1, "another box's version is no reason to load the page again"

        await sites.new_york.restart_daemon(version="9.9.9")
        took = await sites.screen.until_live(time.time(), within_s=60)
        async with asyncio.timeout(40):
            while sites.page.loads == 1:  # noqa: ASYNC110 - it tells no event
                await asyncio.sleep(0.1)
        print(f"the own box updated: {took:.1f} s without a picture")


async def test_the_picture_survives_that_names_are_no_longer_known(tmp_path: Path) -> None:
    async with told(tmp_path, "name") as sites:
        sites.new_york.machine.forget_hosts()
        await best_of_three(partial(interruption, sites), below=_NOTHING_S)

        began = time.time()
        await sites.dublin.signal("ffmpeg", signal.SIGKILL)
        print(f"without DNS: {await sites.screen.until_live(began, within_s=60):.1f} s")

        with sites.new_york.machine.unplugged():
            await asyncio.sleep(15)  # longer than a resolver's cache
        print(f"and a cut: {await sites.screen.until_live(time.time(), within_s=60):.1f} s")


@contextmanager
def small_disk(path: Path) -> Iterator[None]:
    """2 MB at `path`."""
    path.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "portal", path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True)


async def test_a_full_disk_costs_no_picture_and_no_recovery(tmp_path: Path) -> None:
    with small_disk(tmp_path / "dublin" / "state"):
        async with told(tmp_path, "address") as sites:
            with sites.dublin.full_disk():
                await best_of_three(partial(interruption, sites), below=_NOTHING_S)
                for process in ("ffmpeg", "mediamtx", "daemon"):
                    began = time.time()
                    await sites.dublin.signal(process, signal.SIGKILL)
                    took = await sites.screen.until_live(began, within_s=60)
                    print(f"{process} killed on a full disk: {took:.1f} s")
                    await until_up(sites.dublin)
            paused = await sites.dublin.request("POST", "/api/v1/camera", {"paused": True})
            assert paused, "the disk has space again: what people choose is kept"


async def interruption(sites: World) -> float:
    """Of the picture, in the seconds to come."""
    return await sites.screen.until_live(time.time(), within_s=60)


async def until_up(box: Box) -> None:
    async with asyncio.timeout(60):
        while (await box.state()).get("camera", {}).get("state") != "live":  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def remote(box: Box) -> dict[str, str]:
    """What the other site said of itself; {} while it did not."""
    return dict((await box.state()).get("link", {}).get("remote") or {})


async def peer(box: Box) -> dict[str, str]:
    return dict((await box.state()).get("link", {}).get("peer") or {})

"""Runs the camera inventory alone and prints its part of each snapshot as a JSON line.

python -m tests.fakes.watch_cameras portal.toml state-directory

The file `choice` in the state directory is a person's choice.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import NoReturn

import msgspec

from portal.cameras.inventory import CameraInventory
from portal.config import load_config
from portal.model import SiteStatus, Snapshot
from portal.state import StateBoard
from portal.store import Store


async def follow_choice(state: StateBoard, choice: Path) -> NoReturn:
    while True:
        await asyncio.sleep(0.05)
        with contextlib.suppress(FileNotFoundError):
            state.update(chosen=choice.read_text())
            choice.unlink()


async def main(config: Path, state_dir: Path) -> NoReturn:
    site = SiteStatus(name="here", title="Here", version="0", started_at=0.0)
    state = StateBoard(Snapshot(site=site))
    inventory = CameraInventory(load_config(config), state, Store(state_dir))
    async with asyncio.TaskGroup() as group:
        group.create_task(inventory.run())
        group.create_task(follow_choice(state, state_dir / "choice"))
        seen = b""
        async for snapshot in state.subscribe():
            elected = snapshot.elected
            line = msgspec.json.encode(
                {
                    "cameras": snapshot.cameras,
                    "faults": snapshot.faults,
                    "published": elected.device if elected else None,
                }
            )
            if line != seen:
                seen = line
                print(line.decode(), flush=True)
    raise AssertionError("unreachable")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))

"""Runs the camera inventory alone and prints its part of each snapshot as a JSON line.

python -m tests.fakes.watch_cameras [portal.toml]
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import NoReturn

import msgspec

from portal.cameras.inventory import CameraInventory
from portal.config import Config, load_config
from portal.model import SiteStatus, Snapshot
from portal.state import StateBoard


async def main() -> NoReturn:
    config = load_config(Path(sys.argv[1])) if len(sys.argv) > 1 else Config()
    site = SiteStatus(name="here", title="Here", version="0", started_at=0.0)
    state = StateBoard(Snapshot(site=site))
    async with asyncio.TaskGroup() as group:
        group.create_task(CameraInventory(config, state).run())
        seen = b""
        async for snapshot in state.subscribe():
            line = msgspec.json.encode({"cameras": snapshot.cameras, "faults": snapshot.faults})
            if line != seen:
                seen = line
                print(line.decode(), flush=True)
    raise AssertionError("unreachable")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())

"""Dublin has the camera, New York the screen: the whole product on two machines of one network."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.camera import StampedCamera, stamped_camera
from bench.source import Mode
from tests.faults.box import Box
from tests.faults.kiosk_screen import KioskScreen, kiosk_screen
from tests.faults.screen import Screen, screen
from tests.network import network

MODE = Mode(width=640, height=360, fps=15)


@dataclass(frozen=True, slots=True)
class World:
    """Both sites run, and the screen of the second shows the first's camera."""

    dublin: Box
    new_york: Box
    screen: Screen | KioskScreen
    camera: StampedCamera

    @property
    def page(self) -> Screen:
        """Of a world without `kiosk`."""
        assert isinstance(self.screen, Screen)
        return self.screen

    @property
    def kiosk(self) -> KioskScreen:
        """Of a world with one."""
        assert isinstance(self.screen, KioskScreen)
        return self.screen

    @property
    def story(self) -> str:
        """For a failed test."""
        return f"--- Dublin\n{self.dublin.said}\n--- New York\n{self.new_york.said}"


@contextlib.asynccontextmanager
async def world(
    folder: Path,
    *,
    found_by: Literal["address", "name", "zeroconf"] = "address",
    kiosk: bool = False,
    media_server: str = "",
) -> AsyncIterator[World]:
    """The picture is live when this yields. `found_by`: how each site knows where the other is;
    "name" is one in the machines' hosts file. With `kiosk` the screen is a compositor with
    `portal kiosk` on it, else the page in a browser that tells each frame. `media_server`: the
    MediaMTX that both run, "" for the installed one."""
    with network(2) as (one, two):
        async with contextlib.AsyncExitStack() as stack:
            if found_by == "name":
                for machine in (one, two):
                    stack.enter_context(
                        machine.hosts({"dublin.example": one.address, "ny.example": two.address})
                    )
            camera = await stack.enter_async_context(stamped_camera(folder, MODE))
            known = {
                "address": {"dublin": one.address, "new-york": two.address},
                "name": {"dublin": "dublin.example", "new-york": "ny.example"},
                "zeroconf": {"dublin": "", "new-york": ""},
            }[found_by]
            server = f'[media_server]\nbinary = "{media_server}"\n' if media_server else ""
            dublin = Box(
                one,
                _config("dublin", camera=camera.section, peer=("new-york", known["new-york"]))
                + server,
                folder / "dublin",
            )
            new_york = Box(
                two,
                _config("new-york", peer=("dublin", known["dublin"])) + server,
                folder / "new-york",
            )
            await stack.enter_async_context(dublin.running())
            await stack.enter_async_context(new_york.running())
            shown: Screen | KioskScreen = await stack.enter_async_context(
                kiosk_screen(two, MODE) if kiosk else screen(two, folder)
            )
            whole = World(dublin, new_york, shown, camera)
            try:
                await shown.until_live(time.time(), within_s=60)
            except AssertionError as exc:
                raise AssertionError(f"{exc}\n{whole.story}") from exc
            yield whole


def _config(name: str, *, camera: str = "", peer: tuple[str, str]) -> str:
    """A site that listens on all its addresses, as a box does. A peer without address is looked
    for by zeroconf."""
    text = f'[site]\nname = "{name}"\naddress = "0.0.0.0"\n'
    text += "[video]\nwidth = 640\nheight = 360\nfps = 15\nbitrate_kbps = 1000\n"
    text += '[kiosk]\nself_view = "never"\n'
    text += camera
    if peer[1]:
        text += (
            f'[discovery]\nenabled = false\n[[peers]]\nname = "{peer[0]}"\naddress = "{peer[1]}"\n'
        )
    return text

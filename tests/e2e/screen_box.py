"""A whole box with its screen: the other site's camera, two real daemons with their MediaMTX, and
`portal kiosk` as an ordinary user on a television without hardware."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray
from PIL import Image

from bench import stamp
from bench.camera import stamped_camera
from bench.measure import age_ms
from bench.source import Mode
from portal.process import ChildProcess
from tests.e2e.ordinary_user import OrdinaryUser
from tests.e2e.television import Television
from tests.fakes.stamped_camera import CORNERS, place

FPS = 10
# A picture older than this is no window.
_FRESH_MS = 1500


def toml(name: str, address: str, peer: str, peer_address: str, more: str = "") -> str:
    return (
        f'[site]\nname = "{name}"\naddress = "{address}"\n'
        f'[[peers]]\nname = "{peer}"\naddress = "{peer_address}"\n'
        f"[discovery]\nenabled = false\n{more}"
    )


@asynccontextmanager
async def daemon(config: Path) -> AsyncIterator[ChildProcess]:
    """`portal run`, which need not be up yet. A MediaMTX that outlived it (a test killed it)
    is ended too."""
    state_dir = str(config.with_suffix("")) + "-state"
    process = await ChildProcess.spawn(
        [sys.executable, "-m", "portal", "--config", str(config), "run"],
        name=config.stem,
        env={**os.environ, "PORTAL_STATE_DIR": state_dir},
    )
    try:
        yield process
    finally:
        await process.stop(grace_s=15)
        for left in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if left.environ().get("PORTAL_STATE_DIR") == state_dir:
                    left.kill()
        print("\n".join(f"{config.stem}: {line}" for line in process.last_lines))


@asynccontextmanager
async def other_site(folder: Path, address: str, here: str, mode: Mode) -> AsyncIterator[None]:
    """New York, whose camera has stamps in its corners."""
    video = f"[video]\nwidth = {mode.width}\nheight = {mode.height}\nfps = {mode.fps}\n"
    config = folder / "new-york.toml"
    async with stamped_camera(folder, mode, program="tests.fakes.stamped_camera") as camera:
        config.write_text(toml("new-york", address, "dublin", here, video + camera.section))
        async with daemon(config):
            yield


@dataclass(slots=True)
class Screen:
    """`portal kiosk` and what is seen of it. `mode` is the picture's that it shows."""

    tv: Television
    process: ChildProcess
    mode: Mode
    lines: list[str] = field(default_factory=list)
    turned: int = 0

    async def picture(self) -> Image.Image:
        """What a person sees who looks at the screen as it is turned."""
        image = await self.tv.photograph()
        return image.rotate(-self.turned, expand=True) if self.turned else image

    async def age_ms(self) -> float | None:
        """How old the picture is by its clock; None when none fills the screen."""
        corners = read_corners(await self.picture(), self.mode)
        if any(corners[corner] != number for corner, number in CORNERS.items()):
            return None
        clock = corners[0]
        return None if clock is None else age_ms(time.time() * 1000, clock)

    async def until_live(self, *, within_s: float = 60) -> float:
        """Wait until the picture fills the screen, and moves; the seconds that it took."""
        began = time.monotonic()
        while True:
            age = await self.age_ms()
            if age is not None and age < _FRESH_MS:
                return time.monotonic() - began
            if time.monotonic() - began > within_s:
                photograph = Path(tempfile.gettempdir()) / "portal-kiosk-failed.png"
                (await self.tv.photograph()).save(photograph)
                raise AssertionError((f"see {photograph}", age, self.lines[-30:]))
            assert self.process.returncode is None, self.lines[-30:]
            await asyncio.sleep(0.1)

    async def until_said(self, words: str, *, after: int = 0, within_s: float = 60) -> str:
        """The first of its lines since `after` that has `words`."""
        began = time.monotonic()
        while True:
            for line in self.lines[after:]:
                if words in line:
                    return line
            assert time.monotonic() - began < within_s, (words, self.lines[-30:])
            await asyncio.sleep(0.05)

    async def until_color(self, color: tuple[int, int, int], *, within_s: float = 60) -> None:
        """Wait until it shows nothing else at its corners and edges."""
        seen: set[object] = set()
        async with asyncio.timeout(within_s):
            while seen != {color}:
                image = await self.picture()
                right, bottom = image.width - 1, image.height - 1
                places = [(x, y) for x in (0, right // 2, right) for y in (0, bottom)]
                seen = {image.getpixel(place) for place in places}

    async def until_lit(self, *, within_s: float = 60) -> None:
        """Wait until it shows anything."""
        async with asyncio.timeout(within_s):
            while np.asarray((await self.picture()).convert("L")).max() < 60:  # noqa: ASYNC110 - a screen tells no event
                await asyncio.sleep(0.1)

    def below(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []

    def compositor(self) -> psutil.Process:
        return next(one for one in self.below() if one.name() in {"cage", "weston", "labwc"})

    def browser(self) -> psutil.Process:
        """Chromium's main process."""
        return next(one for one in self.below() if _is_chromium(one) and _kind(one) == "")

    def chromium(self, kind: str) -> list[psutil.Process]:
        return [one for one in self.below() if _is_chromium(one) and _kind(one) == kind]


def _is_chromium(process: psutil.Process) -> bool:
    try:
        return process.name() == "chromium" and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _kind(process: psutil.Process) -> str:
    try:
        words = " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return "gone"
    found = re.search(r"--type=(\S+)", words)
    return found[1] if found else ""


@asynccontextmanager
async def screen(
    tv: Television,
    config: Path,
    mode: Mode,
    *arguments: str,
    turned: int = 0,
    env: Mapping[str, str] | None = None,
) -> AsyncIterator[Screen]:
    lines: list[str] = []
    timed: list[str] = []
    started = time.monotonic()

    def hear(line: str) -> None:
        lines.append(line)
        timed.append(f"{time.monotonic() - started:6.1f} {line}")

    process = await ChildProcess.spawn(
        [
            *tv.user.words,
            *(sys.executable, "-m", "portal", "-v", "kiosk", "--config", str(config), *arguments),
        ],
        name="kiosk",
        env={**tv.env, **(env or {})},
        on_line=hear,
    )
    try:
        yield Screen(tv, process, mode, lines, turned)
    finally:
        code = await process.stop(grace_s=20)
        print("\n".join(line for line in timed if "dbus" not in line))
    assert code == 0, lines[-30:]


def read_corners(image: Image.Image, mode: Mode) -> dict[int, int | None]:
    """The stamps of a screen that the picture of `mode` fills to its edges."""
    luma = np.asarray(image.convert("L").resize((mode.width, mode.height), Image.Resampling.BOX))
    return {corner: _read(luma, corner, mode) for corner in range(4)}


def _read(luma: NDArray[np.uint8], corner: int, mode: Mode) -> int | None:
    rows, columns = place(corner, mode.width, mode.height)
    return stamp.decode(luma[rows, columns])


def kiosk_config(user: OrdinaryUser, here: str, there: str, more: str = "") -> Path:
    """Dublin's portal.toml, where the kiosk's user can read it. Nothing covers its picture."""
    camera = '[[cameras]]\nname = "small"\nsource = "pattern"\n'
    camera += "[video]\nwidth = 160\nheight = 90\nfps = 5\n"
    quiet = '[kiosk]\nself_view = "never"\ntitle = false\nclock = false\n'
    return user.give("dublin.toml", toml("dublin", here, "new-york", there, camera + quiet + more))

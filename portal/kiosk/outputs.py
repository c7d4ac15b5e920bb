"""The screen as the compositor has it: mode, rotation, on and off, kept as the settings say.

Works where the compositor lets others manage its outputs (wlroots: labwc, cage since 0.1.5) and
wlr-randr is installed. A TV that is switched off and on may come back as a new output with the
compositor's defaults: each look puts it right again.
"""

from __future__ import annotations

import asyncio
import logging
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass

from portal.config import KioskSection
from portal.process import ChildProcess

_LOG = logging.getLogger(__name__)

# Answers in 5 ms. One that hangs does so because the compositor does, which others notice.
_LIMIT_S = 3.0
# What a screen refused: a TV that is just waking up takes it later.
_AGAIN_S = 60.0
_TRANSFORMS = {0: "normal", 90: "90", 180: "180", 270: "270"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One of them. `mode` is what it shows now, such as 1920x1080@60, "" while it is off."""

    name: str
    is_on: bool = False
    mode: str = ""
    transform: str = "normal"


def parse_outputs(text: str) -> tuple[Output, ...]:
    """What `wlr-randr` prints."""
    found: list[dict[str, object]] = []
    for line in text.splitlines():
        if line and not line[0].isspace():
            found.append({"name": line.split()[0]})
        elif found:
            _read_line(line.strip(), found[-1])
    return tuple(Output(**one) for one in found)  # type: ignore[arg-type] # as _read_line made them


# A screen without hardware has no rate.
_MODE = re.compile(r"(\d+x\d+) px(?:, ([\d.]+) Hz)?.*\bcurrent\b")


def _read_line(line: str, output: dict[str, object]) -> None:
    key, _, value = line.partition(": ")
    if key == "Enabled":
        output["is_on"] = value == "yes"
    elif key == "Transform":
        output["transform"] = value
    elif current := _MODE.match(line):
        output["mode"] = f"{current[1]}@{float(current[2] or 0):g}"


def changes(output: Output, kiosk: KioskSection, *, is_wanted: bool) -> list[str]:
    """wlr-randr's words that make `output` as it should be; [] when it is."""
    if not is_wanted or kiosk.output not in {"", output.name}:
        return ["--off"] if output.is_on else []
    words = [] if output.is_on else ["--on"]
    if output.transform != _TRANSFORMS[kiosk.rotate]:
        words += ["--transform", _TRANSFORMS[kiosk.rotate]]
    if kiosk.mode and not _is_mode(output.mode, kiosk.mode):
        words += ["--mode", kiosk.mode]
    return words


def _is_mode(current: str, wanted: str) -> bool:
    size, _, rate = wanted.partition("@")
    has_size, _, has_rate = current.partition("@")
    if size != has_size:
        return False
    wanted_rate = rate.lower().removesuffix("hz")
    return not wanted_rate or abs(float(wanted_rate) - float(has_rate)) < 0.5


class Outputs:
    """`reconcile()` looks, and puts right what differs."""

    def __init__(self, kiosk: KioskSection, env: Mapping[str, str]) -> None:
        self._kiosk = kiosk
        self._env = env
        self._refused: dict[tuple[str, ...], float] = {}  # until when it is not asked again

    async def reconcile(self, *, is_wanted: bool) -> tuple[Output, ...] | None:
        """The outputs as they were found; None where the compositor does not let us look."""
        if shutil.which("wlr-randr") is None:
            return None
        text = await self._run()
        if text is None:
            return None
        outputs = parse_outputs(text)
        # A name that this screen does not have must not make it dark.
        names = {output.name for output in outputs}
        kiosk = self._kiosk
        if kiosk.output and kiosk.output not in names:
            kiosk = KioskSection(mode=kiosk.mode, rotate=kiosk.rotate)
        for output in outputs:
            words = changes(output, kiosk, is_wanted=is_wanted)
            asked_again_at = self._refused.get((output.name, *words), 0.0)
            if words and time.monotonic() >= asked_again_at:
                await self._apply(output.name, words)
        return outputs

    async def _apply(self, name: str, words: list[str]) -> None:
        asked = (name, *words)
        if await self._run("--output", *asked) is not None:
            _LOG.info("screen %s: %s", name, " ".join(words))
            self._refused.pop(asked, None)
            return
        if asked not in self._refused:  # said once
            _LOG.warning("screen %s does not take %s", name, " ".join(words))
        self._refused[asked] = time.monotonic() + _AGAIN_S

    async def _run(self, *arguments: str) -> str | None:
        process = await ChildProcess.spawn(
            ["wlr-randr", *arguments], name="wlr-randr", env=self._env, keep_lines=500
        )
        try:
            async with asyncio.timeout(_LIMIT_S):
                code = await process.wait()
        except TimeoutError:
            return None
        finally:
            await process.stop(grace_s=0.1)
        return "\n".join(process.last_lines) if code == 0 else None

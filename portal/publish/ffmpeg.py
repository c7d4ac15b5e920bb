"""Which ffmpeg this box uses, and what it can do."""

from __future__ import annotations

import asyncio
import importlib
import shutil

import msgspec

from portal.errors import ProcessError
from portal.process import ChildProcess

_REMEDY = (
    "install it (apt install ffmpeg, or pip install imageio-ffmpeg), or name it in video.ffmpeg"
)


class FfmpegFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the doctor needs to know of an ffmpeg."""

    version: str
    has_libx264: bool
    has_drawtext: bool  # the test picture's name and clock


def find_ffmpeg(configured: str = "") -> str:
    """The configured program, else the one on PATH, else imageio-ffmpeg's.

    Raises `ProcessError`. May run the bundled program once to try it (~50 ms, blocking).
    """
    if configured:
        found = shutil.which(configured)
        if found is None:
            raise ProcessError(
                f"video.ffmpeg: {configured!r} is not a program that can be run",
                remedy="name another, or leave it out to use the one on PATH",
            )
        return found
    found = shutil.which("ffmpeg")
    if found is not None:
        return found
    try:
        bundled: str = importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe()
    except (ImportError, RuntimeError) as exc:
        raise ProcessError("no ffmpeg was found", remedy=_REMEDY) from exc
    return bundled


async def ffmpeg_facts(path: str) -> FfmpegFacts:
    """Ask the program itself. Raises `ProcessError` when it does not run."""
    version, encoders, filters = await asyncio.gather(
        _ask(path, "-version"), _ask(path, "-encoders"), _ask(path, "-filters")
    )
    words = version[0].split() if version else []
    if words[:2] != ["ffmpeg", "version"] or len(words) < 3:
        raise ProcessError(f"{path} does not answer as ffmpeg does", last_lines=version[-5:])
    return FfmpegFacts(
        version=words[2],
        has_libx264=_lists(encoders, "libx264"),
        has_drawtext=_lists(filters, "drawtext"),
    )


def _lists(lines: tuple[str, ...], name: str) -> bool:
    """The tables of ffmpeg have flags in the first column, the name in the second."""
    return any(line.split()[1:2] == [name] for line in lines)


async def _ask(path: str, option: str) -> tuple[str, ...]:
    child = await ChildProcess.spawn(
        [path, "-hide_banner", "-nostdin", option], name="ffmpeg", keep_lines=2000
    )
    try:
        code = await asyncio.wait_for(child.wait(), timeout=10)
    except TimeoutError as exc:
        raise ProcessError(f"{path} {option} gave no answer within 10 s") from exc
    finally:
        await child.stop()
    if code != 0:
        raise ProcessError(
            f"{path} {option} ended with {code}",
            remedy=_REMEDY,
            last_lines=child.last_lines[-5:],
        )
    return child.last_lines

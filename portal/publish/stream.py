"""What a piece of H.264 is made of, and whether screens can show it without delay."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from portal.errors import ProcessError
from portal.model import Value
from portal.process import ChildProcess

# Every browser shows these; the high profile not every one.
_PROFILES = {"Baseline", "Constrained Baseline", "Main"}
_PIXELS = {"yuv420p", "yuvj420p"}
_HIGHEST_LEVEL = 52
_READ_WITHIN_S = 20.0  # 0.3 s for three seconds of 720p here; a Raspberry Pi starts slowly


class StreamFacts(Value, frozen=True):
    """Of one piece. Times in seconds of the stream's own clock."""

    codec: str = ""
    profile: str = ""
    level: int = 0
    pixels: str = ""
    width: int = 0
    height: int = 0
    frames: int = 0
    b_frames: int = 0
    broken: int = 0  # packets after the first picture that do not decode
    keyframes: int = 0
    keyframe_gap_s: float = 0.0  # the longest, the beginning and the end included
    seconds: float = 0.0


def misfit(facts: StreamFacts, *, width: int, height: int, keyframe_gap_s: float) -> str:
    """Why it cannot be sent as it is, in words; "" when it can."""
    profile = f"{facts.profile} {facts.level / 10:g}"
    gap_s = facts.keyframe_gap_s
    reasons = {
        "no picture decodes": facts.codec != "h264" or not facts.frames,
        f"{facts.broken} of its frames do not decode": facts.broken > 0,
        f"its profile is {profile}, not Main or less": facts.profile not in _PROFILES,
        f"its level is {facts.level / 10:g}": facts.level > _HIGHEST_LEVEL,
        "it has B-frames, which come late": facts.b_frames > 0,
        f"it is {facts.pixels}, not 4:2:0": facts.pixels not in _PIXELS,
        f"it is {facts.width}x{facts.height}": (facts.width, facts.height) != (width, height),
        f"it has one keyframe in {facts.seconds:.1f} s": facts.keyframes < 2,
        f"its keyframes are {gap_s:.1f} s apart": gap_s > keyframe_gap_s,
    }
    return next((words for words, holds in reasons.items() if holds), "")


def is_damaged(facts: StreamFacts) -> bool:
    """A bad cable, a full bus or a busy machine does that, too: another piece may be whole."""
    return facts.codec in {"", "h264"} and (facts.broken > 0 or not facts.frames)


@contextmanager
def piece_of_video() -> Iterator[Path]:
    """A file to write one to. Raises `ProcessError` on a full or read-only disk."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="portal-", ignore_cleanup_errors=True)
    except OSError as exc:
        raise ProcessError(
            f"there is no place for a piece of video: {exc.strerror}",
            remedy="free space on the disk",
        ) from exc
    with folder as name:
        yield Path(name) / "piece.ts"


async def stream_facts(path: Path) -> StreamFacts:
    """Have a file read by a child: the decoder's library costs 40 MB. Raises `ProcessError`, which
    says nothing of the file."""
    argv = [sys.executable, "-P", "-m", "portal.publish.stream_reader", str(path)]
    child = await ChildProcess.spawn(["nice", "-n", "5", *argv], name="stream reader")
    try:
        async with asyncio.timeout(_READ_WITHIN_S):
            await child.wait()
    except TimeoutError as exc:
        raise ProcessError(f"reading {path.name} took over {_READ_WITHIN_S:g} s") from exc
    finally:
        await child.stop()
    last = child.last_lines[-1] if child.last_lines else ""
    try:
        return msgspec.json.decode(last, type=StreamFacts)
    except msgspec.DecodeError as exc:
        raise ProcessError(
            f"{path.name} cannot be read: {last or 'no answer'}", last_lines=child.last_lines
        ) from exc

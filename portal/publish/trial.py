"""One encoder on trial: a second of test picture, and a look at what comes out."""

from __future__ import annotations

import asyncio
import re
import signal
from pathlib import Path

from portal.config import VideoSection
from portal.errors import ProcessError
from portal.process import ChildProcess
from portal.publish.codecs import Encoder, encoding, keyframe_distance, last_filters, opening
from portal.publish.encoder import QUIET
from portal.publish.stream import misfit, piece_of_video, stream_facts

# For a second of picture, ffmpeg's start included (0.3 s here, 1 s on a Raspberry Pi): one that
# needs longer would not keep up with a camera.
ENCODE_WITHIN_S = 3.0
# Others use the hardware or the memory just now; rights and disks are put in order.
_PASSING = re.compile(
    r"resource busy|temporarily unavailable|cannot allocate memory|out of memory"
    r"|permission denied|operation not permitted|no space left|too many open files",
    re.IGNORECASE,
)


async def prove(encoder: Encoder, *, ffmpeg: str, video: VideoSection) -> str:
    """Encode a second of test picture and look at it. Returns why not; "" when it works.
    Raises `ProcessError` when it failed for a reason that may pass: that says nothing of it."""
    with piece_of_video() as piece:
        said = await _encode(encoder, ffmpeg=ffmpeg, video=video, piece=piece)
        if said:
            return said
        facts = await stream_facts(piece)
    # Twice as far as asked: some encoders place them by their own count.
    gap_s = 2 * keyframe_distance(video) / video.fps + 0.05
    reason = misfit(facts, width=video.width, height=video.height, keyframe_gap_s=gap_s)
    if not reason and facts.frames < _frames(video) - 1:
        reason = f"{facts.frames} of {_frames(video)} frames came out"
    return reason


async def _encode(encoder: Encoder, *, ffmpeg: str, video: VideoSection, piece: Path) -> str:
    """Why it could not; "" when it did."""
    graph = f"testsrc2=s={video.width}x{video.height}:r={video.fps}"
    argv = [ffmpeg, *QUIET, *opening(encoder), "-f", "lavfi", "-i", graph]
    filters = ",".join(["format=yuv420p", *last_filters(encoder)])
    argv += ["-frames:v", str(_frames(video)), "-vf", filters]
    argv += [*encoding(encoder, video, cores=1), "-f", "mpegts", str(piece)]
    child = await ChildProcess.spawn(argv, name=encoder.name)
    try:
        async with asyncio.timeout(ENCODE_WITHIN_S):
            code = await child.wait()
    except TimeoutError as exc:
        raise ProcessError(
            f"a second of picture took it over {ENCODE_WITHIN_S:g} s", last_lines=child.last_lines
        ) from exc
    finally:
        await asyncio.shield(child.stop(grace_s=0))
    if not code:
        return ""
    if code == -signal.SIGKILL:  # by the kernel, for memory
        raise ProcessError("ffmpeg was ended by SIGKILL", last_lines=child.last_lines)
    passing = next(filter(_PASSING.search, child.last_lines), "")
    if passing:
        raise ProcessError(passing, last_lines=child.last_lines)
    return next((line for line in child.last_lines if line.strip()), f"exit code {code}")


def _frames(video: VideoSection) -> int:
    """A second's, and enough for three keyframes."""
    return max(video.fps, 3 * keyframe_distance(video))

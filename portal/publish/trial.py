"""One encoder on trial: a second of test picture, and a look at what comes out."""

from __future__ import annotations

import asyncio
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


async def prove(encoder: Encoder, *, ffmpeg: str, video: VideoSection) -> str:
    """Encode a second of test picture and look at it. Returns why not; "" when it works.
    Raises `ProcessError` when it could not be tried."""
    with piece_of_video() as piece:
        try:
            await _encode(encoder, ffmpeg=ffmpeg, video=video, piece=piece)
            facts = await stream_facts(piece)
        except ProcessError as exc:
            return exc.message
    # Twice as far as asked: some encoders place them by their own count.
    gap_s = 2 * keyframe_distance(video) / video.fps + 0.05
    reason = misfit(facts, width=video.width, height=video.height, keyframe_gap_s=gap_s)
    if not reason and facts.frames < _frames(video) - 1:
        reason = f"{facts.frames} of {_frames(video)} frames came out"
    return reason


async def _encode(encoder: Encoder, *, ffmpeg: str, video: VideoSection, piece: Path) -> None:
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
    if code:
        raise ProcessError(
            next((line for line in child.last_lines if line.strip()), f"exit code {code}"),
            last_lines=child.last_lines,
        )


def _frames(video: VideoSection) -> int:
    """A second's, and enough for three keyframes."""
    return max(video.fps, 3 * keyframe_distance(video))

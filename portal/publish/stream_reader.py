"""Reads a piece of video and prints what it is made of, as JSON.

`python -m portal.publish.stream_reader FILE`. A program of its own: its library costs 40 MB.
"""

from __future__ import annotations

import itertools
import sys

import av
import msgspec
from av.video.frame import PictureType

from portal.publish.stream import StreamFacts


def read(path: str) -> StreamFacts:
    """Raises `av.FFmpegError` when it is no video at all."""
    frames = b_frames = broken = 0
    times: list[float] = []
    keyframes: list[float] = []
    with av.open(path) as container:
        stream = container.streams.video[0]
        codec = stream.codec_context
        codec.thread_count = 1
        codec.options = {"err_detect": "explode"}  # instead of guessing what is missing
        for packet in container.demux(stream):
            try:
                decoded = packet.decode()
            except av.FFmpegError:
                broken += frames > 0
                continue
            for frame in decoded:
                frames += 1
                b_frames += frame.pict_type == PictureType.B
                times.append(frame.time or 0.0)
                if frame.key_frame:
                    keyframes.append(frame.time or 0.0)
        marks = [times[0], *keyframes, times[-1]] if times else []
        return StreamFacts(
            codec=codec.name,
            profile=str(codec.profile or "unknown"),
            level=getattr(codec, "level", 0) or 0,  # older versions do not tell
            pixels=codec.pix_fmt or "",
            width=codec.width,
            height=codec.height,
            frames=frames,
            b_frames=b_frames,
            broken=broken,
            keyframes=len(keyframes),
            keyframe_gap_s=max((b - a for a, b in itertools.pairwise(marks)), default=0.0),
            seconds=times[-1] - times[0] if times else 0.0,
        )


def main() -> int:
    av.logging.set_level(None)
    try:
        facts = read(sys.argv[1])
    except (av.FFmpegError, IndexError):  # no video at all
        facts = StreamFacts()
    print(msgspec.json.encode(facts).decode())  # noqa: T201 - its answer
    return 0


if __name__ == "__main__":
    sys.exit(main())

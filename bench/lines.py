"""The encoder lines that are compared."""

from __future__ import annotations

from pathlib import Path

from bench.source import ffmpeg_input
from portal.config import VideoSection
from portal.model import Camera
from portal.publish.encoder import encoder_argv


def original(camera: Path, target: str) -> list[str]:
    """The write-up's: x264 takes the camera's own chroma (4:2:2), and a GOP of 250."""
    return [
        *("ffmpeg", "-hide_banner", "-loglevel", "warning", "-nostdin"),
        *ffmpeg_input(camera),
        *("-c:v", "libx264", "-preset", "ultrafast", "-b:v", "600k"),
        *("-f", "rtsp", target),
    ]


def ours(camera: Path, target: str) -> list[str]:
    """What the product runs for such a camera."""
    return encoder_argv(
        Camera(id="bench", name="bench", source="ffmpeg", input=tuple(ffmpeg_input(camera))),
        video=VideoSection(),
        title="bench",
        ffmpeg="ffmpeg",
        rtsp_url=target,
    )

"""What a camera shows: bars that tell whose picture it is, and a block that wanders over them."""

from __future__ import annotations

import functools
import io
import re
import subprocess

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.lab.picture import BARS
from tests.lab.uvc.descriptors import PixelFormat

FRAMES = 30  # then it begins again
_BRIGHT, _DARK = 191, 16
_ACCESS_UNIT = re.compile(rb"\x00\x00\x00\x01\x09")  # a delimiter begins each


def bars_of(view: int) -> tuple[str, ...]:
    """The eight bars of the camera with this view, as `tests.lab.picture.bars` names them."""
    return (*BARS[view % 8 :], *BARS[: view % 8])


@functools.cache
def frames(
    view: int, pixel_format: PixelFormat, size: tuple[int, int], rate: int
) -> tuple[bytes, ...]:
    """Coded pictures, the first of which needs none before it. Blocking: up to a second."""
    drawn = [_draw(view, size, number) for number in range(FRAMES)]
    match pixel_format:
        case PixelFormat.YUYV:
            return tuple(_yuyv(picture) for picture in drawn)
        case PixelFormat.MJPG:
            return tuple(_jpeg(picture) for picture in drawn)
        case PixelFormat.H264:
            return _h264(drawn, size, rate)


def _draw(view: int, size: tuple[int, int], number: int) -> NDArray[np.uint8]:
    width, height = size
    picture = np.full((height, width, 3), _DARK, dtype=np.uint8)
    for place, name in enumerate(bars_of(view)):
        columns = slice(width * place // 8, width * (place + 1) // 8)
        for channel, letter in enumerate("RGB"):
            if letter in name:
                picture[:, columns, channel] = _BRIGHT
    side = height // 4
    left = (width - side) * number // FRAMES
    picture[height // 4 : height // 4 + side, left : left + side] = (255, 128, 0)
    return picture


def _yuyv(picture: NDArray[np.uint8]) -> bytes:
    """BT.601, studio range: what UVC's uncompressed video is."""
    red, green, blue = (picture[:, :, channel].astype(np.float32) for channel in range(3))
    luma = 16 + 0.257 * red + 0.504 * green + 0.098 * blue
    packed = np.empty((*picture.shape[:2], 2), dtype=np.uint8)
    packed[:, :, 0] = luma
    packed[:, 0::2, 1] = (128 - 0.148 * red - 0.291 * green + 0.439 * blue)[:, 0::2]
    packed[:, 1::2, 1] = (128 + 0.439 * red - 0.368 * green - 0.071 * blue)[:, 0::2]
    return packed.tobytes()


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    """4:2:2, as webcams send it."""
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=85, subsampling=1)
    return out.getvalue()


def _h264(drawn: list[NDArray[np.uint8]], size: tuple[int, int], rate: int) -> tuple[bytes, ...]:
    """Constrained baseline, a keyframe each half second, an access unit a frame."""
    done = subprocess.run(
        [
            *("ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"),
            *("-s", f"{size[0]}x{size[1]}", "-r", str(rate), "-i", "-"),
            *("-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "veryfast", "-threads", "1"),
            *("-tune", "zerolatency", "-profile:v", "baseline", "-g", str(max(1, rate // 2))),
            *("-x264-params", "aud=1:repeat-headers=1:scenecut=0", "-f", "h264", "-"),
        ],
        input=b"".join(picture.tobytes() for picture in drawn),
        check=True,
        capture_output=True,
        timeout=60,
    )
    starts = [found.start() for found in _ACCESS_UNIT.finditer(done.stdout)]
    ends = [*starts[1:], len(done.stdout)]
    return tuple(done.stdout[start:end] for start, end in zip(starts, ends, strict=True))

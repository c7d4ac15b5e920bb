"""What a V4L2 device says of itself, and in words why it cannot be asked."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import grp
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from portal.errors import CameraError
from portal.model import PIXEL_FORMATS, CameraFormat

# What is offered of a device that takes any size or rate within a range.
_SIZES = (
    (3840, 2160), (2560, 1440), (1920, 1080), (1600, 1200), (1280, 960), (1280, 720),
    (1024, 576), (960, 540), (800, 600), (640, 480), (640, 360), (320, 240), (320, 180),
)  # fmt: skip
_RATES = (60.0, 50.0, 30.0, 25.0, 24.0, 20.0, 15.0, 10.0, 5.0)

# The driver answers these questions without talking to the camera: a second is already wrong.
_ANSWER_WITHIN_S = 5.0


async def camera_formats(node: str) -> tuple[CameraFormat, ...]:
    """Ask the device for the sizes and rates of every format that can be used. Raises
    `CameraError`."""
    await asyncio.to_thread(_library)  # seconds on a small box: not of the camera's time
    try:
        return await asyncio.wait_for(asyncio.to_thread(read_formats, node), _ANSWER_WITHIN_S)
    except TimeoutError as exc:
        raise CameraError(
            f"{node} gives no answer", remedy="unplug the camera and plug it in again"
        ) from exc


def read_formats(node: str) -> tuple[CameraFormat, ...]:
    """The blocking part of `camera_formats`."""
    try:
        descriptor = os.open(node, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return tuple(_formats(descriptor))
        finally:
            os.close(descriptor)
    except OSError as exc:
        raise explained(exc, node) from exc
    except (ValueError, ArithmeticError) as exc:  # a rate of 1/0, a name that is no text
        raise CameraError(
            f"{node} answers nonsense: {exc}", remedy="update its firmware, or use another camera"
        ) from exc


def explained(exc: OSError, node: str) -> CameraError:
    """An error of the device as a sentence with a remedy."""
    match exc.errno:
        case errno.EACCES | errno.EPERM:
            return CameraError(f"{node} may not be opened by this user", remedy=_join_group(node))
        case errno.EBUSY:
            users = " and ".join(holders(node)) or "another program"
            return CameraError(f"{node} is in use by {users}", remedy="end that program")
        case errno.ENODEV | errno.ENXIO | errno.ENOENT:
            return CameraError(f"{node} is gone", remedy="plug the camera in again")
        case errno.ENOTTY | errno.EINVAL:
            return CameraError(f"{node} does not answer as a V4L2 camera")
        case _:
            return CameraError(
                f"{node} cannot be used: {exc.strerror}",
                remedy="unplug the camera and plug it in again",
            )


def holders(node: str) -> list[str]:
    """Who has the device open, as "name (pid)", as far as this user may see."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if any(os.readlink(fd) == node for fd in (process / "fd").iterdir()):  # noqa: PTH115 - resolving would ask the device
                name = (process / "comm").read_text().strip()
                found.append(f"{name} (pid {process.name})")
    return found


def _join_group(node: str) -> str:
    try:
        group = grp.getgrgid(Path(node).stat().st_gid).gr_name
    except (OSError, KeyError):
        group = "video"
    if group == "root":
        return "udev has not given it to a group: plug the camera in again"
    return f"add the user to the group {group} and start portal again"


def _library() -> Any:
    # Imported at the first camera: it takes 3.5 MB that a box without one need not spend.
    from linuxpy.video import device  # noqa: PLC0415 - see above

    return device


def _formats(descriptor: int) -> Iterator[CameraFormat]:
    v4l2 = _library()
    v4l2.read_capabilities(descriptor)  # the questions below take "no such thing" for an end
    for form in v4l2.iter_read_formats(descriptor, v4l2.BufferType.VIDEO_CAPTURE):
        name = int(form.pixel_format).to_bytes(4, "little").decode("latin-1").strip()
        if name not in PIXEL_FORMATS:
            continue
        for width, height in _sizes(v4l2, descriptor, form.pixel_format):
            rates: set[float] = set()
            for interval in v4l2.iter_read_frame_intervals(
                descriptor, form.pixel_format, width, height
            ):
                rates.update(rates_within(float(interval.min_fps), float(interval.max_fps)))
            yield CameraFormat(
                pixel_format=name,
                width=width,
                height=height,
                rates=tuple(sorted(rates, reverse=True)),
            )


def _sizes(v4l2: Any, descriptor: int, pixel_format: int) -> Iterator[tuple[int, int]]:
    for size in v4l2.iter_read_frame_sizes(descriptor, pixel_format):
        info = size.info
        if size.type == v4l2.FrameSizeType.DISCRETE:
            yield info.width, info.height
            continue
        yield from sizes_within(
            (info.min_width, info.max_width, info.step_width),
            (info.min_height, info.max_height, info.step_height),
        )


def sizes_within(
    widths: tuple[int, int, int], heights: tuple[int, int, int]
) -> list[tuple[int, int]]:
    """Common sizes, and the largest, of a device that takes any within (min, max, step)."""
    return [
        (width, height)
        for width, height in dict.fromkeys([(widths[1], heights[1]), *_SIZES])
        if _fits(width, widths) and _fits(height, heights)
    ]


def _fits(value: int, limits: tuple[int, int, int]) -> bool:
    low, high, step = limits
    return low <= value <= high and (value - low) % max(step, 1) == 0


def rates_within(one: float, other: float) -> list[float]:
    """A discrete rate where both are equal, else the range's ends and the common ones between."""
    low, high = min(one, other), max(one, other)
    between = (rate for rate in _RATES if low < rate < high)
    return sorted({rate for rate in (low, high, *between) if rate > 0}, reverse=True)

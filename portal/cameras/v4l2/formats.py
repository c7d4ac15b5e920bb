"""The formats, sizes and rates that a device offers, as far as the encoder can use them.

A device is not trusted: what makes no sense is left out, and an enumeration without an end is cut.
"""

from __future__ import annotations

from collections.abc import Iterator

from portal.cameras.v4l2 import ioctl
from portal.cameras.v4l2.node import Device, answer, found, opened
from portal.errors import CameraError
from portal.model import PIXEL_FORMATS, CameraFormat

# What is offered of a device that takes any size or rate within a range.
_SIZES = (
    (3840, 2160), (2560, 1440), (1920, 1080), (1600, 1200), (1280, 960), (1280, 720),
    (1024, 576), (960, 540), (800, 600), (640, 480), (640, 360), (320, 240), (320, 180),
)  # fmt: skip
_RATES = (60.0, 50.0, 30.0, 25.0, 24.0, 20.0, 15.0, 10.0, 5.0)

# vivid, which offers everything, has 90 formats; a webcam has 3 of 20 sizes with 7 rates each.
_MOST_FORMATS = 256
_MOST_SIZES = 64  # of one format
_MOST_RATES = 32  # of one size
_LARGEST = 1 << 14  # pixels a side
_FASTEST = 1000.0  # frames per second


async def camera_formats(node: str) -> tuple[CameraFormat, ...]:
    """Ask the device for the sizes and rates of every format that can be used. Raises
    `CameraError`."""
    return await answer(node, read_formats)


def read_formats(node: str) -> tuple[CameraFormat, ...]:
    """The blocking part of `camera_formats`."""
    with opened(node) as device:
        capability = ioctl.Capability()
        device.ask(ioctl.QUERYCAP, capability)
        if (buffers := buffer_type(capability)) is None:
            raise CameraError(f"{node} delivers no pictures", remedy="choose another device")
        return tuple(formats_of(device, buffers))


def buffer_type(capability: ioctl.Capability) -> int | None:
    """How pictures come from the device: in one piece, or (many boards' own cameras) in planes."""
    # `capabilities` is of the whole thing, `device_caps` of this node.
    by_node = capability.capabilities & ioctl.CAP_DEVICE_CAPS
    can = capability.device_caps if by_node else capability.capabilities
    if can & ioctl.CAP_VIDEO_CAPTURE:
        return ioctl.BUF_VIDEO_CAPTURE
    return ioctl.BUF_VIDEO_CAPTURE_MPLANE if can & ioctl.CAP_VIDEO_CAPTURE_MPLANE else None


def formats_of(device: Device, buffers: int) -> Iterator[CameraFormat]:
    """Each format and size once, in the device's order. Raises `OSError`."""
    for pixel_format in dict.fromkeys(_pixel_formats(device, buffers)):
        name = pixel_format.to_bytes(4, "little").decode("latin-1").strip()
        if name not in PIXEL_FORMATS:
            continue
        for width, height in dict.fromkeys(_sizes(device, pixel_format)):
            rates = {*_rates(device, pixel_format, width, height)}
            yield CameraFormat(
                pixel_format=name,
                width=width,
                height=height,
                rates=tuple(sorted(rates, reverse=True)),
            )


def _pixel_formats(device: Device, buffers: int) -> Iterator[int]:
    for index in range(_MOST_FORMATS):
        asked = ioctl.FormatDescription(index=index, type=buffers)
        if not found(device, ioctl.ENUM_FMT, asked):
            return
        yield asked.pixel_format


def _sizes(device: Device, pixel_format: int) -> Iterator[tuple[int, int]]:
    for index in range(_MOST_SIZES):
        asked = ioctl.FrameSize(index=index, pixel_format=pixel_format)
        if not found(device, ioctl.ENUM_FRAMESIZES, asked):
            return
        first, second, third, *heights = asked.numbers
        if asked.type != ioctl.DISCRETE:  # one answer says it all
            yield from sizes_within((first, second, third), (heights[0], heights[1], heights[2]))
            return
        if 0 < first <= _LARGEST and 0 < second <= _LARGEST:
            yield first, second


def _rates(device: Device, pixel_format: int, width: int, height: int) -> Iterator[float]:
    for index in range(_MOST_RATES):
        asked = ioctl.FrameInterval(
            index=index, pixel_format=pixel_format, width=width, height=height
        )
        if not found(device, ioctl.ENUM_FRAMEINTERVALS, asked):
            return
        shortest = _rate(asked.numbers[0], asked.numbers[1])
        if asked.type != ioctl.DISCRETE:
            yield from rates_within(shortest, _rate(asked.numbers[2], asked.numbers[3]))
            return
        yield from rates_within(shortest, shortest)


def _rate(numerator: int, denominator: int) -> float:
    """Frames per second of an interval; 0 for one that is none."""
    rate = denominator / numerator if numerator else 0.0
    return rate if rate <= _FASTEST else 0.0


def sizes_within(
    widths: tuple[int, int, int], heights: tuple[int, int, int]
) -> list[tuple[int, int]]:
    """Common sizes, and the largest, of a device that takes any within (min, max, step)."""
    largest = min(widths[1], _LARGEST), min(heights[1], _LARGEST)
    return [
        (width, height)
        for width, height in dict.fromkeys([largest, *_SIZES])
        if _fits(width, widths) and _fits(height, heights)
    ]


def _fits(value: int, limits: tuple[int, int, int]) -> bool:
    low, high, step = limits
    return value > 0 and low <= value <= high and (value - low) % max(step, 1) == 0


def rates_within(one: float, other: float) -> list[float]:
    """A discrete rate where both are equal, else the range's ends and the common ones between."""
    low, high = min(one, other), max(one, other)
    between = (rate for rate in _RATES if low < rate < high)
    return sorted({rate for rate in (low, high, *between) if rate > 0}, reverse=True)

"""What a camera is and can, as USB descriptors: UVC 1.00, one streaming interface. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

CONTROL_INTERFACE, STREAMING_INTERFACE = 0, 1
CAMERA_TERMINAL, PROCESSING_UNIT, OUTPUT_TERMINAL = 1, 2, 3
VIDEO_ENDPOINT = 0x81
# 32 packets of 512: what uvcvideo puts into one bulk request at most.
_BULK_PAYLOAD_BYTES = 32 * 512
# Three transactions of 1024 in each microframe: all that a high-speed endpoint can have.
_ISOCHRONOUS_PACKET, _ISOCHRONOUS_PAYLOAD_BYTES = 0x1400, 3 * 1024
_CLASS_INTERFACE = 0x24
_MANUFACTURER, _PRODUCT, _SERIAL = 1, 2, 3
_ENGLISH = 0x0409


class PixelFormat(StrEnum):
    YUYV = "YUYV"
    MJPG = "MJPG"
    H264 = "H264"


_GUID_TAIL = bytes.fromhex("00001000800000aa00389b71")
_GUIDS = {PixelFormat.YUYV: b"YUY2" + _GUID_TAIL, PixelFormat.H264: b"H264" + _GUID_TAIL}


class Unit(IntEnum):
    """Who in the camera has a control."""

    CAMERA = CAMERA_TERMINAL
    PROCESSING = PROCESSING_UNIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A setting of the camera. `bit` announces it in its unit's bitmap."""

    unit: Unit
    selector: int
    bit: int
    minimum: int
    maximum: int
    default: int
    step: int = 1
    size: int = 2  # bytes


# As the class specification numbers them; uvcvideo maps them to V4L2's names.
CONTROLS = (
    Control(unit=Unit.PROCESSING, selector=0x02, bit=0, minimum=-64, maximum=64, default=0),
    Control(unit=Unit.PROCESSING, selector=0x03, bit=1, minimum=0, maximum=95, default=32),
    Control(unit=Unit.PROCESSING, selector=0x05, bit=10, minimum=0, maximum=2, default=1, size=1),
    Control(unit=Unit.CAMERA, selector=0x0B, bit=9, minimum=100, maximum=400, default=100),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraModel:
    """`serial` None: the camera has none, as many cheap ones. Most cameras send their pictures in
    isochronous transfers; bulk ones cost the emulated machine less."""

    vendor: int = 0x1D6B
    product: int = 0x0104
    manufacturer: str = "Portal"
    name: str = "Lab Camera"
    serial: str | None = "LAB00042"
    formats: tuple[PixelFormat, ...] = (PixelFormat.YUYV, PixelFormat.MJPG)
    sizes: tuple[tuple[int, int], ...] = ((320, 180), (640, 360))
    rates: tuple[int, ...] = (30, 20, 15, 10, 5)
    controls: tuple[Control, ...] = field(default=CONTROLS)
    is_isochronous: bool = False

    @property
    def payload_bytes(self) -> int:
        return _ISOCHRONOUS_PAYLOAD_BYTES if self.is_isochronous else _BULK_PAYLOAD_BYTES


def interval_of(rate: int) -> int:
    """In units of 100 ns, as USB counts."""
    return 10_000_000 // rate


def device_descriptor(model: CameraModel) -> bytes:
    return struct.pack(
        "<BBHBBBBHHHBBBB",
        *(18, 1, 0x0200, 0xEF, 2, 1, 64, model.vendor, model.product, 0x0100),
        *(_MANUFACTURER, _PRODUCT, _SERIAL if model.serial is not None else 0, 1),
    )


def string_descriptor(model: CameraModel, index: int) -> bytes | None:
    """None: there is no such string."""
    if index == 0:
        return struct.pack("<BBH", 4, 3, _ENGLISH)
    strings = {_MANUFACTURER: model.manufacturer, _PRODUCT: model.name, _SERIAL: model.serial}
    text = strings.get(index)
    if text is None:
        return None
    coded = text.encode("utf-16-le")
    return struct.pack("<BB", 2 + len(coded), 3) + coded


def configuration_descriptor(model: CameraModel) -> bytes:
    body = (
        struct.pack("<BBBBBBBB", 8, 0x0B, CONTROL_INTERFACE, 2, 0x0E, 3, 0, _PRODUCT)
        + struct.pack("<BBBBBBBBB", 9, 4, CONTROL_INTERFACE, 0, 0, 0x0E, 1, 0, _PRODUCT)
        + _control_interface(model)
        + _streams(model)
    )
    head = struct.pack("<BBHBBBBB", 9, 2, 9 + len(body), 2, 1, 0, 0x80, 250)
    return head + body


def _streams(model: CameraModel) -> bytes:
    """The streaming interface: an isochronous endpoint is there in its second setting only."""

    def interface(setting: int, endpoints: int) -> bytes:
        return struct.pack(
            "<BBBBBBBBB", 9, 4, STREAMING_INTERFACE, setting, endpoints, 0x0E, 2, 0, 0
        )

    if model.is_isochronous:
        endpoint = struct.pack("<BBBBHB", 7, 5, VIDEO_ENDPOINT, 5, _ISOCHRONOUS_PACKET, 1)
        return interface(0, 0) + _streaming_interface(model) + interface(1, 1) + endpoint
    endpoint = struct.pack("<BBBBHB", 7, 5, VIDEO_ENDPOINT, 2, 512, 0)
    return interface(0, 1) + _streaming_interface(model) + endpoint


def _control_interface(model: CameraModel) -> bytes:
    camera = _bitmap(model.controls, Unit.CAMERA)
    processing = _bitmap(model.controls, Unit.PROCESSING)
    units = [
        struct.pack("<BBHBBHHHB", 2, CAMERA_TERMINAL, 0x0201, 0, 0, 0, 0, 0, 3)
        + camera.to_bytes(3, "little"),
        struct.pack("<BBBHB", 5, PROCESSING_UNIT, CAMERA_TERMINAL, 0, 2)
        + processing.to_bytes(2, "little")
        + b"\0",
        struct.pack("<BBHBBB", 3, OUTPUT_TERMINAL, 0x0101, 0, PROCESSING_UNIT, 0),
    ]
    described = b"".join(_class_specific(unit) for unit in units)
    header = struct.pack("<BHHIBB", 1, 0x0100, 13 + len(described), 48_000_000, 1, 1)
    return _class_specific(header) + described


def _bitmap(controls: Iterable[Control], unit: Unit) -> int:
    return sum(1 << control.bit for control in controls if control.unit is unit)


def _streaming_interface(model: CameraModel) -> bytes:
    described = b"".join(
        _format(model, number, pixel_format)
        for number, pixel_format in enumerate(model.formats, start=1)
    )
    count = len(model.formats)
    header = struct.pack(
        "<BBHBBBBBBB",
        *(1, count, 13 + count + len(described), VIDEO_ENDPOINT, 0, OUTPUT_TERMINAL, 0, 0, 0, 1),
    ) + bytes(count)
    return _class_specific(header) + described


def _format(model: CameraModel, number: int, pixel_format: PixelFormat) -> bytes:
    count = len(model.sizes)
    match pixel_format:
        case PixelFormat.YUYV:
            kind = struct.pack(
                "<BBB16sBBBBBB", 4, number, count, _GUIDS[pixel_format], 16, 1, *(0,) * 4
            )
        case PixelFormat.MJPG:
            kind = struct.pack("<BBBBBBBBB", 6, number, count, 1, 1, *(0,) * 4)
        case PixelFormat.H264:
            kind = struct.pack(
                "<BBB16sBBBBBBB", 0x10, number, count, _GUIDS[pixel_format], 16, 1, *(0,) * 4, 1
            )
    frames = (
        _frame(model, index, size, pixel_format) for index, size in enumerate(model.sizes, start=1)
    )
    return _class_specific(kind) + b"".join(frames)


def _frame(
    model: CameraModel, index: int, size: tuple[int, int], pixel_format: PixelFormat
) -> bytes:
    width, height = size
    intervals = [interval_of(rate) for rate in model.rates]
    largest = frame_bytes(size)
    bits = [largest * 8 * rate for rate in (model.rates[-1], model.rates[0])]
    listed = struct.pack(f"<{len(intervals)}I", *intervals)
    if pixel_format is PixelFormat.H264:
        head = struct.pack("<BBBHHIIIBI", 0x11, index, 0, width, height, *bits, intervals[0],
                           len(intervals), 0)  # fmt: skip
    else:
        kind = 5 if pixel_format is PixelFormat.YUYV else 7
        head = struct.pack("<BBBHHIIIIB", kind, index, 0, width, height, *bits, largest,
                           intervals[0], len(intervals))  # fmt: skip
    return _class_specific(head + listed)


def frame_bytes(size: tuple[int, int]) -> int:
    """Of the largest frame: none of our formats beats raw YUYV."""
    return size[0] * size[1] * 2


def _class_specific(body: bytes) -> bytes:
    return struct.pack("<BB", 2 + len(body), _CLASS_INTERFACE) + body

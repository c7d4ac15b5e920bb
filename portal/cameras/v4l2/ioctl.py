"""The part of the kernel's `linux/videodev2.h` that is used here: structs and request numbers."""

from __future__ import annotations

import ctypes
import struct
from ctypes import Structure, c_char, c_int32, c_int64, c_uint8, c_uint32, c_uint64

# v4l2_capability
CAP_VIDEO_CAPTURE = 0x00000001
CAP_VIDEO_CAPTURE_MPLANE = 0x00001000
CAP_DEVICE_CAPS = 0x80000000

# v4l2_buf_type
BUF_VIDEO_CAPTURE = 1
BUF_VIDEO_CAPTURE_MPLANE = 9

# v4l2_frmsizetypes and v4l2_frmivaltypes; continuous is a stepwise one with steps of 1
DISCRETE = 1

# v4l2_ctrl_type
INTEGER = 1
BOOLEAN = 2
MENU = 3
BUTTON = 4
INTEGER64 = 5
INTEGER_MENU = 9

# Flags of a control
DISABLED = 0x0001
GRABBED = 0x0002  # another program has it, or it cannot change while pictures flow
READ_ONLY = 0x0004
INACTIVE = 0x0010  # another control, an automatic mode, decides instead
WRITE_ONLY = 0x0040

NEXT_CONTROL = 0x80000000  # with an id: the next control after it that is a plain value


class Capability(Structure):
    driver: bytes
    card: bytes
    bus: bytes
    version: int
    capabilities: int
    device_caps: int
    _fields_ = (
        ("driver", c_char * 16),
        ("card", c_char * 32),
        ("bus", c_char * 32),
        ("version", c_uint32),
        ("capabilities", c_uint32),
        ("device_caps", c_uint32),
        ("reserved", c_uint32 * 3),
    )


class FormatDescription(Structure):
    index: int
    type: int
    flags: int
    description: bytes
    pixel_format: int
    _fields_ = (
        ("index", c_uint32),
        ("type", c_uint32),
        ("flags", c_uint32),
        ("description", c_char * 32),
        ("pixel_format", c_uint32),
        ("media_bus_code", c_uint32),
        ("reserved", c_uint32 * 3),
    )


class FrameSize(Structure):
    """`numbers`: width and height, or min_width, max_width, step_width, then the heights."""

    index: int
    pixel_format: int
    type: int
    numbers: ctypes.Array[c_uint32]
    _fields_ = (
        ("index", c_uint32),
        ("pixel_format", c_uint32),
        ("type", c_uint32),
        ("numbers", c_uint32 * 6),
        ("reserved", c_uint32 * 2),
    )


class FrameInterval(Structure):
    """`numbers`: numerator and denominator of the seconds a frame lasts, or those of the
    shortest, the longest and the step."""

    index: int
    pixel_format: int
    width: int
    height: int
    type: int
    numbers: ctypes.Array[c_uint32]
    _fields_ = (
        ("index", c_uint32),
        ("pixel_format", c_uint32),
        ("width", c_uint32),
        ("height", c_uint32),
        ("type", c_uint32),
        ("numbers", c_uint32 * 6),
        ("reserved", c_uint32 * 2),
    )


class ControlDescription(Structure):
    id: int
    type: int
    name: bytes
    minimum: int
    maximum: int
    step: int
    default: int
    flags: int
    _fields_ = (
        ("id", c_uint32),
        ("type", c_uint32),
        ("name", c_char * 32),
        ("minimum", c_int64),
        ("maximum", c_int64),
        ("step", c_uint64),
        ("default", c_int64),
        ("flags", c_uint32),
        ("element_size", c_uint32),
        ("elements", c_uint32),
        ("dimensions", c_uint32),
        ("sizes", c_uint32 * 4),
        ("reserved", c_uint32 * 32),
    )


class MenuItem(Structure):
    """`content`: the entry's name, or (INTEGER_MENU) a 64-bit number."""

    id: int
    index: int
    content: ctypes.Array[c_uint8]
    _fields_ = (
        ("id", c_uint32),
        ("index", c_uint32),
        ("content", c_uint8 * 32),
        ("reserved", c_uint32),
    )


class ControlValue(Structure):
    """`content`: 32 bits, or 64 (INTEGER64). The kernel packs this struct: bytes need no padding
    before them."""

    id: int
    size: int
    content: ctypes.Array[c_uint8]
    _fields_ = (
        ("id", c_uint32),
        ("size", c_uint32),
        ("reserved", c_uint32),
        ("content", c_uint8 * 8),
    )


class ControlValues(Structure):
    which: int  # 0: the current values
    count: int
    error_index: int
    controls: ctypes._Pointer[ControlValue]
    _fields_ = (
        ("which", c_uint32),
        ("count", c_uint32),
        ("error_index", c_uint32),
        ("request_fd", c_int32),
        ("reserved", c_uint32),
        ("controls", ctypes.POINTER(ControlValue)),
    )


def _reads(number: int, kind: type[Structure]) -> int:
    """_IOR('V', number, kind)"""
    return 2 << 30 | ctypes.sizeof(kind) << 16 | ord("V") << 8 | number


def _reads_and_writes(number: int, kind: type[Structure]) -> int:
    return 1 << 30 | _reads(number, kind)


QUERYCAP = _reads(0, Capability)
ENUM_FMT = _reads_and_writes(2, FormatDescription)
QUERYMENU = _reads_and_writes(37, MenuItem)
G_EXT_CTRLS = _reads_and_writes(71, ControlValues)
S_EXT_CTRLS = _reads_and_writes(72, ControlValues)
ENUM_FRAMESIZES = _reads_and_writes(74, FrameSize)
ENUM_FRAMEINTERVALS = _reads_and_writes(75, FrameInterval)
QUERY_EXT_CTRL = _reads_and_writes(103, ControlDescription)


def packed(value: int, *, is_long: bool) -> ctypes.Array[c_uint8]:
    """A value as `ControlValue.content`. Raises `struct.error` when it does not fit."""
    raw = struct.pack("=q" if is_long else "=i4x", value)
    return (c_uint8 * 8).from_buffer_copy(raw)


def unpacked(content: ctypes.Array[c_uint8], *, is_long: bool) -> int:
    number: int = struct.unpack_from("=q" if is_long else "=i", bytes(content))[0]
    return number

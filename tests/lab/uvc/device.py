"""A camera's answers to control requests: enumeration, negotiation, settings. Pure, no time."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from tests.lab.uvc.descriptors import (
    CONTROL_INTERFACE,
    STREAMING_INTERFACE,
    CameraModel,
    Control,
    PixelFormat,
    configuration_descriptor,
    device_descriptor,
    frame_bytes,
    interval_of,
    string_descriptor,
)
from tests.lab.uvc.wire import Setup


class _Standard(IntEnum):
    GET_STATUS = 0x00
    CLEAR_FEATURE = 0x01
    SET_FEATURE = 0x03
    GET_DESCRIPTOR = 0x06
    GET_CONFIGURATION = 0x08
    SET_CONFIGURATION = 0x09
    GET_INTERFACE = 0x0A
    SET_INTERFACE = 0x0B


class _Video(IntEnum):
    """Requests of the video class."""

    SET_CUR = 0x01
    GET_CUR = 0x81
    GET_MIN = 0x82
    GET_MAX = 0x83
    GET_RES = 0x84
    GET_LEN = 0x85
    GET_INFO = 0x86
    GET_DEF = 0x87


_PROBE, _COMMIT = 1, 2
_TO_ENDPOINT = 0x02
# hint, format, frame, interval, four that only matter to encoders, delay, frame and payload size
_NEGOTIATION = struct.Struct("<HBBIHHHHHII")


class StallError(Exception):
    """The camera does not know such a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """What the kernel and the camera settled on."""

    pixel_format: PixelFormat
    size: tuple[int, int]
    rate: int


class Device:
    """`control` answers one request; what it led to stands in `streams`, `configured` and
    `settings`."""

    def __init__(self, model: CameraModel) -> None:
        self.model = model
        self.settings: dict[Control, int] = {c: c.default for c in model.controls}
        self.streams: Agreed | None = None  # set by a commit, none after a stop
        self.configured = 0  # times; a reset through sysfs is one more
        self._agreed = self._negotiate(bytes(_NEGOTIATION.size))

    def control(self, setup: Setup, data: bytes) -> bytes:
        """What to send back, empty for a request that only tells. Raises `StallError`."""
        match setup.request_type & 0x60:
            case 0x00:
                return self._standard(setup)
            case 0x20 if setup.request_type & 0x1F == 1:
                interface, unit = setup.index & 0xFF, setup.index >> 8
                selector = setup.value >> 8
                if interface == STREAMING_INTERFACE and selector in {_PROBE, _COMMIT}:
                    return self._negotiation(setup, selector, data)
                if interface == CONTROL_INTERFACE:
                    return self._setting(setup, unit, selector, data)
        raise StallError

    def _standard(self, setup: Setup) -> bytes:
        match setup.request:
            case _Standard.GET_DESCRIPTOR:
                return self._descriptor(setup.value >> 8, setup.value & 0xFF)
            case _Standard.GET_STATUS:
                return b"\0\0"
            case _Standard.GET_CONFIGURATION:
                return bytes([min(self.configured, 1)])
            case _Standard.GET_INTERFACE:
                return b"\0"
            case _Standard.SET_CONFIGURATION:
                self.configured += setup.value
                self.streams = None
            case _Standard.CLEAR_FEATURE if setup.request_type & 0x1F == _TO_ENDPOINT:
                # So uvcvideo tells a camera with a bulk endpoint that it is not watched any more.
                self.streams = None
            case _Standard.SET_INTERFACE if not setup.value:
                # And so an isochronous one: the setting without an endpoint.
                self.streams = None
            case _Standard.CLEAR_FEATURE | _Standard.SET_FEATURE | _Standard.SET_INTERFACE:
                pass
            case _:
                raise StallError
        return b""

    def _descriptor(self, kind: int, index: int) -> bytes:
        found: bytes | None = None
        if kind == 1:
            found = device_descriptor(self.model)
        elif kind == 2:
            found = configuration_descriptor(self.model)
        elif kind == 3:
            found = string_descriptor(self.model, index)
        if found is None:
            raise StallError
        return found

    def _negotiation(self, setup: Setup, selector: int, data: bytes) -> bytes:
        match setup.request:
            case _Video.SET_CUR:
                self._agreed = self._negotiate(data)
                if selector == _COMMIT:
                    self.streams = self._agreement()
                return b""
            case _Video.GET_LEN:
                return struct.pack("<H", _NEGOTIATION.size)
            case _Video.GET_INFO:
                return b"\x03"
            case _Video.GET_CUR | _Video.GET_MIN | _Video.GET_MAX | _Video.GET_DEF:
                return self._agreed
        raise StallError

    def _negotiate(self, data: bytes) -> bytes:
        """The nearest that we have to what is asked."""
        hint, number, frame, interval, *encoder, delay, _, _ = _NEGOTIATION.unpack(
            data[: _NEGOTIATION.size].ljust(_NEGOTIATION.size, b"\0")
        )
        number = min(max(number, 1), len(self.model.formats))
        frame = min(max(frame, 1), len(self.model.sizes))
        intervals = [interval_of(rate) for rate in self.model.rates]
        interval = min(intervals, key=lambda one: abs(one - interval)) if interval else intervals[0]
        largest = frame_bytes(self.model.sizes[frame - 1])
        return _NEGOTIATION.pack(
            hint, number, frame, interval, *encoder, delay, largest, self.model.payload_bytes
        )

    def _agreement(self) -> Agreed:
        _, number, frame, interval, *_ = _NEGOTIATION.unpack(self._agreed)
        return Agreed(
            pixel_format=self.model.formats[number - 1],
            size=self.model.sizes[frame - 1],
            rate=next(rate for rate in self.model.rates if interval_of(rate) == interval),
        )

    def _setting(self, setup: Setup, unit: int, selector: int, data: bytes) -> bytes:
        control = next(
            (one for one in self.settings if (one.unit, one.selector) == (unit, selector)), None
        )
        if control is None:
            raise StallError
        values: dict[int, int] = {
            _Video.GET_CUR: self.settings[control],
            _Video.GET_MIN: control.minimum,
            _Video.GET_MAX: control.maximum,
            _Video.GET_RES: control.step,
            _Video.GET_DEF: control.default,
        }
        if setup.request in values:
            signed = control.minimum < 0
            return values[setup.request].to_bytes(control.size, "little", signed=signed)
        if setup.request == _Video.GET_LEN:
            return struct.pack("<H", control.size)
        if setup.request == _Video.GET_INFO:
            return b"\x03"  # can be read and set
        if setup.request == _Video.SET_CUR:
            value = int.from_bytes(data[: control.size], "little", signed=control.minimum < 0)
            self.settings[control] = min(max(value, control.minimum), control.maximum)
            return b""
        raise StallError

"""The lab's webcam describes itself and negotiates as the video class says."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.lab.picture import BARS, bars
from tests.lab.uvc.descriptors import (
    CONTROLS,
    CameraModel,
    PixelFormat,
    configuration_descriptor,
    device_descriptor,
    string_descriptor,
)
from tests.lab.uvc.device import Agreed, Device, StallError
from tests.lab.uvc.pictures import bars_of, frames
from tests.lab.uvc.streaming import payloads
from tests.lab.uvc.wire import Setup

ALL = CameraModel(formats=tuple(PixelFormat))
SIZE = (320, 180)


def parts(data: bytes) -> Iterator[bytes]:
    """Each descriptor of a configuration."""
    while data:
        assert data[0] >= 2
        yield data[: data[0]]
        data = data[data[0] :]


@pytest.mark.parametrize("is_isochronous", [False, True])
def test_the_configuration_is_as_long_as_it_says_at_every_level(is_isochronous: bool) -> None:
    whole = configuration_descriptor(replace(ALL, is_isochronous=is_isochronous))
    assert struct.unpack_from("<H", whole, 2) == (len(whole),)
    found = [*parts(whole)]
    control = [part for part in found if part[1] == 0x24 and part[2] in {1, 2, 3, 5}][0:4]
    assert struct.unpack_from("<H", control[0], 5) == (sum(map(len, control)),)
    start = next(place for place, part in enumerate(found) if part[:3] == b"\x10\x24\x01")
    streaming = [part for part in found[start:] if part[1] == 0x24]
    assert struct.unpack_from("<H", streaming[0], 4) == (sum(map(len, streaming)),)
    assert found[-1][:3] == b"\x07\x05\x81"


def test_each_format_lists_its_sizes_and_rates() -> None:
    frame_parts = [
        part
        for part in parts(configuration_descriptor(ALL))
        if part[1] == 0x24 and part[2] in {0x05, 0x07, 0x11} and len(part) == 26 + 4 * 5
    ]
    assert [part[2] for part in frame_parts] == [5, 5, 7, 7, 0x11, 0x11]
    for part in frame_parts:
        assert struct.unpack_from("<HH", part, 5) in ALL.sizes
        intervals = struct.unpack_from("<5I", part, 26)
        assert [round(1e7 / interval) for interval in intervals] == [30, 20, 15, 10, 5]


@pytest.mark.parametrize("serial", [None, "0001"])
def test_a_camera_has_the_serial_that_it_is_given(serial: str | None) -> None:
    model = CameraModel(serial=serial)
    index = device_descriptor(model)[16]
    assert len(device_descriptor(model)) == 18
    if serial is None:
        assert index == 0
    else:
        text = string_descriptor(model, index)
        assert text is not None
        assert text[2:].decode("utf-16-le") == serial


def test_the_nearest_size_and_rate_are_agreed_and_the_stream_starts_at_the_commit() -> None:
    device = Device(ALL)
    wish = struct.pack("<HBBIHHHHHII", 1, 3, 1, 700_000, 0, 0, 0, 0, 0, 0, 0)
    device.control(_to_stream(1, 0x01, len(wish)), wish)
    answer = device.control(_to_stream(1, 0x81, 26), b"")
    assert struct.unpack("<HBBIHHHHHII", answer)[1:4] == (3, 1, 666_666)
    assert not is_streaming(device)
    device.control(_to_stream(2, 0x01, 26), answer)
    assert device.streams == Agreed(pixel_format=PixelFormat.H264, size=SIZE, rate=15)
    device.control(Setup(request_type=0x02, request=1, value=0, index=0x81, length=0), b"")
    assert not is_streaming(device)


def test_a_camera_with_isochronous_endpoints_ends_its_stream_with_its_setting() -> None:
    device = Device(replace(ALL, is_isochronous=True))
    wish = struct.pack("<HBBIHHHHHII", 1, 1, 1, 333_333, 0, 0, 0, 0, 0, 0, 0)
    device.control(_to_stream(2, 0x01, len(wish)), wish)
    for setting, streams in ((1, True), (0, False)):
        device.control(
            Setup(request_type=0x01, request=0x0B, value=setting, index=1, length=0), b""
        )
        assert is_streaming(device) is streams


def test_a_setting_is_kept_within_its_range() -> None:
    device, brightness = Device(ALL), CONTROLS[0]
    at = brightness.unit << 8
    value = brightness.selector << 8
    for wanted, kept in ((-5, -5), (1000, 64)):
        data = wanted.to_bytes(2, "little", signed=True)
        device.control(Setup(request_type=0x21, request=1, value=value, index=at, length=2), data)
        setup = Setup(request_type=0xA1, request=0x81, value=value, index=at, length=2)
        assert int.from_bytes(device.control(setup, b""), "little", signed=True) == kept


def test_what_it_does_not_know_is_refused() -> None:
    with pytest.raises(StallError):
        Device(ALL).control(_to_stream(9, 0x81, 26), b"")
    with pytest.raises(StallError):
        Device(ALL).control(
            Setup(request_type=0x80, request=6, value=0x0600, index=0, length=10), b""
        )


def test_a_frame_arrives_whole_in_payloads_of_which_the_last_says_so() -> None:
    frame = bytes(range(256)) * 10
    sent = [*payloads(frame, frame_id=1, payload_bytes=1000)]
    assert b"".join(payload[payload[0] :] for payload in sent) == frame
    assert [payload[1] for payload in sent] == [0x81, 0x81, 0x83]
    assert max(map(len, sent)) <= 1000


def test_two_views_are_told_apart_and_move() -> None:
    for view in (0, 3):
        coded = frames(view, PixelFormat.MJPG, SIZE, 15)
        decoded = [np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) for data in coded[:2]]
        assert bars(decoded[0]) == bars_of(view)
        assert not np.array_equal(decoded[0], decoded[1])
    assert bars_of(0) == BARS != bars_of(3)


def test_raw_pictures_have_the_size_that_was_agreed() -> None:
    coded = frames(0, PixelFormat.YUYV, SIZE, 15)
    assert {len(data) for data in coded} == {320 * 180 * 2}
    luma = np.frombuffer(coded[0], dtype=np.uint8)[::2].reshape(180, 320)
    assert luma[-1, 8] > 150 > luma[-1, -8]


def is_streaming(device: Device) -> bool:
    return device.streams is not None


def _to_stream(selector: int, request: int, length: int) -> Setup:
    kind = 0x21 if request == 0x01 else 0xA1
    return Setup(request_type=kind, request=request, value=selector << 8, index=1, length=length)

"""Controls of a camera: read from the kernel's own structs, written in the order locks ask for."""

from __future__ import annotations

import ctypes
import errno
import struct
from collections.abc import Iterable
from ctypes import Structure

import pytest

from portal.cameras.v4l2 import ioctl
from portal.cameras.v4l2.controls import controls_of, write_to
from portal.model import CameraControl
from portal.words import ControlKind
from tests.fakes.v4l2_device import (
    AUTO_EXPOSURE,
    AUTO_FOCUS,
    BRIGHTNESS,
    EXPOSURE,
    FOCUS,
    FakeControls,
)


def listed(camera: FakeControls) -> dict[str, CameraControl]:
    return {control.name: control for _, control in controls_of(camera)}


def test_requests_and_structs_are_the_kernel_s() -> None:
    """Printed by a C program on x86-64; on a 32-bit machine pointers are shorter."""
    assert ioctl.QUERYCAP == 0x80685600
    assert ioctl.ENUM_FMT == 0xC0405602
    assert ioctl.ENUM_FRAMESIZES == 0xC02C564A
    assert ioctl.ENUM_FRAMEINTERVALS == 0xC034564B
    assert ioctl.QUERY_EXT_CTRL == 0xC0E85667
    assert ioctl.QUERYMENU == 0xC02C5625
    if ctypes.sizeof(ctypes.c_void_p) == 8:
        assert ioctl.G_EXT_CTRLS == 0xC0205647
        assert ioctl.S_EXT_CTRLS == 0xC0205648
    assert ctypes.sizeof(ioctl.ControlValue) == 20
    assert ioctl.ControlValue.content.offset == 12  # type: ignore[attr-defined] # ctypes' field
    assert ioctl.ControlDescription.minimum.offset == 40  # type: ignore[attr-defined] # as above
    assert ioctl.ControlDescription.flags.offset == 72  # type: ignore[attr-defined] # as above


def test_a_description_is_read_from_the_bytes_that_a_driver_fills_in() -> None:
    raw = struct.pack(
        "=II32sqqQqI", BRIGHTNESS, ioctl.INTEGER, b"Brightness", -64, 64, 1, -8, ioctl.INACTIVE
    ).ljust(ctypes.sizeof(ioctl.ControlDescription), b"\0")
    asked = ioctl.ControlDescription.from_buffer_copy(raw)
    assert (asked.minimum, asked.maximum, asked.step, asked.default) == (-64, 64, 1, -8)
    assert (asked.name, asked.flags) == (b"Brightness", ioctl.INACTIVE)


@pytest.mark.parametrize(("value", "is_long"), [(-5, False), (255, False), (-(1 << 40), True)])
def test_a_value_comes_back_as_it_was_packed(value: int, is_long: bool) -> None:
    assert ioctl.unpacked(ioctl.packed(value, is_long=is_long), is_long=is_long) == value


def test_controls_are_listed_with_kind_range_default_value_and_lock() -> None:
    found = listed(FakeControls())
    assert "user_controls" not in found  # a heading, no control
    brightness = found["brightness"]
    assert brightness.kind is ControlKind.INTEGER
    assert (brightness.minimum, brightness.maximum, brightness.default) == (0, 255, 128)
    assert found["focus_absolute"].inactive
    assert found["focus_absolute"].step == 5
    assert found["pan_relative"].write_only
    assert found["pan_relative"].value is None


def test_a_menu_lists_the_entries_that_the_camera_has() -> None:
    entries = listed(FakeControls())["auto_exposure"].menu
    assert [(entry.value, entry.label) for entry in entries] == [
        (1, "Manual Mode"),
        (3, "Aperture Priority Mode"),
    ]


def test_a_control_has_its_name_on_an_older_kernel_too() -> None:
    camera = FakeControls()
    kind, _, low, high, step, default, flags = camera.known[AUTO_EXPOSURE]
    camera.known[AUTO_EXPOSURE] = (kind, b"Exposure, Auto", low, high, step, default, flags)
    found = listed(camera)
    assert found["auto_exposure"].label == "Exposure, Auto"
    assert "white_balance_automatic" in found


def test_two_controls_of_one_label_and_a_label_that_is_no_text_have_names() -> None:
    camera = FakeControls()
    camera.known[0x0A046D01] = (ioctl.INTEGER, b"Brightness", 0, 1, 1, 0, 0)
    camera.known[0x0A046D02] = (ioctl.INTEGER, b"\xff\xfe", 0, 1, 1, 0, 0)
    camera.values |= {0x0A046D01: 0, 0x0A046D02: 0}
    assert {"brightness", "brightness_2", "control"} <= listed(camera).keys()


def test_a_device_that_lists_the_same_control_for_ever_is_cut_short() -> None:
    class Endless(FakeControls):
        def describe(self, data: ioctl.ControlDescription) -> None:
            data.id, data.type, data.name = BRIGHTNESS, ioctl.INTEGER, b"Brightness"

    assert [*listed(Endless())] == ["brightness"]


def test_a_control_that_the_camera_cannot_describe_hides_only_those_behind_it() -> None:
    class Faulty(FakeControls):
        def describe(self, data: ioctl.ControlDescription) -> None:
            super().describe(data)
            if data.id == AUTO_EXPOSURE:
                raise OSError(errno.EPIPE, "stalled")

    found = listed(Faulty())
    assert "brightness" in found
    assert "auto_exposure" not in found


def test_a_device_without_controls_has_none() -> None:
    class Plain(FakeControls):
        def ask(self, _request: int, _data: Structure, /) -> None:
            raise OSError(errno.ENOTTY, "no such request")

    assert listed(Plain()) == {}


def written(camera: FakeControls, names: Iterable[int]) -> list[int]:
    return [control for control, _ in camera.writes if control in names]


def test_a_manual_value_is_set_after_the_mode_that_locks_it() -> None:
    camera = FakeControls()
    wanted = {"exposure_time_absolute": 100, "focus_absolute": 50, "brightness": 10}
    modes = {"auto_exposure": 1, "focus_automatic_continuous": 0}
    outcome = write_to(camera, {**wanted, **modes})
    assert {*outcome.done} == {*wanted, *modes}
    assert camera.values[EXPOSURE] == 100
    assert camera.values[FOCUS] == 50
    order = [control for control, _ in camera.writes]
    assert order.index(AUTO_EXPOSURE) < order.index(EXPOSURE)
    assert order.index(AUTO_FOCUS) < order.index(FOCUS)


def test_a_value_that_stays_locked_is_told_and_not_written() -> None:
    camera = FakeControls()
    outcome = write_to(camera, {"focus_absolute": 50, "brightness": 10})
    assert outcome.locked == ("focus_absolute",)
    assert outcome.done == ("brightness",)
    assert written(camera, {FOCUS}) == []


def test_what_is_already_so_is_not_written() -> None:
    camera = FakeControls()
    assert write_to(camera, {"brightness": 128}).done == ("brightness",)
    assert camera.writes == []


def test_one_refused_value_does_not_keep_the_others_from_being_set() -> None:
    camera = FakeControls(refuse={BRIGHTNESS: errno.EIO})
    outcome = write_to(camera, {"brightness": 10, "power_line_frequency": 1})
    assert outcome.done == ("power_line_frequency",)
    assert outcome.refused == {"brightness": "the camera refuses it"}


def test_a_value_too_large_for_the_wire_is_a_refusal() -> None:
    outcome = write_to(FakeControls(), {"brightness": 1 << 40})
    assert [*outcome.refused] == ["brightness"]


def test_a_camera_that_goes_away_meanwhile_is_an_error() -> None:
    camera = FakeControls(refuse={BRIGHTNESS: errno.ENODEV})
    with pytest.raises(OSError, match="No such device"):
        write_to(camera, {"brightness": 10})

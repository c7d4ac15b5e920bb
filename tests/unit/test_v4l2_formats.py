"""What a device says of its formats, also one that cannot be trusted."""

from __future__ import annotations

import errno
from ctypes import Structure

import pytest

from portal.cameras.v4l2 import ioctl
from portal.cameras.v4l2.formats import buffer_type, formats_of
from portal.model import CameraFormat

CONTINUOUS, STEPWISE = 2, 3


def fourcc(name: str) -> int:
    return int.from_bytes(name.encode("latin-1"), "little")


class FakeDevice:
    """Answers from tables; past their end it says EINVAL, as a driver does."""

    def __init__(
        self,
        formats: list[int],
        sizes: list[tuple[int, tuple[int, ...]]],
        intervals: list[tuple[int, tuple[int, ...]]],
    ) -> None:
        self.formats, self.sizes, self.intervals = formats, sizes, intervals
        self.questions = 0

    def ask(self, _request: int, data: Structure) -> None:
        self.questions += 1
        try:
            if isinstance(data, ioctl.FormatDescription):
                data.pixel_format = self.formats[data.index]
            elif isinstance(data, ioctl.FrameSize):
                data.type, numbers = self.sizes[data.index]
                data.numbers[: len(numbers)] = [*numbers]
            elif isinstance(data, ioctl.FrameInterval):
                data.type, numbers = self.intervals[data.index]
                data.numbers[: len(numbers)] = [*numbers]
        except IndexError:
            raise OSError(errno.EINVAL, "no more") from None


def found(device: FakeDevice) -> list[CameraFormat]:
    return [*formats_of(device, ioctl.BUF_VIDEO_CAPTURE)]


VGA = (ioctl.DISCRETE, (640, 480))
THIRTY = (ioctl.DISCRETE, (1, 30))


def test_discrete_sizes_and_rates_are_listed_as_they_are() -> None:
    device = FakeDevice([fourcc("MJPG")], [VGA], [(ioctl.DISCRETE, (1001, 30000)), THIRTY])
    (form,) = found(device)
    assert (form.pixel_format, form.width, form.height) == ("MJPG", 640, 480)
    assert form.rates == (30.0, 30000 / 1001)


@pytest.mark.parametrize("kind", [CONTINUOUS, STEPWISE])
def test_a_range_of_sizes_and_rates_becomes_the_common_ones(kind: int) -> None:
    sizes = (kind, (160, 1920, 16, 90, 1080, 2))
    device = FakeDevice([fourcc("YUYV")], [sizes], [(kind, (1, 30, 1, 5, 1, 1))])
    listed = found(device)
    assert (1280, 720) in {(form.width, form.height) for form in listed}
    assert listed[0].rates == (30.0, 25.0, 24.0, 20.0, 15.0, 10.0, 5.0)


def test_a_format_that_the_encoder_does_not_take_is_not_asked_about() -> None:
    device = FakeDevice([fourcc("BA81"), 0xFFFFFFFF], [VGA], [THIRTY])
    assert found(device) == []
    assert device.questions == 3


@pytest.mark.parametrize("nonsense", [(1, 0), (0, 30), (0, 0), (1, 0xFFFFFFFF)])
def test_a_rate_that_is_none_is_left_out(nonsense: tuple[int, int]) -> None:
    device = FakeDevice([fourcc("YUYV")], [VGA], [(ioctl.DISCRETE, nonsense), THIRTY])
    assert found(device)[0].rates == (30.0,)


def test_a_range_without_a_lower_end_keeps_its_upper_one() -> None:
    device = FakeDevice([fourcc("YUYV")], [VGA], [(STEPWISE, (1, 30, 1, 0, 0, 0))])
    assert found(device)[0].rates[0] == 30.0
    assert 0.0 not in found(device)[0].rates


@pytest.mark.parametrize("nonsense", [(0, 480), (640, 0), (0xFFFFFFFF, 480)])
def test_a_size_that_is_none_is_left_out(nonsense: tuple[int, int]) -> None:
    device = FakeDevice([fourcc("YUYV")], [(ioctl.DISCRETE, nonsense), VGA], [THIRTY])
    assert [(form.width, form.height) for form in found(device)] == [(640, 480)]


def test_what_is_listed_twice_is_listed_once() -> None:
    device = FakeDevice([fourcc("YUYV")] * 2, [VGA, VGA], [THIRTY, THIRTY])
    assert len(found(device)) == 1


def test_an_enumeration_without_an_end_is_cut() -> None:
    class Endless(FakeDevice):
        def ask(self, _request: int, data: Structure) -> None:
            self.questions += 1
            if isinstance(data, ioctl.FormatDescription):
                data.pixel_format = fourcc("YUYV")
            elif isinstance(data, ioctl.FrameSize):
                data.type, data.numbers[:2] = ioctl.DISCRETE, [data.index + 1, 480]
            elif isinstance(data, ioctl.FrameInterval):
                data.type, data.numbers[:2] = ioctl.DISCRETE, [1, data.index + 1]

    device = Endless([], [], [])
    assert found(device)
    assert device.questions < 5000


def test_a_device_that_goes_away_meanwhile_is_an_error() -> None:
    class Pulled(FakeDevice):
        def ask(self, _request: int, _data: Structure) -> None:
            raise OSError(errno.ENODEV, "No such device")

    with pytest.raises(OSError, match="No such device"):
        found(Pulled([], [], []))


@pytest.mark.parametrize(
    ("whole", "node", "expected"),
    [
        (0x80000001, 0x1, ioctl.BUF_VIDEO_CAPTURE),
        (0x80001001, 0x1000, ioctl.BUF_VIDEO_CAPTURE_MPLANE),
        (0x80000001, 0x00800000, None),  # the metadata node of a camera that captures
        (0x1, 0x0, ioctl.BUF_VIDEO_CAPTURE),  # a driver that does not tell its nodes apart
    ],
)
def test_how_pictures_come_is_told_by_the_node_not_by_the_whole_thing(
    whole: int, node: int, expected: int | None
) -> None:
    assert buffer_type(ioctl.Capability(capabilities=whole, device_caps=node)) == expected

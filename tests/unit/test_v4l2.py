"""What a device's answers and refusals become."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from portal.cameras.v4l2 import explained, holders, rates_within, read_formats, sizes_within
from portal.errors import CameraError
from portal.model import PIXEL_FORMATS
from portal.publish.formats import INPUT_FORMATS


def test_a_device_is_asked_for_the_formats_that_the_encoder_takes_and_no_others() -> None:
    assert set(INPUT_FORMATS) == PIXEL_FORMATS


def test_a_discrete_rate_is_one_rate() -> None:
    assert rates_within(29.97, 29.97) == [29.97]


def test_a_range_of_rates_offers_its_ends_and_the_common_ones() -> None:
    assert rates_within(25.0, 1.0) == [25.0, 24.0, 20.0, 15.0, 10.0, 5.0, 1.0]


def test_a_device_that_names_no_rate_has_none() -> None:
    assert rates_within(0.0, 0.0) == []


def test_a_range_of_sizes_offers_the_common_ones_and_its_largest() -> None:
    sizes = sizes_within((320, 1920, 2), (180, 1200, 2))
    assert (1280, 720) in sizes
    assert (1920, 1200) in sizes
    assert (3840, 2160) not in sizes


def test_a_size_between_two_steps_is_not_offered() -> None:
    assert (640, 360) not in sizes_within((16, 4096, 16), (16, 4096, 16))
    assert (640, 480) in sizes_within((16, 4096, 16), (16, 4096, 16))


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "may not be opened"),
        (errno.EBUSY, "is in use by another program"),
        (errno.ENODEV, "is gone"),
        (errno.ENOTTY, "does not answer as a V4L2 camera"),
        (errno.EPROTO, "does not answer its driver"),
        (errno.ENOSPC, "gets no bandwidth on its USB bus"),
        (errno.ENOMEM, "cannot be used"),
    ],
)
def test_a_refusal_is_explained_with_the_device_s_name(number: int, words: str) -> None:
    error = explained(OSError(number, os.strerror(number)), "/dev/video63")
    assert "/dev/video63" in error.message
    assert words in error.message


def test_who_holds_a_busy_device_is_named(tmp_path: Path) -> None:
    node = tmp_path / "video0"
    with node.open("w"):
        error = explained(OSError(errno.EBUSY, "busy"), str(node))
        assert f"(pid {os.getpid()})" in error.message
    assert holders(str(node)) == []


def test_what_is_no_device_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="is gone"):
        read_formats(str(tmp_path / "video0"))
    (tmp_path / "video0").touch()
    with pytest.raises(CameraError, match="does not answer as a V4L2 camera"):
        read_formats(str(tmp_path / "video0"))

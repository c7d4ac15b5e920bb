"""The clock in the benchmark's picture."""

from __future__ import annotations

import numpy as np
import pytest

from bench import stamp

NOW_US = 1_790_000_000_123_456


@pytest.mark.parametrize("micros", [0, 1, NOW_US % 2**48, 2**48 - 1])
def test_a_stamp_is_read_back(micros: int) -> None:
    assert stamp.decode(stamp.encode(micros)) == micros


def test_of_a_time_the_low_48_bits_are_kept() -> None:
    assert stamp.decode(stamp.encode(NOW_US)) == NOW_US % 2**48


def test_a_stamp_survives_what_an_encoder_does_to_it() -> None:
    rng = np.random.default_rng(1)
    luma = stamp.encode(NOW_US).astype(np.int16)
    blurred = (luma + np.roll(luma, 3, axis=1) + np.roll(luma, 3, axis=0)) // 3
    noisy = (blurred + rng.integers(-40, 41, size=luma.shape)).clip(0, 255).astype(np.uint8)
    assert stamp.decode(noisy) == NOW_US % 2**48


def test_a_torn_stamp_is_not_believed() -> None:
    torn = stamp.encode(NOW_US)
    below = 3 * stamp.CELL_PX
    torn[below:] = stamp.encode(NOW_US + 33_333)[below:]
    assert stamp.decode(torn) is None


def test_a_picture_without_a_stamp_gives_none() -> None:
    grey = np.full((stamp.HEIGHT_PX, stamp.WIDTH_PX), 128, dtype=np.uint8)
    assert stamp.decode(grey) is None

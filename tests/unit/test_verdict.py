"""When does a picture move?"""

from __future__ import annotations

import random

from portal.verdict import MotionMeter

SIZE = 160 * 90


def _moves(frames: list[bytes]) -> bool:
    meter = MotionMeter()
    for frame in frames:
        meter.add(frame)
    return meter.is_moving


def _still(level: int = 100) -> bytes:
    return bytes([level]) * SIZE


def test_equal_frames_are_a_still_picture() -> None:
    assert not _moves([_still()] * 60)


def test_no_frame_and_one_frame_do_not_move() -> None:
    assert not _moves([])
    assert not _moves([_still()])


def test_what_a_keyframe_changes_in_a_still_picture_is_no_motion() -> None:
    # As measured at 400 kbit/s: a fifth of the samples, by 17 at most, once a second.
    refined = bytes(117 if n % 5 == 0 else 100 for n in range(SIZE))
    assert not _moves([_still()] * 20 + [refined] * 30 + [_still()] * 30)


def test_decoder_noise_of_a_few_samples_is_no_motion() -> None:
    speck = bytes([104, 104]) + _still()[2:]
    assert not _moves([_still(), speck] * 30)


def test_a_picture_that_comes_back_again_and_again_is_no_motion() -> None:
    """A frozen source with five keyframes a second: every frame differs from the one before."""
    rng = random.Random(1)  # noqa: S311 - an encoder's rounding, not secrets
    round_trip = [bytes(100 + rng.randrange(12) for _ in range(SIZE)) for _ in range(24)]
    meter = MotionMeter()
    for number in range(60):
        meter.add(round_trip[number % 24], number / 30)
    assert not meter.is_moving


def test_the_noise_of_a_camera_before_a_blank_wall_is_motion() -> None:
    rng = random.Random(1)  # noqa: S311 - grain, not secrets
    grain = [
        bytes(100 + (rng.choice((-4, 4)) if rng.random() < 0.01 else 0) for _ in range(SIZE))
        for _ in range(20)
    ]
    assert _moves(grain)


def test_a_clock_that_changes_one_digit_a_second_is_motion() -> None:
    digit = bytes([220]) * 7 + _still()[7:]
    assert _moves([_still()] * 29 + [digit] * 30)


def test_a_change_of_size_does_not_confuse_it() -> None:
    assert not _moves([_still()] * 30 + [bytes([100]) * 100] * 30)

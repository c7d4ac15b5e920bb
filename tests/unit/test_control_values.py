"""Which values a control takes, and what is said of those that it does not."""

from __future__ import annotations

import pytest

from portal.cameras.ranges import Wish, range_of, value_of, values_of
from portal.errors import ControlError
from portal.model import CameraControl, MenuEntry
from portal.words import ControlKind

BRIGHTNESS = CameraControl(
    name="brightness", label="Brightness", kind=ControlKind.INTEGER,
    minimum=-64, maximum=64, step=2, default=0, value=3,
)  # fmt: skip
AUTO = CameraControl(
    name="white_balance_automatic", label="x", kind=ControlKind.BOOLEAN, maximum=1, default=1
)
POWER = CameraControl(
    name="power_line_frequency", label="x", kind=ControlKind.MENU, maximum=3, default=1,
    menu=(MenuEntry(value=0, label="Disabled"), MenuEntry(value=1, label="50 Hz")),
)  # fmt: skip
RESET = CameraControl(name="pan_reset", label="x", kind=ControlKind.BUTTON, write_only=True)


@pytest.mark.parametrize(
    ("control", "wish", "value"),
    [
        (BRIGHTNESS, 10, 10),
        (BRIGHTNESS, "-64", -64),
        (AUTO, True, 1),
        (AUTO, "Off", 0),
        (AUTO, 1, 1),
        (POWER, 1, 1),
        (POWER, "50 hz", 1),
        (POWER, "0", 0),
        (RESET, "now", 1),
    ],
)
def test_a_value_may_be_said_as_people_say_it(
    control: CameraControl, wish: Wish, value: int
) -> None:
    assert value_of(control, wish) == value


@pytest.mark.parametrize(
    ("control", "wish", "words"),
    [
        (BRIGHTNESS, 65, "brightness cannot be 65; it takes -64 to 64 in steps of 2 (default 0)"),
        (BRIGHTNESS, "bright", "brightness cannot be bright"),
        (BRIGHTNESS, True, "brightness cannot be true"),
        (AUTO, 2, "it takes on or off"),
        (POWER, 2, "power_line_frequency cannot be 2; it takes 0 (Disabled), 1 (50 Hz)"),
        (POWER, "55 Hz", "power_line_frequency cannot be 55 Hz"),
        (BRIGHTNESS, "\u0661", "brightness cannot be"),
    ],
)
def test_a_refusal_names_control_value_and_range(
    control: CameraControl, wish: Wish, words: str
) -> None:
    with pytest.raises(ControlError) as refused:
        value_of(control, wish)
    assert words in str(refused.value)


def test_an_unknown_name_is_answered_with_the_one_that_was_meant() -> None:
    with pytest.raises(ControlError, match="no control 'britness'; did you mean brightness"):
        values_of([BRIGHTNESS, AUTO], {"britness": 1})
    with pytest.raises(ControlError, match="it has brightness, white_balance_automatic"):
        values_of([BRIGHTNESS, AUTO], {"zoom": 1})
    with pytest.raises(ControlError, match="it has none"):
        values_of([], {"zoom": 1})


def test_a_read_only_control_is_not_set() -> None:
    fixed = CameraControl(name="privacy", label="x", kind=ControlKind.BOOLEAN, read_only=True)
    with pytest.raises(ControlError, match="read-only"):
        value_of(fixed, 1)


def test_each_kind_has_its_range_in_words() -> None:
    assert range_of(AUTO) == "on or off (default on)"
    assert range_of(POWER) == "0 (Disabled), 1 (50 Hz) (default 1)"
    assert range_of(RESET) == "anything: it is a button"

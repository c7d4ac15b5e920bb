"""What people set on a camera is kept for that camera and set again at each plug."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from portal.cameras.controls import CameraControls
from portal.errors import CameraError, ControlError, StoreError
from portal.model import Camera
from tests.fakes.controlled_cameras import DOOR, MOVED, TEST_PICTURE, VGA, Bench, bench
from tests.fakes.v4l2_device import (
    AUTO_EXPOSURE,
    AUTO_FOCUS,
    BRIGHTNESS,
    EXPOSURE,
    FOCUS,
    FakeControls,
)

__all__ = ["bench"]  # a fixture


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - a fake device tells no event
            await asyncio.sleep(0.005)


async def test_what_was_set_is_set_again_under_another_node(bench: Bench) -> None:
    async with bench.running():
        bench.plug(DOOR, FakeControls())
        after = await bench.controls.set(DOOR, {"brightness": 10})
        assert {control.name: control.value for control in after}["brightness"] == 10
        bench.pull(DOOR)
        bench.plug(MOVED, FakeControls())
        await until(lambda: bench.devices["/dev/video4"].values[BRIGHTNESS] == 10)


async def test_what_was_set_is_set_again_after_a_restart(bench: Bench) -> None:
    bench.plug(DOOR, FakeControls())
    await bench.controls.set(DOOR, {"brightness": 10})
    bench.devices[DOOR.device] = FakeControls()
    bench.controls = CameraControls(bench.state, bench.store)
    async with bench.running():
        await until(lambda: bench.devices[DOOR.device].values[BRIGHTNESS] == 10)


async def test_another_camera_is_left_as_it_is(bench: Bench) -> None:
    other = Camera(id="desk", name="Desk", source="usb", device="/dev/video2", formats=(VGA,))
    async with bench.running():
        bench.plug(DOOR, FakeControls())
        await bench.controls.set(DOOR, {"brightness": 10})
        bench.pull(DOOR)
        bench.plug(other, FakeControls())
        bench.plug(MOVED, FakeControls())
        await until(lambda: bench.devices["/dev/video4"].values[BRIGHTNESS] == 10)
        assert bench.devices["/dev/video2"].writes == []


async def test_a_mode_is_set_before_the_value_that_it_locks_also_at_a_plug(bench: Bench) -> None:
    async with bench.running():
        bench.plug(DOOR, FakeControls())
        await bench.controls.set(DOOR, {"exposure_time_absolute": 90, "auto_exposure": 1})
        bench.pull(DOOR)
        bench.plug(MOVED, FakeControls())
        await until(lambda: bench.devices["/dev/video4"].values[EXPOSURE] == 90)
        assert bench.devices["/dev/video4"].writes[0] == (AUTO_EXPOSURE, 1)


async def test_a_value_under_an_automatic_mode_is_refused_and_the_mode_named(bench: Bench) -> None:
    bench.plug(DOOR, FakeControls())
    with pytest.raises(ControlError, match=r"focus_absolute is locked.*focus_automatic_continuous"):
        await bench.controls.set(DOOR, {"focus_absolute": 50})
    assert await bench.controls.kept(DOOR) == {}


async def test_a_kept_value_comes_back_when_its_mode_is_switched_off_again(bench: Bench) -> None:
    camera = FakeControls()
    bench.plug(DOOR, camera)
    await bench.controls.set(DOOR, {"focus_automatic_continuous": False, "focus_absolute": 50})
    await bench.controls.set(DOOR, {"focus_automatic_continuous": True})
    camera.values[FOCUS] = 120  # where the automatic focus went
    await bench.controls.set(DOOR, {"focus_automatic_continuous": False})
    assert camera.values[FOCUS] == 50


async def test_nothing_is_written_when_one_of_several_is_out_of_range(bench: Bench) -> None:
    camera = FakeControls()
    bench.plug(DOOR, camera)
    with pytest.raises(ControlError, match="power_line_frequency cannot be 9"):
        await bench.controls.set(DOOR, {"brightness": 10, "power_line_frequency": 9})
    assert camera.writes == []


async def test_a_relative_movement_is_done_once_and_not_kept(bench: Bench) -> None:
    bench.plug(DOOR, FakeControls())
    await bench.controls.set(DOOR, {"pan_relative": 5})
    assert await bench.controls.kept(DOOR) == {}


async def test_one_control_or_all_are_reset_and_forgotten(bench: Bench) -> None:
    camera = FakeControls()
    bench.plug(DOOR, camera)
    await bench.controls.set(
        DOOR, {"brightness": 10, "power_line_frequency": 1, "focus_automatic_continuous": False}
    )
    await bench.controls.reset(DOOR, ["brightness"])
    assert camera.values[BRIGHTNESS] == 128
    assert (await bench.controls.kept(DOOR)).keys() == {
        "power_line_frequency",
        "focus_automatic_continuous",
    }
    await bench.controls.reset(DOOR)
    assert camera.values == FakeControls().values
    assert camera.values[AUTO_FOCUS] == 1
    assert await bench.controls.kept(DOOR) == {}


async def test_a_refused_control_is_a_fault_and_the_others_are_set(bench: Bench) -> None:
    async with bench.running():
        bench.plug(DOOR, FakeControls())
        await bench.controls.set(DOOR, {"brightness": 10, "power_line_frequency": 1})
        bench.pull(DOOR)
        bench.plug(MOVED, FakeControls(refuse={BRIGHTNESS: errno.EIO}))
        await until(lambda: bench.state.snapshot.faults)
        (fault,) = bench.state.snapshot.faults
        assert fault.key == "controls:door"
        assert "brightness was refused: the camera refuses it" in fault.message
        assert "portal cameras reset door" in fault.remedy
        assert [*bench.devices["/dev/video4"].values.values()].count(1) > 1

        bench.pull(MOVED)
        await until(lambda: not bench.state.snapshot.faults)


async def test_a_camera_that_starts_up_is_asked_again(bench: Bench) -> None:
    bench.plug(DOOR, FakeControls())
    await bench.controls.set(DOOR, {"brightness": 10})
    slow = FakeControls(refuse={BRIGHTNESS: errno.ETIMEDOUT})
    bench.devices[DOOR.device] = slow
    async with bench.running():
        await asyncio.sleep(0)
        slow.refuse.clear()
        await until(lambda: slow.values[BRIGHTNESS] == 10)
    assert bench.state.snapshot.faults == ()


async def test_a_value_that_a_new_firmware_does_not_take_is_a_fault(bench: Bench) -> None:
    bench.plug(DOOR, FakeControls())
    await bench.controls.set(DOOR, {"brightness": 200, "power_line_frequency": 1})
    smaller = FakeControls()
    kind, label, low, _, step, _, flags = smaller.known[BRIGHTNESS]
    smaller.known[BRIGHTNESS] = (kind, label, low, 100, step, 50, flags)
    bench.devices[DOOR.device] = smaller
    async with bench.running():
        await until(lambda: bench.state.snapshot.faults)
    assert "brightness cannot be 200 any more" in bench.state.snapshot.faults[0].message
    assert smaller.values[BRIGHTNESS] == 128


async def test_a_test_picture_has_no_controls(bench: Bench) -> None:
    assert await bench.controls.controls(TEST_PICTURE) == ()
    with pytest.raises(ControlError, match="test is no device"):
        await bench.controls.set(TEST_PICTURE, {"brightness": 1})


async def test_a_camera_that_was_pulled_meanwhile_says_so(bench: Bench) -> None:
    with pytest.raises(CameraError, match="/dev/video0 is gone"):
        await bench.controls.set(DOOR, {"brightness": 1})


async def test_what_cannot_be_kept_is_said(bench: Bench, tmp_path: Path) -> None:
    camera = FakeControls()
    bench.plug(DOOR, camera)
    (tmp_path / "controls.json").mkdir()
    with pytest.raises(StoreError, match=r"controls\.json cannot be read"):
        await bench.controls.set(DOOR, {"brightness": 10})

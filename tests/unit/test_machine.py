"""A verdict on an encoder holds as long as the machine is the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal.config import VideoSection
from portal.publish.machine import Machine

VIDEO = VideoSection()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A Raspberry Pi with its codec and a USB camera."""
    for number, name, place in (
        (0, "HD Webcam", "pci0/usb1/1-2/1-2:1.0"),
        (11, "bcm2835-codec-encode", "platform/bcm2835-codec"),
    ):
        device = tmp_path / "sys/devices" / place / f"video4linux/video{number}"
        device.mkdir(parents=True)
        (device / "name").write_text(f"{name}\n")
        listed = tmp_path / "sys/class/video4linux"
        listed.mkdir(parents=True, exist_ok=True)
        (listed / f"video{number}").symlink_to(device)
    model = tmp_path / "proc/device-tree/model"
    model.parent.mkdir(parents=True)
    model.write_text("Raspberry Pi 4 Model B\0")
    (tmp_path / "ffmpeg").write_text("5.1")
    return tmp_path


def test_only_what_has_a_device_is_tried_in_the_order_of_preference(root: Path) -> None:
    assert [one.name for one in Machine(root).candidates("auto")] == ["h264_v4l2m2m"]
    (root / "dev/dri").mkdir(parents=True)
    for name in ("dri/renderD128", "nvidia0", "vchiq"):
        (root / "dev" / name).touch()
    names = [one.name for one in Machine(root).candidates("auto")]
    assert names == ["h264_nvenc", "h264_vaapi", "h264_v4l2m2m", "h264_omx"]
    (vaapi,) = Machine(root).candidates("vaapi")
    assert vaapi.device.endswith("/dev/dri/renderD128")


def test_x264_and_a_machine_without_hardware_have_nothing_to_try(tmp_path: Path) -> None:
    assert Machine(tmp_path).candidates("auto") == []
    assert Machine().candidates("x264") == []


def test_a_camera_that_is_pulled_makes_no_new_machine_but_a_new_ffmpeg_or_codec_does(
    root: Path,
) -> None:
    ffmpeg = str(root / "ffmpeg")
    before = Machine(root).fingerprint(ffmpeg, VIDEO)
    (root / "sys/class/video4linux/video0").unlink()
    assert Machine(root).fingerprint(ffmpeg, VIDEO) == before

    changed = {before, Machine(root).fingerprint(ffmpeg, VideoSection(fps=60))}
    (root / "ffmpeg").write_text("7.1.1")
    changed.add(Machine(root).fingerprint(ffmpeg, VIDEO))
    (root / "proc/device-tree/model").write_text("Raspberry Pi 5\0")
    changed.add(Machine(root).fingerprint(ffmpeg, VIDEO))
    (root / "sys/class/video4linux/video11").unlink()
    changed.add(Machine(root).fingerprint(ffmpeg, VIDEO))
    assert len(changed) == 5

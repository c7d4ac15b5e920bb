"""Which cameras a site's configuration means, and in which order."""

from __future__ import annotations

from portal.cameras.preference import listed, wants_devices
from portal.cameras.recognition import Recognition
from portal.config import CameraSection
from portal.model import Camera
from tests.unit.test_camera_identity import VIVID, device

FIRST = device(0, port="1-1", serial="AAAA1111", plugged_at=1)
SECOND = device(2, port="1-2", serial="BBBB2222", plugged_at=2, product="Other")
PRESENT = [FIRST, SECOND, VIVID]


def cameras(*sections: CameraSection) -> list[Camera]:
    return [*listed(sections, PRESENT, Recognition().assign(PRESENT), {})]


def nodes(*sections: CameraSection) -> list[str]:
    return [camera.device or camera.source for camera in cameras(*sections)]


def usb(name: str, match: str = "") -> CameraSection:
    return CameraSection(name=name, match=match)


PATTERN = CameraSection(name="test", source="pattern")


def test_without_configuration_every_usb_camera_is_listed_as_it_was_plugged() -> None:
    assert nodes() == [FIRST.node, SECOND.node]
    assert wants_devices(())


def test_the_order_is_that_of_the_configuration() -> None:
    assert nodes(usb("a", "BBBB2222"), PATTERN, usb("b", "AAAA1111")) == [
        SECOND.node,
        "pattern",
        FIRST.node,
    ]


def test_any_camera_means_one_that_nobody_names() -> None:
    assert nodes(usb("any"), usb("named", "AAAA1111")) == [SECOND.node, FIRST.node]


def test_a_camera_is_listed_once() -> None:
    assert nodes(usb("a", "046d:082d"), usb("b", "046d:082d"), usb("c", "046d:082d")) == [
        FIRST.node,
        SECOND.node,
    ]


def test_what_is_not_there_is_not_listed() -> None:
    assert nodes(usb("door", "ffff:ffff"), PATTERN) == ["pattern"]


def test_a_platform_device_is_listed_when_it_is_named() -> None:
    assert nodes(usb("lab", "platform:vivid.0")) == [VIVID.node]


def test_a_named_camera_bears_its_section_s_name_and_any_other_its_product_s() -> None:
    assert [camera.name for camera in cameras(usb("Door", "BBBB2222"), usb("usb"))] == [
        "Door",
        "HD Pro Webcam C920",
    ]


def test_ffmpeg_s_arguments_come_from_the_configuration_alone() -> None:
    section = CameraSection(name="roof", source="ffmpeg", input=("-i", "rtsp://roof/1"))
    (camera,) = cameras(section)
    assert camera.input == ("-i", "rtsp://roof/1")
    assert not wants_devices([section])

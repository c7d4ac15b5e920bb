"""Which cameras a site's configuration means, and in which order."""

from __future__ import annotations

from portal.cameras.preference import is_first_choice, listed, wants_devices
from portal.cameras.recognition import Recognition
from portal.config import CameraSection, VideoSection
from portal.model import Camera
from tests.unit.test_camera_identity import PATH_LETTERS, VIVID, device

FIRST = device(0, port="1-1", serial="AAAA1111", plugged_at=1)
SECOND = device(2, port="1-2", serial="BBBB2222", plugged_at=2, product="Other")
PRESENT = [FIRST, SECOND, VIVID]


def cameras(*sections: CameraSection, chosen: str = "") -> list[Camera]:
    return [*listed(sections, PRESENT, Recognition().assign(PRESENT), {}, chosen=chosen)]


def nodes(*sections: CameraSection, chosen: str = "") -> list[str]:
    return [camera.device or camera.source for camera in cameras(*sections, chosen=chosen)]


SECOND_ID = "046d-082d-BBBB2222"


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


def test_the_chosen_camera_goes_before_the_first_plugged() -> None:
    assert nodes(chosen=SECOND_ID) == [SECOND.node, FIRST.node]
    assert nodes(usb("any"), PATTERN, chosen=SECOND_ID) == [SECOND.node, FIRST.node, "pattern"]


def test_the_configuration_goes_before_the_choice() -> None:
    assert nodes(usb("a", "AAAA1111"), usb("b"), chosen=SECOND_ID) == [FIRST.node, SECOND.node]
    assert nodes(PATTERN, usb("b"), chosen=SECOND_ID) == ["pattern", SECOND.node, FIRST.node]


def test_among_those_that_a_section_means_the_choice_counts() -> None:
    assert nodes(usb("a", "046d:082d"), chosen=SECOND_ID) == [SECOND.node, FIRST.node]


def test_a_section_that_takes_any_camera_takes_all_that_are_left() -> None:
    assert nodes(usb("any"), PATTERN) == [FIRST.node, SECOND.node, "pattern"]
    assert nodes(usb("one"), PATTERN, usb("two")) == [FIRST.node, "pattern", SECOND.node]


def test_cameras_of_one_section_have_names_of_their_own() -> None:
    names = [camera.name for camera in cameras(usb("Door", "046d:082d"))]
    assert names == ["Door", "Door (port 1-2)"]


def test_a_camera_is_turned_as_its_section_says_else_as_all() -> None:
    turned = CameraSection(name="door", match="AAAA1111", rotate=90, mirror=False)
    upright = CameraSection(name="desk", match="BBBB2222", rotate=0)
    video = VideoSection(rotate=180, mirror=True)
    ids = Recognition().assign(PRESENT)
    found = listed((turned, upright, usb("any")), PRESENT, ids, {}, video=video)
    assert [(one.rotate, one.mirror) for one in found] == [(90, False), (0, True)]
    assert [one.rotate for one in listed((), PRESENT, ids, {}, video=video)] == [180, 180]


def test_a_camera_knows_its_port_and_its_rank() -> None:
    found = cameras(usb("a", "BBBB2222"), usb("b"))
    assert [(one.port, one.rank) for one in found] == [("1-2", 0), ("1-1", 1)]


def test_a_name_that_is_no_path_becomes_an_id_that_is() -> None:
    sections = [CameraSection(name=name, source="pattern") for name in ("Tür 1", "Tür/1", "a")]
    ids = [camera.id for camera in cameras(*sections)]
    assert ids[2] == "pattern-a"
    assert len(set(ids)) == 3
    assert all(set(one) <= PATH_LETTERS for one in ids)


def test_a_camera_that_is_not_there_is_still_the_first_choice_of_who_means_it() -> None:
    recognition = Recognition()
    recognition.assign(PRESENT)
    known = recognition.known()
    for match in ("BBBB2222", "046d:082d", "1-2", "Other", SECOND_ID):
        assert is_first_choice(SECOND_ID, (usb("a", match), PATTERN), known), match
    assert is_first_choice(SECOND_ID, (), known)
    assert is_first_choice(SECOND_ID, (usb("any"), usb("a", "AAAA1111")), known)
    assert not is_first_choice(SECOND_ID, (usb("any"), usb("a", "BBBB2222")), known)
    assert not is_first_choice(SECOND_ID, (usb("a", "AAAA1111"), usb("any")), known)
    assert not is_first_choice(SECOND_ID, (PATTERN, usb("any")), known)
    assert not is_first_choice("stranger", (), known)
    assert not is_first_choice("", (), known)
    assert is_first_choice("pattern-test", (PATTERN, usb("any")), known)

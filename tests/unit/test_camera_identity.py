"""Which nodes are cameras, and what they are called through replugging and renumbering."""

from __future__ import annotations

import string

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.cameras.identity import (
    VideoDevice,
    cameras_among,
    display_names,
    has_real_serial,
    is_same_thing,
    matching,
)
from portal.cameras.recognition import Recognition

PATH_LETTERS = set(string.ascii_letters + string.digits + "._-")


def device(number: int = 0, *, port: str = "1-2", **changes: object) -> VideoDevice:
    """A C920's capture node."""
    place = port.partition("-")[2]
    usual = VideoDevice(
        node=f"/dev/video{number}",
        links=("/dev/v4l/by-id/usb-046d_HD_Pro_Webcam_C920_8A1B2C3D-video-index0",),
        captures=True,
        is_usb=True,
        vendor="046d",
        model="082d",
        serial="8A1B2C3D",
        path=f"pci-0000:00:14.0-usb-0:{place}:1.0",
        port=port,
        physical=f"/devices/usb1/{port}",
        product="HD Pro Webcam C920",
        driver="uvcvideo",
        plugged_at=number,
    )
    return msgspec.structs.replace(usual, **changes)


VIVID = VideoDevice(
    node="/dev/video7",
    captures=True,
    path="platform-vivid.0",
    physical="/devices/platform/vivid.0/video4linux/video7",
    product="vivid",
    driver="vivid",
)


@pytest.mark.parametrize("serial", ["8A1B2C3D", "7F3A9E10", "SN2208E1F0", "A0001"])
def test_a_serial_that_names_one_camera_is_believed(serial: str) -> None:
    assert has_real_serial(serial)


@pytest.mark.parametrize(
    "serial", ["", "1", "0001", "00000", "00000001", "12345", "123456789", "200901010001", "fffff"]
)
def test_a_serial_that_many_cameras_share_is_not_believed(serial: str) -> None:
    assert not has_real_serial(serial)


def test_a_camera_keeps_its_id_in_another_port_under_another_number() -> None:
    before = Recognition().assign([device(0, port="1-2")])
    after = Recognition().assign([device(4, port="3-1.4")])
    assert list(before.values()) == list(after.values())


def test_cameras_without_a_serial_are_told_apart_by_their_ports() -> None:
    ids = Recognition().assign(
        [device(0, port="1-2", serial=""), device(2, port="1-3", serial="0001")]
    )
    again = Recognition().assign(
        [device(0, port="1-3", serial="0001"), device(2, port="1-2", serial="")]
    )
    assert len(set(ids.values())) == 2
    assert ids["/dev/video0"] == again["/dev/video2"]


def test_twins_with_one_serial_keep_their_ids_whichever_comes_back_first() -> None:
    identities = Recognition()
    left, right = device(0, port="1-2"), device(2, port="1-3")
    identities.assign([left])
    both = identities.assign([left, right])
    assert both[left.node] != both[right.node]

    identities.assign([])
    back = msgspec.structs.replace(right, node="/dev/video0")
    assert identities.assign([back]) == {"/dev/video0": both[right.node]}


def test_a_second_camera_does_not_rename_the_first() -> None:
    identities = Recognition()
    first = identities.assign([device(0)])
    both = identities.assign([device(0), device(2, port="1-1")])
    assert both["/dev/video0"] == first["/dev/video0"]
    names = display_names([device(0), device(2, port="1-1")])
    assert names["/dev/video0"] == "HD Pro Webcam C920"
    assert names["/dev/video2"] == "HD Pro Webcam C920 (port 1-1)"


def test_metadata_and_second_nodes_are_no_cameras() -> None:
    metadata = device(1, captures=False, index=1)
    infrared = device(2, interface=2, path="pci-0000:00:14.0-usb-0:2:1.2")
    assert cameras_among([infrared, metadata, device(0)]) == [device(0)]


def test_what_is_no_usb_device_is_a_camera_only_by_name() -> None:
    assert cameras_among([VIVID]) == []
    assert matching("vivid", [VIVID], {}) == [VIVID]


def test_cameras_are_in_order_of_plugging() -> None:
    early, late = device(4, port="1-1", plugged_at=5), device(0, port="1-2", plugged_at=9)
    assert cameras_among([late, early]) == [early, late]


@pytest.mark.parametrize(
    "match",
    [
        "8A1B2C3D",
        "8a1b2c3d",
        "046d:082d",
        "046D:082D",
        "1-2",
        "pci-0000:00:14.0-usb-0:2:1.0",
        "pci-0000:00:14.0-usb-0:2",
        "046d-082d-8A1B2C3D",
        "/dev/video0",
        "/dev/v4l/by-id/usb-046d_HD_Pro_Webcam_C920_8A1B2C3D-video-index0",
        "HD Pro Webcam C920",
    ],
)
def test_a_camera_is_matched_by_whatever_names_it(match: str) -> None:
    other = device(2, port="1-3", vendor="1bcf", model="0001", serial="", links=(), product="Other")
    ids = Recognition().assign([device(0), other])
    assert matching(match, [device(0), other], ids) == [device(0)]


@pytest.mark.parametrize("match", ["platform:vivid.0", "platform-vivid.0", "vivid", "/dev/video7"])
def test_a_platform_device_is_matched_by_driver_place_or_node(match: str) -> None:
    assert matching(match, [device(0), VIVID], {}) == [VIVID]


def test_a_match_for_nothing_finds_nothing() -> None:
    assert matching("046d", [device(0)], {}) == []
    assert matching(":", [VIVID], {}) == []


def test_a_driver_that_repeats_the_product_is_shortened() -> None:
    shown = display_names([device(0, product="C922 Pro Stream: C922 Pro Stream")])
    assert shown["/dev/video0"] == "C922 Pro Stream"


def test_a_new_link_makes_no_new_camera_and_a_replug_does() -> None:
    assert is_same_thing(device(0), device(0, links=()))
    assert not is_same_thing(device(0), device(0, plugged_at=99))


devices = st.builds(
    VideoDevice,
    node=st.integers(0, 63).map("/dev/video{}".format),
    captures=st.booleans(),
    is_usb=st.booleans(),
    vendor=st.sampled_from(["", "046d"]),
    model=st.sampled_from(["082d", "0001"]),
    serial=st.sampled_from(["", "0001", "8A1B2C3D"]) | st.text(max_size=12),
    path=st.sampled_from(["", "pci-0-usb-0:1:1.0", "pci-0-usb-0:1:1.2"]) | st.text(max_size=12),
    physical=st.sampled_from(["/a", "/b"]),
    product=st.text(max_size=80),
)


@given(st.lists(devices, unique_by=lambda one: one.node, max_size=6), st.data())
def test_ids_are_unique_stay_and_fit_a_path(found: list[VideoDevice], data: st.DataObject) -> None:
    identities = Recognition()
    ids = identities.assign(found)
    assert len(set(ids.values())) == len(found)
    assert all(name and set(name) <= PATH_LETTERS for name in ids.values())
    kept = data.draw(st.lists(st.sampled_from(found), unique=True)) if found else []
    later = identities.assign(kept)
    assert later == {one.node: ids[one.node] for one in kept}

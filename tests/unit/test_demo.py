"""The demo's two sites fit together."""

from __future__ import annotations

from portal.config import parse_config
from portal.demo.site import default_config


def test_each_site_names_the_other_as_its_peer() -> None:
    first, second = (parse_config(default_config(number)) for number in (0, 1))
    assert (first.peers[0].name, first.peers[0].address) == (
        second.site.name,
        second.site.address,
    )
    assert (second.peers[0].name, second.peers[0].address) == (first.site.name, first.site.address)
    assert first.ports == second.ports


def test_only_the_first_site_takes_a_camera_that_is_plugged_in() -> None:
    first, second = (parse_config(default_config(number, has_udev=True)) for number in (0, 1))
    assert [camera.source for camera in first.cameras] == ["usb", "pattern"]
    assert [camera.source for camera in second.cameras] == ["pattern"]


def test_without_udev_both_show_test_pictures() -> None:
    first = parse_config(default_config(0, has_udev=False))
    assert [camera.source for camera in first.cameras] == ["pattern"]

"""Which devices are this site's candidates, and in which order. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from portal.cameras.identity import VideoDevice, cameras_among, display_names, matching
from portal.config import CameraSection
from portal.model import Camera, CameraFormat


def wants_devices(sections: Sequence[CameraSection]) -> bool:
    """Whether udev is needed: no section at all means every USB camera."""
    return not sections or any(section.source == "usb" for section in sections)


def choose(
    sections: Sequence[CameraSection], devices: Iterable[VideoDevice], ids: Mapping[str, str]
) -> list[tuple[CameraSection | None, VideoDevice | None]]:
    """The present candidates in order of preference. A device is chosen by one section only;
    sections that name theirs choose before those that take any."""
    present = list(devices)
    if not sections:
        return [(None, device) for device in cameras_among(present)]
    by_section: dict[str, VideoDevice | None] = {}
    taken: set[str] = set()
    for section in sorted(sections, key=lambda one: not one.match):
        if section.source != "usb":
            by_section[section.name] = None
            continue
        found = matching(section.match, present, ids) if section.match else cameras_among(present)
        for device in found:
            thing = device.physical or device.node
            if thing not in taken:
                taken.add(thing)
                by_section[section.name] = device
                break
    return [
        (section, by_section[section.name]) for section in sections if section.name in by_section
    ]


def listed(
    sections: Sequence[CameraSection],
    devices: Iterable[VideoDevice],
    ids: Mapping[str, str],
    formats: Mapping[str, tuple[CameraFormat, ...]],
) -> tuple[Camera, ...]:
    """The candidates as cameras."""
    present = list(devices)
    names = display_names(cameras_among(present))
    cameras = []
    for section, device in choose(sections, present, ids):
        if device is None:
            assert section is not None  # noqa: S101 - choose() pairs no two Nones
            cameras.append(
                Camera(
                    id=f"{section.source}-{section.name}",
                    name=section.name,
                    source=section.source,
                    input=section.input,
                )
            )
            continue
        named = section.name if section is not None and section.match else ""
        cameras.append(
            Camera(
                id=ids[device.node],
                name=named or names.get(device.node, device.product or device.node),
                source="usb",
                device=device.node,
                formats=formats.get(device.node, ()),
            )
        )
    return tuple(cameras)

"""Which of the present cameras a site's configuration and choice mean, best first. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from portal.cameras.identity import (
    VideoDevice,
    cameras_among,
    display_names,
    matches,
    matching,
    thing_of,
)
from portal.cameras.recognition import KnownCamera, slug
from portal.config import CameraSection, VideoSection
from portal.model import Camera, CameraFormat, Value

_ANY = CameraSection(name="")


class Candidate(Value, frozen=True):
    """A camera that may be the site's. `rank` is the place of its section."""

    rank: int
    section: CameraSection
    device: VideoDevice | None  # usb only

    def id_from(self, ids: Mapping[str, str]) -> str:
        return _id_of(self.section) if self.device is None else ids[self.device.node]


def wants_devices(sections: Sequence[CameraSection]) -> bool:
    """Whether udev is needed: no section at all means every USB camera."""
    return not sections or any(section.source == "usb" for section in sections)


def choose(
    sections: Sequence[CameraSection],
    devices: Iterable[VideoDevice],
    ids: Mapping[str, str],
    *,
    chosen: str = "",
) -> list[Candidate]:
    """The present candidates in order of preference: that of the sections, within one the chosen
    camera, then the first plugged. A camera belongs to one section: those that name theirs come
    before those that take any, and each takes one before the last of them takes what is left."""
    present = list(devices)
    ranked = [*enumerate(sections or (_ANY,))]
    found: list[list[VideoDevice | None]] = [[] for _ in ranked]
    taken: set[str] = set()
    by_name = sorted(ranked, key=lambda one: not one[1].match)
    for rank, section in by_name:
        if section.source != "usb":
            found[rank].append(None)
        else:
            found[rank] += _free(section, present, ids, chosen, taken)[:1]
            taken.update(thing_of(device) for device in found[rank] if device is not None)
    for rank, section in sorted(ranked, key=lambda one: (not one[1].match, -one[0])):
        if section.source == "usb":
            left = _free(section, present, ids, chosen, taken)
            found[rank] += left
            taken.update(thing_of(device) for device in left)
    return [
        Candidate(rank=rank, section=section, device=device)
        for rank, section in ranked
        for device in found[rank]
    ]


def _free(
    section: CameraSection,
    present: Sequence[VideoDevice],
    ids: Mapping[str, str],
    chosen: str,
    taken: set[str],
) -> list[VideoDevice]:
    """The cameras that a section means and nobody has taken; each by its main node."""
    found = matching(section.match, present, ids) if section.match else cameras_among(present)
    by_thing: dict[str, VideoDevice] = {}
    for device in found:
        if thing_of(device) not in taken:
            by_thing.setdefault(thing_of(device), device)
    return sorted(by_thing.values(), key=lambda one: ids.get(one.node) != chosen)


def is_first_choice(
    camera_id: str, sections: Sequence[CameraSection], known: Iterable[KnownCamera]
) -> bool:
    """Whether a camera that need not be present may be the site's own: it is known, and the first
    section means it."""
    first = sections[0] if sections else _ANY
    if first.source != "usb":
        return camera_id == _id_of(first)
    for one in known:
        if one.id == camera_id:
            device = VideoDevice(
                node="",
                is_usb=True,
                captures=True,
                vendor=one.vendor,
                model=one.model,
                serial=one.serial,
                path=one.place,
                port=one.port,
                product=one.product,
            )
            if first.match:
                return matches(first.match, device, camera_id)
            named = [section.match for section in sections if section.match]
            return not any(matches(match, device, camera_id) for match in named)
    return False


def listed(
    sections: Sequence[CameraSection],
    devices: Iterable[VideoDevice],
    ids: Mapping[str, str],
    formats: Mapping[str, tuple[CameraFormat, ...]],
    *,
    video: VideoSection = VideoSection(),  # noqa: B008 - frozen
    chosen: str = "",
) -> tuple[Camera, ...]:
    """The candidates as cameras."""
    present = list(devices)
    names = display_names(cameras_among(present))
    cameras = []
    for one in choose(sections, present, ids, chosen=chosen):
        section, device = one.section, one.device
        rotate = video.rotate if section.rotate is None else section.rotate
        mirror = video.mirror if section.mirror is None else section.mirror
        if device is None:
            cameras.append(
                Camera(
                    id=one.id_from(ids),
                    name=section.name,
                    source=section.source,
                    input=section.input,
                    rotate=rotate,
                    mirror=mirror,
                    rank=one.rank,
                )
            )
            continue
        named = section.name if section.match else ""
        if named and any(camera.name == named for camera in cameras):
            named = f"{named} (port {device.port})"
        cameras.append(
            Camera(
                id=one.id_from(ids),
                name=named or names.get(device.node, device.product or device.node),
                source="usb",
                device=device.node,
                formats=formats.get(device.node, ()),
                port=device.port,
                microphone=device.microphone,
                rotate=rotate,
                mirror=mirror,
                rank=one.rank,
            )
        )
    return tuple(cameras)


def _id_of(section: CameraSection) -> str:
    """The section's name is a person's: what does not fit a path is told apart by a hash."""
    wanted = f"{section.source}-{section.name}"
    fits = slug(wanted)
    if fits == wanted:
        return fits
    return f"{fits[:80]}-{hashlib.sha256(wanted.encode()).hexdigest()[:8]}"

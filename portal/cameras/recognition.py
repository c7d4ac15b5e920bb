"""Which camera is which, over replug, another port and reboot: ids, and what they rest on.

A camera is recognised by model and real serial, else by model alone. Where that means several
(twins), the place where it is plugged in tells them apart. One that shows up at a new place while
exactly one of its kind is missing is that one, moved. Where several are missing nobody can say
which it is: it gets an id of its own by its place (a guess), until all of its kind are seen at
once, or it is seen to be the only one missing.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Annotated, TypeAlias

import msgspec

from portal.cameras.identity import (
    VideoDevice,
    has_real_serial,
    node_number,
    thing_of,
    without_interface,
)
from portal.model import Value

MAX_KNOWN = 64
# A twin that was not here for so much longer than another has left the house.
_LEFT_AFTER_DAYS = 7

CameraId: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,128}\Z")]
_Family: TypeAlias = tuple[str, str, str]


class KnownCamera(Value, frozen=True):
    """A USB camera that was here, and what it is recognised by."""

    id: CameraId
    vendor: str = ""
    model: str = ""
    serial: str = ""  # a real one, else ""
    place: str = ""  # where it was last
    port: str = ""
    product: str = ""
    seen_on: str = ""  # ISO date
    is_guess: bool = False


def _today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()


class Recognition:
    """Gives each device its id and keeps it while the device is there."""

    def __init__(
        self, known: Iterable[KnownCamera] = (), *, today: Callable[[], str] = _today
    ) -> None:
        self._known = {one.id: one for one in known}
        self._today = today
        self._by_thing: dict[str, str] = {}  # of those that are here
        self._nodes: dict[str, tuple[str, str]] = {}  # node → its thing, its id

    def known(self, *, keep: str = "") -> tuple[KnownCamera, ...]:
        """What must survive, latest seen last; of more than `MAX_KNOWN` the longest absent goes
        first, but not the one that is to be kept."""
        here = {*self._by_thing.values(), keep}
        by_date = sorted(self._known.values(), key=lambda one: one.seen_on)
        surplus = [one.id for one in by_date if one.id not in here]
        for camera_id in surplus[: max(0, len(by_date) - MAX_KNOWN)]:
            del self._known[camera_id]
        return tuple(one for one in by_date if one.id in self._known)

    def assign(self, devices: Iterable[VideoDevice]) -> dict[str, str]:
        """Ids by node. Devices that are not named any more have given theirs back."""
        present = sorted(
            devices, key=lambda one: (one.path, one.interface, one.index, node_number(one.node))
        )
        for node in self._nodes.keys() - {device.node for device in present}:
            self.forget(node)
        new: dict[str, VideoDevice] = {}
        for device in present:
            if thing_of(device) not in self._by_thing:
                new.setdefault(thing_of(device), device)
        self._recognise([device for device in new.values() if device.is_usb])
        for device in new.values():
            if not device.is_usb:
                self._by_thing[thing_of(device)] = self._unused(_names(device))
        for device in present:
            if device.node not in self._nodes:
                self._nodes[device.node] = (thing_of(device), self._node_id(device))
        return {node: camera_id for node, (_, camera_id) in self._nodes.items()}

    def forget(self, node: str) -> str | None:
        """The device has gone; the id that it had."""
        if node not in self._nodes:
            return None
        thing, node_id = self._nodes.pop(node)
        if all(thing != other for other, _ in self._nodes.values()):
            camera_id = self._by_thing.pop(thing)
            if camera_id in self._known:
                self._note(camera_id)
        return node_id

    def _recognise(self, new: list[VideoDevice]) -> None:
        moved = []
        for device in new:
            at_home = [one for one in self._missing(device) if one.place == _place(device)]
            if at_home:
                self._take(device, at_home[0].id)
            else:
                moved.append(device)
        for device in moved:
            missing = self._missing(device)
            if len(missing) == 1:
                self._take(device, missing[0].id)
            elif not missing:
                self._take(device, self._unused(_names(device)))
            else:
                self._guess(device)
        for family in {_family(device) for device in new}:
            self._settle(family)

    def _missing(self, device: VideoDevice) -> list[KnownCamera]:
        """Those of its kind that it may be: the place decides, else those who left the house do not
        count."""
        found = [one for one in self._kind(_family(device)) if not one.is_guess]
        found = [one for one in found if one.id not in self._by_thing.values()]
        at_home = [one for one in found if one.place == _place(device)]
        latest = max((_day(one.seen_on) for one in found), default=0)
        return at_home or [one for one in found if latest - _day(one.seen_on) <= _LEFT_AFTER_DAYS]

    def _guess(self, device: VideoDevice) -> None:
        """One of several that are missing: what stood here before under such a name, or a new
        name."""
        stood_here = [
            one.id
            for one in self._kind(_family(device))
            if one.is_guess and one.place == _place(device)
        ]
        free = [one for one in stood_here if one not in self._by_thing.values()]
        self._take(device, (free or [self._unused(_names(device))])[0], is_guess=True)

    def _settle(self, family: _Family) -> None:
        """When as many are here as there ever were, each is what it is called now."""
        kind = self._kind(family)
        here = [one for one in kind if one.id in self._by_thing.values()]
        if not any(one.is_guess for one in here):
            return
        if len(here) >= sum(not one.is_guess for one in kind):
            for one in kind:
                del self._known[one.id]
            for one in here:
                self._known[one.id] = msgspec.structs.replace(one, is_guess=False)

    def _take(self, device: VideoDevice, camera_id: str, *, is_guess: bool = False) -> None:
        self._by_thing[thing_of(device)] = camera_id
        vendor, model, serial = _family(device)
        self._known[camera_id] = KnownCamera(
            id=camera_id,
            vendor=vendor,
            model=model,
            serial=serial,
            place=_place(device),
            port=device.port,
            product=device.product,
            seen_on=self._today(),
            is_guess=is_guess,
        )

    def _note(self, camera_id: str) -> None:
        known = self._known[camera_id]
        self._known[camera_id] = msgspec.structs.replace(known, seen_on=self._today())

    def _kind(self, family: _Family) -> list[KnownCamera]:
        return [
            one for one in self._known.values() if (one.vendor, one.model, one.serial) == family
        ]

    def _node_id(self, device: VideoDevice) -> str:
        """The camera's for its main node, which comes first; its other nodes add to it."""
        camera_id = self._by_thing[thing_of(device)]
        if all(camera_id != name for _, name in self._nodes.values()):
            return camera_id
        name = f"{camera_id[:100]}-if{device.interface}-{device.index}"
        return self._unused([name, f"{name}-{device.node.rpartition('/')[2]}"])

    def _unused(self, names: Iterable[str]) -> str:
        """The first that nobody has, numbered where all are taken."""
        used = {*self._known, *self._by_thing.values(), *(name for _, name in self._nodes.values())}
        return next(name for name in _numbered(names) if name not in used)


def _names(device: VideoDevice) -> list[str]:
    """Best first. They are part of MediaMTX paths: letters, digits, dot, dash, underscore."""
    kind = f"{device.vendor}-{device.model}" if device.vendor else device.driver or "video"
    names = [slug(f"{kind}-{device.serial}")] if has_real_serial(device.serial) else []
    names.append(slug(f"{kind}-{_place(device)}"))
    if not device.is_usb:
        names.append(slug(f"{kind}-{_place(device)}-if{device.interface}-{device.index}"))
    return names


def _numbered(names: Iterable[str]) -> Iterator[str]:
    last = ""
    for last in names:
        yield last
    for number in count(2):
        yield f"{last}-{number}"


def _family(device: VideoDevice) -> _Family:
    real = has_real_serial(device.serial)
    return (device.vendor, device.model, device.serial if real else "")


def _place(device: VideoDevice) -> str:
    return without_interface(device.path) or device.port or device.node.rpartition("/")[2]


def _day(text: str) -> int:
    try:
        return datetime.date.fromisoformat(text).toordinal()
    except ValueError:
        return 0


def slug(text: str) -> str:
    """As a part of a MediaMTX path."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text)[:100]

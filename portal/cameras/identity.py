"""What a video device is, which of them are cameras, and what each is called. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from portal.model import Value

# Seen on cameras of many makers: they name a chip's default, not a camera.
_SHARED_SERIALS = {"200901010001", "20090101", "01.00.00", "sn0001", "0123456789abcdef"}
_SHORTEST_SERIAL = 5


class VideoDevice(Value, frozen=True):
    """One V4L2 node as udev describes it; nothing of it is read from the device itself."""

    node: str  # /dev/videoN
    links: tuple[str, ...] = ()  # /dev/v4l/by-id/… and the like
    captures: bool = False  # can deliver pictures: not a metadata or output node
    is_usb: bool = False
    vendor: str = ""  # four hex digits, USB only
    model: str = ""
    serial: str = ""
    path: str = ""  # ID_PATH: the place where it is plugged in, stable across reboots
    port: str = ""  # the kernel's name of the USB port, such as 1-2.3
    physical: str = ""  # equal for all nodes of one thing
    interface: int = 0
    index: int = 0  # among the nodes of one interface
    product: str = ""
    driver: str = ""
    microphone: str = ""  # of the same thing, as ALSA names it; USB only
    plugged_at: int = 0  # microseconds since boot; a replugged device is a new value


def is_same_thing(one: VideoDevice, other: VideoDevice) -> bool:
    """Whether a node still stands for what it stood for: links and sound come later."""
    return all(
        getattr(one, name) == getattr(other, name)
        for name in ("node", "path", "physical", "vendor", "model", "serial", "plugged_at")
    )


def has_real_serial(serial: str) -> bool:
    """Whether a serial tells two cameras of one model apart."""
    text = serial.strip().lower()
    if len(text) < _SHORTEST_SERIAL or text in _SHARED_SERIALS:
        return False
    digits = text.lstrip("0")
    return len(set(text)) > 1 and digits not in {"1", ""} and not "123456789".startswith(digits)


def cameras_among(devices: Iterable[VideoDevice]) -> list[VideoDevice]:
    """The main capture node of each USB camera, in order of plugging."""
    first: dict[str, VideoDevice] = {}
    for device in sorted(
        devices, key=lambda one: (one.interface, one.index, node_number(one.node))
    ):
        if device.captures and device.is_usb:
            first.setdefault(thing_of(device), device)
    return sorted(first.values(), key=lambda one: (one.plugged_at, node_number(one.node)))


def thing_of(device: VideoDevice) -> str:
    """Equal for all nodes of one camera."""
    return device.physical or device.node


def matching(
    match: str, devices: Iterable[VideoDevice], ids: Mapping[str, str]
) -> list[VideoDevice]:
    """The capture nodes that a configured `match` means; the main node of a camera first.

    `match` is a camera id, serial, vendor:product, port (1-2.3 or udev's ID_PATH), device path,
    product name or driver. Only so are devices found that are no USB camera.
    """
    found = [
        device
        for device in devices
        if device.captures and matches(match, device, ids.get(device.node, ""))
    ]
    return sorted(
        found,
        key=lambda one: (one.plugged_at, one.interface, one.index, node_number(one.node)),
    )


def matches(match: str, device: VideoDevice, camera_id: str) -> bool:
    """Whether a configured `match` means this node."""
    wanted = match.strip().lower()
    wanted = wanted.replace("platform:", "platform-", 1)
    names = {
        camera_id,
        device.serial,
        f"{device.vendor}:{device.model}",
        device.port,
        device.path,
        without_interface(device.path),
        device.node,
        *device.links,
        device.product,
        device.driver,
    }
    return wanted in {name.lower() for name in names if name not in {"", ":"}}


def display_names(devices: Iterable[VideoDevice]) -> dict[str, str]:
    """Names for people by node: the product; with its port if one before it is called the same,
    so that plugging a second camera does not rename the first."""
    names: dict[str, str] = {}
    for device in devices:
        name = _product(device)
        names[device.node] = f"{name} (port {device.port})" if name in names.values() else name
    return names


def _product(device: VideoDevice) -> str:
    """UVC drivers repeat themselves: "C922 Webcam: C922 Webcam"."""
    head, _, tail = device.product.partition(": ")
    name = head if tail.startswith(head) or head.startswith(tail) else device.product
    name = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    return name[:64] or "Camera"


def without_interface(path: str) -> str:
    return re.sub(r"(usb-[^:]*:[\d.]+):\d+\.\d+$", r"\1", path)


def node_number(node: str) -> int:
    digits = re.search(r"\d+$", node)
    return int(digits.group()) if digits else 0

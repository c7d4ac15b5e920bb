"""The udev boundary: video devices as values, and their coming and going as events."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path

import pyudev

from portal.cameras.identity import VideoDevice
from portal.errors import CameraError
from portal.model import Value

log = logging.getLogger(__name__)

_RECORDER = re.compile(r"pcmC\d+D\d+c$")


class Action(StrEnum):
    APPEARED = "appeared"  # or changed
    REMOVED = "removed"
    MISSED = "missed"  # more events than the socket holds: look at everything again


class DeviceEvent(Value, frozen=True):
    action: Action
    node: str = ""


class UdevWatch:
    """Made by `open_watch`, used on the event loop's thread."""

    def __init__(self, context: pyudev.Context, monitor: pyudev.Monitor) -> None:
        self._context = context
        self._monitor = monitor
        self._events: asyncio.Queue[DeviceEvent] = asyncio.Queue()

    def present(self) -> tuple[VideoDevice, ...]:
        """Every video node. One that udev has not finished with has no properties yet, and does
        not count as capturing. Some milliseconds of sysfs."""
        found = []
        microphones = self._microphones()
        for device in self._context.list_devices(subsystem="video4linux"):
            with contextlib.suppress(pyudev.DeviceNotFoundError):
                if (value := _described(device, microphones)) is not None:
                    found.append(value)
        return tuple(found)

    def _microphones(self) -> dict[str, str]:
        """The sound card that records, by the USB device that it belongs to."""
        found: dict[str, str] = {}
        for device in self._context.list_devices(subsystem="sound"):
            with contextlib.suppress(pyudev.DeviceNotFoundError):
                if not _RECORDER.match(device.sys_name) or (card := device.parent) is None:
                    continue
                usb_device = device.find_parent("usb", "usb_device")
                if usb_device is not None and (card_id := _text(card, "id")):
                    found.setdefault(usb_device.device_path, f"hw:CARD={card_id}")
        return found

    async def events(self) -> list[DeviceEvent]:
        """What happened since the last call: waits for the first, then takes all there are."""
        found = [await self._events.get()]
        while not self._events.empty():
            found.append(self._events.get_nowait())
        return found

    def drain(self) -> None:
        """Take every waiting event off the socket. Called by the event loop."""
        while True:
            try:
                device = self._monitor.poll(timeout=0)
            except OSError as exc:  # ENOBUFS: the kernel dropped some
                log.debug("udev events were lost: %s", exc)
                self._events.put_nowait(DeviceEvent(action=Action.MISSED))
                return
            if device is None:
                return
            if device.subsystem == "sound":  # a microphone comes and goes beside its camera
                self._events.put_nowait(DeviceEvent(action=Action.APPEARED))
                continue
            node = device.device_node
            if node is None:
                continue
            gone = device.action in {"remove", "unbind"}
            action = Action.REMOVED if gone else Action.APPEARED
            self._events.put_nowait(DeviceEvent(action=action, node=node))


@contextlib.contextmanager
def open_watch() -> Iterator[UdevWatch]:
    """Listen from before the first `present()`, so that nothing falls between. Raises
    `CameraError` where there is no udev."""
    try:
        context = pyudev.Context()
        monitor = pyudev.Monitor.from_netlink(context)
        monitor.filter_by("video4linux")
        monitor.filter_by("sound")
        monitor.start()
    except (ImportError, OSError) as exc:
        raise CameraError(
            f"udev cannot be used here: {exc}",
            remedy="USB cameras are noticed only where libudev and its events are available",
        ) from exc
    watch = UdevWatch(context, monitor)
    loop = asyncio.get_running_loop()
    loop.add_reader(monitor.fileno(), watch.drain)
    try:
        yield watch
    finally:
        loop.remove_reader(monitor.fileno())


def present_devices() -> tuple[VideoDevice, ...]:
    """One look without listening. Raises `CameraError` where there is no udev."""
    try:
        context = pyudev.Context()
        return UdevWatch(context, pyudev.Monitor.from_netlink(context)).present()
    except (ImportError, OSError) as exc:
        raise CameraError(f"udev cannot be used here: {exc}") from exc


def is_running() -> bool:
    """Whether a udev daemon sends events here: in most containers none does."""
    return Path("/run/udev/control").exists()


class _Properties:
    """udev's properties; "" for one that is absent or no text. V4L2 cuts a product's name after 31
    bytes, also in the middle of a letter."""

    def __init__(self, device: pyudev.Device) -> None:
        self._properties = device.properties

    def __getitem__(self, name: str) -> str:
        try:
            return str(self._properties[name])
        except (KeyError, UnicodeDecodeError):
            return ""


def _described(device: pyudev.Device, microphones: Mapping[str, str]) -> VideoDevice | None:
    node = device.device_node
    if node is None:
        return None
    properties = _Properties(device)
    usb_device = device.find_parent("usb", "usb_device")
    parent = device.parent
    return VideoDevice(
        node=node,
        links=tuple(sorted(properties["DEVLINKS"].split())),
        # A touch surface (v4l-touchN) captures too, as V4L2 sees it.
        captures=node.startswith("/dev/video") and ":capture:" in properties["ID_V4L_CAPABILITIES"],
        is_usb=usb_device is not None,
        vendor=properties["ID_VENDOR_ID"] if usb_device is not None else "",
        model=properties["ID_MODEL_ID"] if usb_device is not None else "",
        serial=properties["ID_SERIAL_SHORT"],
        path=properties["ID_PATH"],
        port=usb_device.sys_name if usb_device is not None else "",
        physical=usb_device.device_path if usb_device is not None else device.device_path,
        interface=_hex(properties["ID_USB_INTERFACE_NUM"]),
        index=_attribute(device, "index"),
        product=properties["ID_V4L_PRODUCT"] or properties["ID_MODEL"],
        driver=(parent.driver if parent is not None else None) or "",
        microphone=microphones.get(usb_device.device_path, "") if usb_device is not None else "",
        plugged_at=int(properties["USEC_INITIALIZED"] or "0"),
    )


def _hex(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return 0


def _text(device: pyudev.Device, name: str) -> str:
    try:
        return str(device.attributes.asstring(name))
    except (KeyError, UnicodeDecodeError):
        return ""


def _attribute(device: pyudev.Device, name: str) -> int:
    try:
        return int(device.attributes.asint(name))
    except (KeyError, ValueError, UnicodeDecodeError):
        return 0

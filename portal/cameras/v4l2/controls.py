"""The controls of a device: listed with their ranges, and set in the order that locks ask for."""

from __future__ import annotations

import ctypes
import errno
import re
import struct
from collections.abc import Iterator, Mapping

from portal.cameras.v4l2 import ioctl
from portal.cameras.v4l2.node import Device, found, opened
from portal.model import CameraControl, MenuEntry, Value
from portal.words import ControlKind

_KINDS = {
    ioctl.INTEGER: ControlKind.INTEGER,
    ioctl.INTEGER64: ControlKind.INTEGER,
    ioctl.BOOLEAN: ControlKind.BOOLEAN,
    ioctl.MENU: ControlKind.MENU,
    ioctl.INTEGER_MENU: ControlKind.MENU,
    ioctl.BUTTON: ControlKind.BUTTON,
}
# Controls are named after their label, as v4l2-ctl does it; kernel 5.16 gave these new labels.
_NAMES = {
    0x0098090C: "white_balance_automatic",
    0x00980919: "hue_automatic",
    0x009A0901: "auto_exposure",
    0x009A0902: "exposure_time_absolute",
    0x009A0903: "exposure_dynamic_framerate",
    0x009A090C: "focus_automatic_continuous",
}
_MOST_CONTROLS = 256  # vivid has 50
_MOST_MENU_ENTRIES = 64
# Refusals of one value; everything else says that the device cannot be talked to.
_REFUSALS = {
    errno.EINVAL: "the camera does not take this value",
    errno.ERANGE: "the camera does not take this value",
    errno.EACCES: "it is locked",
    errno.EPERM: "it is locked",
    errno.EBUSY: "it cannot be changed now",
    errno.EIO: "the camera refuses it",
    errno.EPIPE: "the camera refuses it",
    errno.EPROTO: "the camera refuses it",
    errno.EREMOTE: "the camera has not enough power for it",
    errno.EREMOTEIO: "the camera refuses it",
    errno.EBADRQC: "the camera refuses it",
}


class Written(Value, frozen=True):
    """What became of each wanted value."""

    done: tuple[str, ...] = ()
    refused: Mapping[str, str] = {}  # by name, why
    locked: tuple[str, ...] = ()  # an automatic mode decides instead


def is_mode(control: CameraControl) -> bool:
    """Whether this may lock other controls, or set them free."""
    return "auto" in control.name and control.kind in {ControlKind.BOOLEAN, ControlKind.MENU}


def read_controls(node: str) -> tuple[CameraControl, ...]:
    """Every control of the device. Blocking. Raises `CameraError`."""
    with opened(node) as device:
        return tuple(control for _, control in controls_of(device))


def write_controls(node: str, wanted: Mapping[str, int]) -> Written:
    """Set what differs: automatic modes first, then what they do not lock. Names that the device
    lacks are passed over. Blocking. Raises `CameraError`."""
    with opened(node) as device:
        return write_to(device, wanted)


def write_to(device: Device, wanted: Mapping[str, int]) -> Written:
    """As `write_controls`. Raises `OSError`."""
    left = dict(wanted)
    done: list[str] = []
    refused: dict[str, str] = {}
    while True:
        # Looked at again after each step: a mode that was set changes who is locked.
        known = {control.name: (asked, control) for asked, control in controls_of(device)}
        for name in [*left]:
            if name not in known:
                del left[name]
            elif known[name][1].value == left[name] is not None:
                done.append(name)
                del left[name]
        free = [name for name in left if not known[name][1].inactive]
        step = [name for name in free if is_mode(known[name][1])] or free
        if not step:
            return Written(done=tuple(done), refused=refused, locked=tuple(left))
        for name in step:
            why = _write(device, known[name][0], left.pop(name))
            if why:
                refused[name] = why
            else:
                done.append(name)


def controls_of(device: Device) -> Iterator[tuple[ioctl.ControlDescription, CameraControl]]:
    """Raises `OSError` when the device cannot be talked to."""
    last = 0
    names: set[str] = set()
    for _ in range(_MOST_CONTROLS):
        asked = ioctl.ControlDescription(id=last | ioctl.NEXT_CONTROL)
        if not _is_there(device, asked) or not last < asked.id < 1 << 28:
            return
        last = asked.id
        if asked.type in _KINDS and not asked.flags & ioctl.DISABLED:
            name = _unused(_NAMES.get(asked.id) or _slug(_text(asked.name)), names)
            names.add(name)
            yield asked, _control(device, asked, name)


def _is_there(device: Device, asked: ioctl.ControlDescription) -> bool:
    """Some cameras have a control that they cannot describe. The kernel may not step over it:
    what was listed up to there is what there is."""
    try:
        return found(device, ioctl.QUERY_EXT_CTRL, asked)
    except OSError as exc:
        if exc.errno in _REFUSALS:
            return False
        raise


def _control(device: Device, asked: ioctl.ControlDescription, name: str) -> CameraControl:
    kind = _KINDS[asked.type]
    is_write_only = bool(asked.flags & ioctl.WRITE_ONLY) or kind is ControlKind.BUTTON
    return CameraControl(
        name=name,
        label=_text(asked.name) or name,
        kind=kind,
        minimum=asked.minimum,
        maximum=asked.maximum,
        step=max(1, asked.step),
        default=asked.default,
        value=None if is_write_only else _read(device, asked),
        menu=tuple(_menu(device, asked)) if kind is ControlKind.MENU else (),
        inactive=bool(asked.flags & ioctl.INACTIVE),
        read_only=bool(asked.flags & (ioctl.READ_ONLY | ioctl.GRABBED)),
        write_only=is_write_only,
    )


def _menu(device: Device, asked: ioctl.ControlDescription) -> Iterator[MenuEntry]:
    first = max(0, asked.minimum)
    for index in range(first, min(asked.maximum + 1, first + _MOST_MENU_ENTRIES)):
        item = ioctl.MenuItem(id=asked.id, index=index)
        if found(device, ioctl.QUERYMENU, item):  # entries may be missing in between
            raw = bytes(item.content)
            if asked.type == ioctl.INTEGER_MENU:
                label = str(struct.unpack_from("=q", raw)[0])
            else:
                label = _text(raw.partition(b"\0")[0])
            yield MenuEntry(value=index, label=label or str(index))


def _read(device: Device, asked: ioctl.ControlDescription) -> int | None:
    value = ioctl.ControlValue(id=asked.id)
    try:
        _exchange(device, ioctl.G_EXT_CTRLS, value)
    except OSError as exc:
        if exc.errno in _REFUSALS:
            return None
        raise
    return ioctl.unpacked(value.content, is_long=asked.type == ioctl.INTEGER64)


def _write(device: Device, asked: ioctl.ControlDescription, wanted: int) -> str:
    """Why not; "" when it is done. Raises `OSError`."""
    try:
        content = ioctl.packed(wanted, is_long=asked.type == ioctl.INTEGER64)
        _exchange(device, ioctl.S_EXT_CTRLS, ioctl.ControlValue(id=asked.id, content=content))
    except struct.error:
        return _REFUSALS[errno.ERANGE]
    except OSError as exc:
        if exc.errno in _REFUSALS:
            return _REFUSALS[exc.errno]
        raise
    return ""


def _exchange(device: Device, request: int, value: ioctl.ControlValue) -> None:
    device.ask(request, ioctl.ControlValues(count=1, controls=ctypes.pointer(value)))


def _text(raw: bytes) -> str:
    text = raw.decode("utf-8", errors="replace")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _slug(label: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_") or "control"


def _unused(name: str, taken: set[str]) -> str:
    candidates = (name, *(f"{name}_{number}" for number in range(2, _MOST_CONTROLS + 2)))
    return next(candidate for candidate in candidates if candidate not in taken)

"""The controls of a UVC camera as a `Device`: what locks what, and what it was told."""

from __future__ import annotations

import ctypes
import errno
import os
from ctypes import Structure

from portal.cameras.v4l2 import ioctl

BRIGHTNESS, AUTO_WHITE, POWER_LINE, WHITE = 0x980900, 0x98090C, 0x980918, 0x98091A
AUTO_EXPOSURE, EXPOSURE, FOCUS, AUTO_FOCUS, PAN = 0x9A0901, 0x9A0902, 0x9A090A, 0x9A090C, 0x9A0904


class FakeControls:
    """A UVC camera's controls, answering the kernel's requests by struct."""

    def __init__(self, *, refuse: dict[int, int] | None = None) -> None:
        self.values = {
            BRIGHTNESS: 128, AUTO_WHITE: 1, POWER_LINE: 2, WHITE: 4000,
            AUTO_EXPOSURE: 3, EXPOSURE: 250, FOCUS: 0, AUTO_FOCUS: 1,
        }  # fmt: skip
        self.writes: list[tuple[int, int]] = []
        self.refuse = refuse or {}
        self.known: dict[int, tuple[int, bytes, int, int, int, int, int]] = {
            0x980001: (6, b"User Controls", 0, 0, 0, 0, 0x44),
            BRIGHTNESS: (ioctl.INTEGER, b"Brightness", 0, 255, 1, 128, 0),
            AUTO_WHITE: (ioctl.BOOLEAN, b"White Balance Temperature, Auto", 0, 1, 1, 1, 0),
            POWER_LINE: (ioctl.MENU, b"Power Line Frequency", 0, 2, 1, 2, 0),
            WHITE: (ioctl.INTEGER, b"White Balance Temperature", 2000, 6500, 1, 4000, 0),
            AUTO_EXPOSURE: (ioctl.MENU, b"Auto Exposure", 0, 3, 1, 3, 0),
            EXPOSURE: (ioctl.INTEGER, b"Exposure Time, Absolute", 3, 2047, 1, 250, 0),
            PAN: (ioctl.INTEGER, b"Pan, Relative", -10, 10, 1, 0, ioctl.WRITE_ONLY),
            FOCUS: (ioctl.INTEGER, b"Focus, Absolute", 0, 250, 5, 0, 0),
            AUTO_FOCUS: (ioctl.BOOLEAN, b"Focus, Automatic Continuous", 0, 1, 1, 1, 0),
        }

    def flags(self, control: int) -> int:
        locked = (
            (control == WHITE and self.values[AUTO_WHITE])
            or (control == EXPOSURE and self.values[AUTO_EXPOSURE] != 1)
            or (control == FOCUS and self.values[AUTO_FOCUS])
        )
        return self.known[control][6] | (ioctl.INACTIVE if locked else 0)

    def ask(self, request: int, data: Structure, /) -> None:
        if isinstance(data, ioctl.ControlDescription):
            self.describe(data)
        elif isinstance(data, ioctl.MenuItem):
            self._entry(data)
        elif isinstance(data, ioctl.ControlValues):
            value = data.controls.contents
            if request == ioctl.G_EXT_CTRLS:
                content = ioctl.packed(self.values[value.id], is_long=False)
                ctypes.memmove(value.content, content, 8)
                return
            if value.id in self.refuse or self.flags(value.id) & ioctl.INACTIVE:
                number = self.refuse.get(value.id, errno.EACCES)
                raise OSError(number, os.strerror(number))
            wanted = ioctl.unpacked(value.content, is_long=False)
            self.values[value.id] = wanted
            self.writes.append((value.id, wanted))

    def describe(self, data: ioctl.ControlDescription) -> None:
        assert data.id & ioctl.NEXT_CONTROL
        last = data.id & ~ioctl.NEXT_CONTROL
        following = sorted(control for control in self.known if control > last)
        if not following:
            raise OSError(errno.EINVAL, "no more")
        kind, label, low, high, step, default, _ = self.known[following[0]]
        data.id, data.type, data.name = following[0], kind, label
        data.minimum, data.maximum, data.step, data.default = low, high, step, default
        data.flags = self.flags(following[0])

    def _entry(self, data: ioctl.MenuItem) -> None:
        names = {
            POWER_LINE: {0: b"Disabled", 1: b"50 Hz", 2: b"60 Hz"},
            AUTO_EXPOSURE: {1: b"Manual Mode", 3: b"Aperture Priority Mode"},
        }[data.id]
        if data.index not in names:
            raise OSError(errno.EINVAL, "no such entry")
        data.content[:] = [*names[data.index].ljust(32, b"\0")]

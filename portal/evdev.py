"""Linux input devices (`/dev/input/event*`): what they are, and which keys are pressed."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from portal.keys import MAX_CODE

FOLDER = Path("/dev/input")

# linux/input.h: two longs of time, type, code, value.
EVENT = struct.Struct("@llHHi")
EV_KEY = 1
PRESSED = 1  # 0: released, 2: repeats

_NAME_BYTES = 256
_KEY_BYTES = MAX_CODE // 8 + 1


def _read_ioctl(number: int, size: int) -> int:
    """linux/ioctl.h: _IOC(_IOC_READ, 'E', number, size)."""
    return 2 << 30 | size << 16 | ord("E") << 8 | number


class InputDevice:
    """An open device. `read` never blocks; `close` it in the end."""

    def __init__(self, fd: int, path: Path, name: str, keys: frozenset[int]) -> None:
        self.fd = fd
        self.path = path
        self.name = name
        self.keys = keys

    @classmethod
    def open(cls, path: Path) -> InputDevice:
        """Raises `OSError`: not allowed, gone, or not such a device."""
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            name = _asked(fd, 0x06, _NAME_BYTES).split(b"\0", 1)[0].decode(errors="replace")
            bits = _asked(fd, 0x20 + EV_KEY, _KEY_BYTES)
        except OSError:
            os.close(fd)
            raise
        keys = frozenset(n for n in range(len(bits) * 8) if bits[n // 8] >> n % 8 & 1)
        return cls(fd, path, name, keys)

    def presses(self) -> Iterator[int]:
        """The keys that were pressed since the last time. Raises `OSError` when it is gone."""
        while True:
            try:
                data = os.read(self.fd, EVENT.size * 64)
            except BlockingIOError:
                return
            if not data:
                raise OSError(f"{self.path} has ended")
            for _, _, kind, code, value in EVENT.iter_unpack(data):
                if kind == EV_KEY and value == PRESSED:
                    yield code

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def _asked(fd: int, number: int, size: int) -> bytes:
    buffer = bytearray(size)
    fcntl.ioctl(fd, _read_ioctl(number, size), buffer)
    return bytes(buffer)

"""Which MediaMTX is ours: a small file, so that the next daemon knows it again."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self

import msgspec

from portal.errors import MediaServerError
from portal.mediamtx.running import RunningProcess, boot_id

RECORD_NAME = "mediamtx.json"  # in the state directory
# All are equally long, so that one takes the place of another where no byte more fits.
_BYTES = 512


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Between reading the record and writing another nobody else writes one: at boot, the daemon
    and the unit look at the same moment. Held for milliseconds."""
    folder = os.open(path.parent, os.O_RDONLY)  # no lock file: a full disk has no room for one
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """`owner` says who ends and starts it: the daemon, or a service unit of its own."""

    pid: int
    start_time: int
    boot: str
    fingerprint: str
    version: str
    owner: Literal["daemon", "unit"]

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """None when there is none, or none that can be understood."""
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except (OSError, msgspec.DecodeError, msgspec.ValidationError):
            return None

    def write(self, path: Path) -> None:
        """Whole or not at all; on a full disk over the record before. Raises `MediaServerError`."""
        data = msgspec.json.encode(self).ljust(_BYTES)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            try:
                partial.write_bytes(data)
                partial.replace(path)
            except OSError:
                with contextlib.suppress(OSError):
                    partial.unlink()
                with path.open("r+b", buffering=0) as before:
                    before.write(data)
        except OSError as exc:
            raise MediaServerError(
                f"{path} cannot be written: {exc.strerror}", remedy="check the state directory"
            ) from exc

    def process(self) -> RunningProcess | None:
        """The process that it names, if that is alive."""
        return RunningProcess.find(self.pid, self.start_time) if self.boot == boot_id() else None

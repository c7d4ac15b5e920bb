"""What must survive a power cut: small JSON documents in the state directory, written whole."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from pathlib import Path
from typing import TypeVar

import msgspec

from portal.errors import StoreError

log = logging.getLogger(__name__)

Document = TypeVar("Document", bound=msgspec.Struct)


class Store:
    """Documents by name. Blocking: some milliseconds, on an SD card up to a second for `save`."""

    def __init__(self, state_dir: Path) -> None:
        self._dir = state_dir

    def load(
        self, name: str, kind: type[Document], *, if_broken: Document | None = None
    ) -> Document:
        """The document, or an empty `kind()`. One that cannot be understood is kept aside as
        `<name>.json.broken`, so that nothing is lost: then `if_broken`. Raises `StoreError`."""
        path = self._path(name)
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            return kind()
        except OSError as exc:
            raise StoreError(
                f"{path} cannot be read: {exc.strerror}", remedy="check its owner and rights"
            ) from exc
        try:
            return msgspec.json.decode(raw, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            broken = path.with_name(f"{path.name}.broken")
            log.warning("%s cannot be understood (%s): kept as %s", path, exc, broken.name)
            with contextlib.suppress(OSError):
                path.replace(broken)
            return kind() if if_broken is None else if_broken

    def save(self, name: str, document: msgspec.Struct) -> None:
        """Whole or not at all, on the disk when this returns. Raises `StoreError`."""
        path = self._path(name)
        data = msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"
        partial = ""
        try:
            descriptor, partial = tempfile.mkstemp(prefix=f".{name}.", dir=self._dir)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(partial).replace(path)
            _sync_directory(self._dir)
        except OSError as exc:
            with contextlib.suppress(OSError):  # the kernel mounts a broken disk read-only
                if partial:
                    Path(partial).unlink()
            raise StoreError(
                f"{path} cannot be written: {exc.strerror}",
                remedy="free space on the disk, or check the directory's owner and rights",
            ) from exc

    def _path(self, name: str) -> Path:
        return self._dir / f"{name}.json"


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

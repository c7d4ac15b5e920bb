"""Who has a device open. Standard library alone: small programs import it too."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def holders(node: str) -> list[str]:
    """As "name (pid 1234)", as far as this user may see: root sees all. Blocking: some
    milliseconds per hundred processes."""
    found = []
    for process in _processes():
        with contextlib.suppress(OSError):
            if _has_open(process, node):
                name = (process / "comm").read_text(errors="replace").strip()
                found.append(f"{name} (pid {process.name})")
    return found


def _processes() -> Iterator[Path]:
    return (path for path in Path("/proc").iterdir() if path.name.isdigit())


def _has_open(process: Path, node: str) -> bool:
    for descriptor in (process / "fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            # Links as text: opening what they point at would ask the device.
            if os.readlink(descriptor) == node:  # noqa: PTH115 - as above
                return True
    return False

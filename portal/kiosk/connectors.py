"""The machine's video connectors, as the kernel sees them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_SYS = Path("/sys/class/drm")


@dataclass(frozen=True, slots=True)
class Connector:
    """Such as HDMI-A-1. A TV that is switched off may still count as connected."""

    name: str
    is_connected: bool


def read_connectors(folder: Path = _SYS) -> tuple[Connector, ...]:
    """None on a machine without a graphics driver, such as a test's."""
    found = []
    for status in sorted(folder.glob("card*-*/status")):
        name = re.sub(r"^card\d+-", "", status.parent.name)
        try:
            # An old VGA connector is "unknown".
            found.append(Connector(name, status.read_text().strip() != "disconnected"))
        except OSError:  # just unplugged with its card
            continue
    return tuple(found)


def is_any_screen_there(folder: Path = _SYS) -> bool:
    """True also where nobody can tell."""
    connectors = read_connectors(folder)
    return not connectors or any(connector.is_connected for connector in connectors)

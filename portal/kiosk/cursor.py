"""A cursor that nobody sees: a theme of one transparent pixel.

The page hides the cursor by its style, but a compositor draws its own until a mouse is over a
window: for ever on a box without a mouse (labwc 0.8).
"""

from __future__ import annotations

import struct
from pathlib import Path

_THEME = "portal-none"
_SIZE = 24
_IMAGE = 0xFFFD0002
# The names under which compositors and Chromium look for the plain one.
_NAMES = ("default", "left_ptr", "arrow", "pointer", "text", "wait")


def _xcursor() -> bytes:
    """Xcursor(3)'s file: header, table of contents, one image of one pixel."""
    header = struct.pack("<4sIII", b"Xcur", 16, 0x10000, 1)
    contents = struct.pack("<III", _IMAGE, _SIZE, 28)
    image = struct.pack("<IIIIIIIIII", 36, _IMAGE, _SIZE, 1, 1, 1, 0, 0, 0, 0)
    return header + contents + image


def hide_cursor(folder: Path) -> dict[str, str]:
    """Put the theme into `folder`; the environment that makes it the only one."""
    cursors = folder / "icons" / _THEME / "cursors"
    cursors.mkdir(parents=True)
    for name in _NAMES:
        (cursors / name).write_bytes(_xcursor())
    return {
        "XCURSOR_PATH": str(folder / "icons"),
        "XCURSOR_THEME": _THEME,
        "XCURSOR_SIZE": str(_SIZE),
    }

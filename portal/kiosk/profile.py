"""The browser's profile: empty at each start, in memory, gone at the end.

A power cut leaves nothing half written, and a browser that was ended hard has nothing to restore.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from pathlib import Path

from portal.errors import KioskError

_PREFERENCES = {
    "translate": {"enabled": False},
    "credentials_enable_service": False,
    "profile": {"exit_type": "Normal", "exited_cleanly": True, "password_manager_enabled": False},
    "browser": {"has_seen_welcome_page": True, "check_default_browser": False},
    "session": {"restore_on_startup": 5},  # never what was open before
}


def memory_dir() -> Path:
    """A directory in memory that is the user's own."""
    for candidate in (os.environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm", tempfile.gettempdir()):  # noqa: S108 - mkdtemp makes a private one in it
        if candidate and os.access(candidate, os.W_OK | os.X_OK):
            return Path(candidate)
    raise KioskError(
        "no directory in memory can be written", remedy="set XDG_RUNTIME_DIR to one of this user's"
    )


def own_folder(purpose: str) -> Path:
    """A new one in memory. What a kiosk left that was killed is removed first."""
    parent = memory_dir()
    for left in parent.glob("portal-kiosk-*-*"):
        number = left.name.split("-")[2]
        if number.isdigit() and not Path(f"/proc/{number}").exists():
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"portal-kiosk-{os.getpid()}-{purpose}-", dir=parent))


class Profile:
    """`open()` gives a new one and removes the one before."""

    def __init__(self) -> None:
        self._folder: Path | None = None

    def open(self) -> Path:
        self.close()
        folder = own_folder("profile")
        default = folder / "Default"
        default.mkdir()
        (default / "Preferences").write_text(json.dumps(_PREFERENCES))
        self._folder = folder
        return folder

    def close(self) -> None:
        if self._folder is not None:
            # A process of the browser that is just ending may still write.
            with contextlib.suppress(OSError):
                shutil.rmtree(self._folder)
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

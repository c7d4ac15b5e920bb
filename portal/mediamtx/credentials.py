"""The passwords by which MediaMTX knows its own portal: made once for a state directory.

A web page in a browser of this box comes from loopback as we do, so an address proves nothing.
"""

from __future__ import annotations

import hmac
import os
import secrets
import tempfile
from pathlib import Path
from typing import Annotated

import msgspec

from portal.errors import MediaServerError

CREDENTIALS_NAME = "mediamtx-credentials.json"  # in the state directory
API_USER = "portal"
PUBLISH_USER = "publisher"
PREVIEW_USER = "previewer"

# MediaMTX takes an empty password for "any". These signs need no escape, in a URL or elsewhere.
_Password = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{40,}$")]


class Credentials(msgspec.Struct, frozen=True):
    """`api` is worth a shell: who has it may name a command to run. `publish` is worth a picture;
    ffmpeg takes it on its command line only, where every user of the machine can read it."""

    api: _Password
    publish: _Password

    @property
    def preview(self) -> str:
        """Lets the daemon, which alone knows it, watch cameras that are not the site's own."""
        return hmac.digest(self.api.encode(), b"preview", "sha256").hex()

    def __repr__(self) -> str:
        return "Credentials(…)"


def credentials_of(state_dir: Path) -> Credentials:
    """Those of this state directory, the same for whoever asks; made when there are none.

    Blocking. Raises `MediaServerError`.
    """
    path = state_dir / CREDENTIALS_NAME
    try:
        return _read(path) or _make(path)
    except OSError as exc:
        raise MediaServerError(
            f"{path} cannot be used: {exc.strerror}",
            remedy="give the state directory to the user that runs portal",
        ) from exc


def _read(path: Path) -> Credentials | None:
    """None when there are none, or none that can be understood."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Credentials)
    except (FileNotFoundError, msgspec.DecodeError, msgspec.ValidationError):
        return None


def _make(path: Path) -> Credentials:
    """Whole or not at all, and read by nobody else at any time. The daemon and MediaMTX's unit may
    both be first: one of them wins."""
    made = Credentials(api=secrets.token_urlsafe(32), publish=secrets.token_urlsafe(32))
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(made))
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(partial)
        except FileExistsError:
            found = _read(path)
            if found is not None:
                return found
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return made

"""What a device's error numbers mean to a person."""

from __future__ import annotations

import errno
import grp
from pathlib import Path

from portal.cameras.holders import holders
from portal.errors import CameraError

__all__ = ["explained", "holders"]

_REPLUG = "unplug the camera and plug it in again"
_GONE = ("is gone", "plug the camera in again")
_NO_CAMERA = ("does not answer as a V4L2 camera", "")
_SILENT = ("does not answer its driver", _REPLUG)
_MEANINGS = {
    errno.ENODEV: _GONE,
    errno.ENXIO: _GONE,
    errno.ENOENT: _GONE,
    errno.ENOTTY: _NO_CAMERA,
    errno.EINVAL: _NO_CAMERA,
    errno.ENOSPC: (
        "gets no bandwidth on its USB bus",
        "use another port, or one camera less",
    ),
    errno.ETIMEDOUT: _SILENT,
    errno.EPROTO: _SILENT,
    errno.EIO: _SILENT,
}


def explained(exc: OSError, node: str) -> CameraError:
    """An error of the device as a sentence with a remedy. Blocking, as `holders` is."""
    if exc.errno in {errno.EACCES, errno.EPERM}:
        return CameraError(f"{node} may not be opened by this user", remedy=_join_group(node))
    if exc.errno == errno.EBUSY:
        return _busy(node)
    said, remedy = _MEANINGS.get(exc.errno or 0, (f"cannot be used: {exc.strerror}", _REPLUG))
    return CameraError(f"{node} {said}", remedy=remedy)


def _busy(node: str) -> CameraError:
    if users := holders(node):
        return CameraError(f"{node} is in use by {' and '.join(users)}", remedy="end that program")
    return CameraError(
        f"{node} is in use by another program",
        remedy=f"end that program: `sudo fuser -v {node}` names it",
    )


def _join_group(node: str) -> str:
    try:
        group = grp.getgrgid(Path(node).stat().st_gid).gr_name
    except (OSError, KeyError):
        group = "video"
    if group == "root":
        return "udev has not given it to a group: plug the camera in again"
    return f"add the user to the group {group} and start portal again"

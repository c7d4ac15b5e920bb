"""Would a camera that is plugged in be noticed, could it be opened, and is one there?"""

from __future__ import annotations

import asyncio
import getpass
import os
from pathlib import Path

from portal.cameras.inventory import list_cameras
from portal.config import Config
from portal.doctor.finding import Finding, fail, ok, warn
from portal.doctor.subject import Subject

_DEV = Path("/dev")
_UDEV_CONTROL = Path("/run/udev/control")


def _needs_usb(config: Config) -> bool:
    """No camera configured means: any USB camera."""
    return not config.cameras or any(camera.source == "usb" for camera in config.cameras)


async def check_udev(subject: Subject) -> Finding:
    if not _needs_usb(subject.config):
        return ok("not needed: no USB camera is configured")
    if await asyncio.to_thread(_UDEV_CONTROL.exists):
        return ok("running")
    detail = f"not running ({_UDEV_CONTROL} is missing): no camera will be noticed"
    remedy = "systemctl start systemd-udevd (in a container: bind /run/udev)"
    return fail(detail, remedy) if subject.config.cameras else warn(detail, remedy)


async def check_rights(subject: Subject) -> Finding:
    if not _needs_usb(subject.config):
        return ok("not needed: no USB camera is configured")
    return await asyncio.to_thread(_check_rights)


def _check_rights() -> Finding:
    nodes = sorted(_DEV.glob("video[0-9]*"))
    closed = [str(node) for node in nodes if not os.access(node, os.R_OK | os.W_OK)]
    if closed:
        user = _user()
        return fail(
            f"{user} may not open {', '.join(closed)}",
            f"usermod -aG video {user}, then log in again",
        )
    if not nodes:
        return ok(f"no {_DEV}/video* is there to be opened")
    return ok(f"{', '.join(str(node) for node in nodes)} can be opened")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in containers
        return f"user {os.getuid()}"


async def check_cameras(subject: Subject) -> Finding:
    found = await list_cameras(subject.config)
    if found:
        return ok(", ".join(camera.name for camera in found))
    wanted = ", ".join(camera.name for camera in subject.config.cameras)
    if wanted:
        return warn(f"none of {wanted} is there", "plug one in, or see `portal cameras`")
    return warn("none is plugged in", "plug one in")

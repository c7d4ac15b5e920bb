"""Would a camera that is plugged in be noticed, could it be opened, and is one there?"""

from __future__ import annotations

import asyncio
import getpass
import os
from pathlib import Path

from portal.cameras import udev
from portal.cameras.inventory import list_cameras
from portal.cameras.preference import wants_devices
from portal.doctor.finding import Finding, fail, ok, warn
from portal.doctor.subject import Subject

_DEV = Path("/dev")


_NOT_NEEDED = "not needed: no USB camera is configured"


async def check_udev(subject: Subject) -> Finding:
    sections = subject.config.cameras
    if not wants_devices(sections):
        return ok(_NOT_NEEDED)
    with udev.open_watch():
        if await asyncio.to_thread(udev.is_running):
            return ok("its events can be heard")
    detail = "no udev runs here: a camera that is plugged in will not be noticed"
    remedy = "systemctl start systemd-udevd (in a container: bind /run/udev)"
    return fail(detail, remedy) if sections else warn(detail, remedy)


async def check_rights(subject: Subject) -> Finding:
    if not wants_devices(subject.config.cameras):
        return ok(_NOT_NEEDED)
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
    mute = [camera.name for camera in found if camera.source == "usb" and not camera.formats]
    if mute:
        return fail(
            f"{', '.join(mute)} does not say what it can do",
            "end the program that uses it, or pull it and plug it in again",
        )
    if found:
        return ok(", ".join(camera.name for camera in found))
    wanted = ", ".join(camera.name for camera in subject.config.cameras)
    if wanted:
        return warn(f"none of {wanted} is there", "plug one in, or see `portal cameras`")
    return warn("none is plugged in", "plug one in")

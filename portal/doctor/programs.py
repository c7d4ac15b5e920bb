"""Are the programs there that a portal is made of?"""

from __future__ import annotations

import asyncio
import platform
import shutil
import sys

from portal.doctor.finding import Finding, fail, ok, warn
from portal.doctor.subject import Subject
from portal.mediamtx.install import find_media_server
from portal.publish.ffmpeg import ffmpeg_facts, find_ffmpeg

_OLDEST_PYTHON = (3, 11)
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


async def check_python(_subject: Subject) -> Finding:
    found = f"Python {platform.python_version()} at {sys.executable}"
    if sys.version_info < _OLDEST_PYTHON:
        return fail(f"{found} is too old", "install Python 3.11 or newer")
    return ok(found)


async def check_ffmpeg(subject: Subject) -> Finding:
    path = await asyncio.to_thread(find_ffmpeg, subject.config.video.ffmpeg)
    facts = await ffmpeg_facts(path)
    found = f"ffmpeg {facts.version} at {path}"
    if not facts.has_libx264:
        return fail(f"{found} was built without libx264", "apt install ffmpeg, or set video.ffmpeg")
    if not facts.has_drawtext:
        return warn(
            f"{found} was built without drawtext: test pictures have no name and clock",
            "apt install ffmpeg, or set video.ffmpeg",
        )
    return ok(f"{found}, with libx264 and drawtext")


async def check_media_server(subject: Subject) -> Finding:
    found = await asyncio.to_thread(find_media_server, subject.config.media_server.binary)
    return ok(f"MediaMTX {found.version} at {found.path} ({found.why})")


async def check_chromium(_subject: Subject) -> Finding:
    for name in _BROWSERS:
        if path := shutil.which(name):
            return ok(path)
    return warn("not installed: this box has no screen page of its own", "apt install chromium")

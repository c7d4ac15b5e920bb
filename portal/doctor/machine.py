"""Does the machine let a portal work: its directory, its clock, its service?"""

from __future__ import annotations

import asyncio
import ctypes
import shutil
import tempfile
from pathlib import Path

from portal.doctor.finding import Finding, fail, ok, warn
from portal.doctor.subject import Subject

_LITTLE_SPACE = 100 * 1000 * 1000  # settings and keys take a few KB; a full disk breaks the rest
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronized
_CLOCKS_APART_S = 1.0  # logs of both sites cannot be compared any more


async def check_state_dir(subject: Subject) -> Finding:
    return await asyncio.to_thread(_check_state_dir, subject.state_dir)


def _check_state_dir(path: Path) -> Finding:
    remedy = "run as the service's user, or set PORTAL_STATE_DIR"
    existing = next(place for place in (path, *path.absolute().parents) if place.exists())
    if not existing.is_dir():
        return fail(f"{existing} is not a directory", "move it away")
    try:
        with tempfile.TemporaryFile(dir=existing):  # read-only mounts refuse root as well
            pass
    except OSError as exc:
        return fail(f"{path} cannot be written: {exc.strerror}", remedy)
    free = shutil.disk_usage(existing).free
    room = f"{free / 1e9:.1f} GB free"
    if free < _LITTLE_SPACE:
        return fail(f"{path}: {room}", "make room on that disk")
    if existing != path:
        return ok(f"{path} will be made, {room}")
    return ok(f"{path} is writable, {room}")


async def check_clock(subject: Subject) -> Finding:
    offset = subject.daemon.link.clock_offset_s if subject.daemon is not None else None
    if offset is not None and abs(offset) > _CLOCKS_APART_S:
        return warn(
            f"the other site's clock differs by {offset:+.1f} s",
            "see `timedatectl` on both",
        )
    # Works for timesyncd, chrony and ntpd, with and without systemd: all of them tell the kernel.
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))  # 208 bytes, all zero: ask
    if state < 0:
        return warn("the kernel does not say whether it is synchronized", "see `timedatectl`")
    if state == _TIME_ERROR:
        return warn(
            "not synchronized: times in logs and the measured age of the picture may be wrong",
            "timedatectl set-ntp true (in a container: on its host)",
        )
    return ok("synchronized")


async def check_service(subject: Subject) -> Finding:
    if subject.daemon is None:
        return warn("portal does not run here", "systemctl start portal, or portal run")
    if subject.daemon.faults:
        return fail(
            "; ".join(fault.message for fault in subject.daemon.faults),
            subject.daemon.faults[0].remedy,
        )
    site = subject.daemon.site
    return ok(f"portal {site.version} runs here as {site.name}, and reports no fault")

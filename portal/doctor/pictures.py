"""Do frames decode and move, here and from the other site?"""

from __future__ import annotations

import msgspec

from portal.doctor.finding import Finding, fail, ok, warn
from portal.doctor.subject import Subject
from portal.picture import look
from portal.verdict import ProbeResult
from portal.words import CameraState, PictureState

LIMIT_S = 6.8  # all of `portal doctor` is to take under 8 s
_SECONDS = 1.0
_PATIENCE_S = 2.5  # a keyframe comes every second
_LOOK_LIMIT_S = 6.3


async def check_own(subject: Subject) -> Finding:
    if subject.daemon is None:
        return warn("not looked at: portal does not run here")
    camera = subject.daemon.camera
    if camera.state is CameraState.PAUSED:
        return warn("paused by this site", "resume it on this box's page")
    if camera.state is CameraState.ABSENT:
        return warn("no camera is plugged in", "plug one in")
    return _finding(await _look(subject.config.whep_url))


async def check_peers(subject: Subject) -> Finding:
    peer = subject.peer
    if peer is None:
        return warn("not looked at: no other site is known")
    remote = subject.daemon.link.remote if subject.daemon is not None else None
    if remote is not None and remote.camera is CameraState.PAUSED:
        return warn("paused there", "ask them to resume it")
    if remote is not None and remote.camera is CameraState.ABSENT:
        return warn("no camera is plugged in there", "plug one in there")
    host = f"[{peer.address}]" if ":" in peer.address else peer.address
    found = _finding(await _look(f"http://{host}:{peer.whep_port}/cam/whep"))
    if not found.remedy:
        return found
    return msgspec.structs.replace(found, remedy=f"at {peer.name}: {found.remedy}")


async def _look(url: str) -> ProbeResult:
    return await look(url, seconds=_SECONDS, patience_s=_PATIENCE_S, limit_s=_LOOK_LIMIT_S, nice=0)


def _finding(result: ProbeResult) -> Finding:
    if result.is_live:
        size = f"{result.width}x{result.height} at {result.fps:g} fps"
        return ok(f"live: {size}, first frame after {result.first_frame_s or 0.0:.2f} s")
    if result.state is PictureState.UNKNOWN:
        return fail(f"cannot be looked at: {result.reason}", result.remedy)
    return fail(result.reason, result.remedy)

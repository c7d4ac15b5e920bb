"""Is this text SDP at all? Told apart from noise only: the WebRTC stacks at both ends parse it."""

from __future__ import annotations

import re

OFFER_TYPE = "application/sdp"
FRAGMENT_TYPE = "application/trickle-ice-sdpfrag"
# A browser's offer for one video is 3 to 7 kB, MediaMTX's answer 1 to 2 kB.
MAX_BYTES = 64 * 1024

_LINE = re.compile(r"[a-z]=[^\x00\r]*\Z")


def is_session_description(body: bytes) -> bool:
    """RFC 8866: `v=0` first, then `<type>=<value>` lines, here with a medium and ICE credentials,
    without which no WebRTC peer can answer."""
    lines = _lines(body)
    if not lines or lines[0] != "v=0":
        return False
    return any(line.startswith("m=") for line in lines) and any(
        line.startswith("a=ice-ufrag:") for line in lines
    )


def is_fragment(body: bytes) -> bool:
    """RFC 8840: SDP lines about ICE, without the opening ones."""
    return bool(_lines(body))


def _lines(body: bytes) -> list[str]:
    """The lines, or nothing when one of them is not SDP."""
    try:
        lines = body.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        return []
    lines = [line.removesuffix("\r") for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    return lines if all(_LINE.match(line) for line in lines) else []

"""What differs from box to box in MediaMTX's settings, as its MTX_* environment. Pure."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from collections.abc import Mapping
from pathlib import Path

from portal.config import Config
from portal.mediamtx.credentials import API_USER, PREVIEW_USER, PUBLISH_USER, Credentials

# MediaMTX expands variables in `runOnInit` and has no escape for "$": before it splits the line
# in 1.12, after that in 1.20. A variable that holds the sign comes out right in both.
DOLLAR_VARIABLE = "PORTAL_DOLLAR"

# Where the publisher, which inherits MediaMTX's environment, finds its password.
PUBLISH_PASSWORD_VARIABLE = "PORTAL_PUBLISH_PASSWORD"  # noqa: S105 - its name

PREVIEW_PATHS = "camera/"  # and the camera's id

# The site's picture, `cam`, and what goes with it, `cam/…`; a regular expression of Go's.
_PUBLISHED = r"~^cam(/|\z)"
_LOOPBACK = "127.0.0.0/8,::1"

# systemd speaks to the daemon with these, to nobody that the daemon starts.
_NOT_INHERITED = frozenset({"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"})


def environment(
    config: Config, inherited: Mapping[str, str], credentials: Credentials
) -> dict[str, str]:
    """The whole environment for MediaMTX. What we compute wins over what is inherited; other
    inherited MTX_* pass, so that a benchmark may ask for MTX_HLS=yes. A box that listens on all
    its addresses may be told which ones to offer, where a port forward stands before it."""
    computed = _computed(config)
    if ipaddress.ip_address(config.site.address).is_unspecified:
        told = {"MTX_WEBRTCIPSFROMINTERFACES", "MTX_WEBRTCADDITIONALHOSTS"} & inherited.keys()
        computed |= {name: inherited[name] for name in told}
    return {
        **{key: value for key, value in inherited.items() if key not in _NOT_INHERITED},
        "MTX_HLSADDRESS": inherited.get("MTX_HLSADDRESS", _joined(config.site.address, 8888)),
        **computed,
        **_users(credentials),
    }


def _users(credentials: Credentials) -> dict[str, str]:
    """Who may do what. The whole list: 1.12 adds the variables' users to those of its file, 1.20
    lays the first over the first. RTSP cannot compare with a hash in 1.12; the API can."""
    users = (
        # What is published for the other site; nobody else's eyes are meant for the other cameras.
        {"USER": "any", "PERMISSIONS_0_ACTION": "read", "PERMISSIONS_0_PATH": _PUBLISHED},
        {
            "USER": API_USER,
            "PASS": _hashed(credentials.api),
            "IPS": _LOOPBACK,
            "PERMISSIONS_0_ACTION": "api",
        },
        {
            "USER": PUBLISH_USER,
            "PASS": credentials.publish,
            "IPS": _LOOPBACK,
            "PERMISSIONS_0_ACTION": "publish",
        },
        {
            "USER": PREVIEW_USER,
            "PASS": _hashed(credentials.preview),
            "PERMISSIONS_0_ACTION": "read",
            "PERMISSIONS_0_PATH": f"~^{PREVIEW_PATHS}",
        },
    )
    return {PUBLISH_PASSWORD_VARIABLE: credentials.publish} | {
        f"MTX_AUTHINTERNALUSERS_{number}_{key}": value
        for number, user in enumerate(users)
        for key, value in user.items()
    }


def _hashed(password: str) -> str:
    return f"sha256:{base64.b64encode(hashlib.sha256(password.encode()).digest()).decode()}"


def _computed(config: Config) -> dict[str, str]:
    ports, address = config.ports, config.site.address
    wildcard = ipaddress.ip_address(address).is_unspecified
    return {
        "MTX_APIADDRESS": _joined(config.loopback, ports.api),
        "MTX_RTSPADDRESS": _joined(config.loopback, ports.rtsp),
        "MTX_WEBRTCADDRESS": _joined(address, ports.whep),
        "MTX_WEBRTCLOCALUDPADDRESS": _joined(address, ports.media),
        "MTX_WEBRTCLOCALTCPADDRESS": _joined(address, ports.media),
        # One address: only that one may be offered to a screen. All: whatever the box has.
        "MTX_WEBRTCIPSFROMINTERFACES": "yes" if wildcard else "no",
        "MTX_WEBRTCADDITIONALHOSTS": "" if wildcard else address,
        # On by default in 1.20 with ports of its own; 1.12 ignores the variable, but not the key.
        "MTX_MOQ": "no",
        DOLLAR_VARIABLE: "$",
    }


def fingerprint(binary: Path, yml: Path, env: Mapping[str, str]) -> str:
    """Changes whenever a MediaMTX would run differently. Raises `OSError`."""
    found = binary.stat()
    settings = [f"{key}={value}" for key, value in sorted(env.items()) if key.startswith("MTX_")]
    parts = [str(binary), str(found.st_size), str(found.st_mtime_ns), yml.read_text("utf-8")]
    return hashlib.sha256("\0".join([*parts, *settings]).encode()).hexdigest()


def _joined(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"

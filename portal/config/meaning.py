"""What types cannot say of a configuration. Every error names the key, the value, the remedy."""

from __future__ import annotations

import difflib
import ipaddress
import re
import zoneinfo

import msgspec

from portal.config.sections import DNS_LABEL, MicrophoneSection, PortsSection, QuietSection
from portal.config.whole import Config
from portal.errors import ConfigError
from portal.keys import KEYS, code_of

_HOST = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")
_TIME = re.compile(r"^([01]\d|2[0-3]):[0-5]\d\Z")
_MODE = re.compile(r"^\d{3,5}x\d{3,5}(@\d{1,3}(\.\d{1,3})?)?\Z")


def check_meaning(config: Config) -> None:
    """Raises `ConfigError`."""
    _check_label(config.site.name, "site.name")
    _check_address(config.site.address)
    _check_time_zone(config.site.time_zone)
    _check_ports(config.ports)
    for number, quiet in enumerate(config.quiet_hours):
        _check_quiet(quiet, f"quiet_hours[{number}]")
    if config.button.key and code_of(config.button.key) is None:
        near = difflib.get_close_matches(config.button.key, KEYS, n=1, cutoff=0.5)
        raise ConfigError(
            f"{config.button.key!r} is not a key that portal knows",
            key="button.key",
            remedy=f'did you mean "{near[0]}"?' if near else "give its number, as evtest shows it",
        )
    if config.kiosk.mode and not _MODE.match(config.kiosk.mode):
        raise ConfigError(
            f"{config.kiosk.mode!r} is not a screen mode",
            key="kiosk.mode",
            remedy="give width, height and, if wanted, rate: 1920x1080@60",
        )
    for number, camera in enumerate(config.cameras):
        key = f"cameras[{number}]"
        if camera.source == "ffmpeg" and "-i" not in camera.input:
            raise ConfigError(
                f"{list(camera.input)!r} names no input",
                key=f"{key}.input",
                remedy='give ffmpeg\'s input arguments, such as ["-i", "rtsp://…"]',
            )
        if camera.source != "ffmpeg" and camera.input:
            raise ConfigError(
                f'is for source = "ffmpeg", not "{camera.source}"', key=f"{key}.input"
            )
        if camera.source != "usb" and camera.match:
            raise ConfigError(f'is for source = "usb", not "{camera.source}"', key=f"{key}.match")
    _check_unique([camera.name for camera in config.cameras], "cameras")
    _check_microphone(config.microphone)
    for number, peer in enumerate(config.peers):
        _check_label(peer.name, f"peers[{number}].name")
        if not _HOST.match(peer.address) and not _is_ip(peer.address):
            raise ConfigError(
                f"{peer.address!r} is neither a host name nor an IP address",
                key=f"peers[{number}].address",
                remedy="give the host alone, without http:// and without a port",
            )
        if peer.name == config.site.name:
            raise ConfigError(
                f"{peer.name!r} is this site's own name",
                key=f"peers[{number}].name",
                remedy="each site needs a name of its own",
            )
    _check_unique([peer.name for peer in config.peers], "peers")


def _check_microphone(microphone: MicrophoneSection) -> None:
    if not microphone.input:
        return
    if microphone.device:
        raise ConfigError(
            f"{microphone.device!r} is one source of sound, microphone.input another",
            key="microphone.device",
            remedy="leave one of the two out",
        )
    if "-i" not in microphone.input:
        raise ConfigError(
            f"{list(microphone.input)!r} names no input",
            key="microphone.input",
            remedy='give ffmpeg\'s input arguments, such as ["-i", "rtsp://…"]',
        )


def _is_ip(address: str) -> bool:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True


def _check_label(name: str, key: str) -> None:
    if not DNS_LABEL.match(name):
        raise ConfigError(
            f"{name!r} is not a DNS label",
            key=key,
            remedy="use a-z, 0-9 and hyphens, at most 63, such as new-york",
        )


def _check_address(address: str) -> None:
    if not _is_ip(address):
        raise ConfigError(
            f"{address!r} is not an IP address",
            key="site.address",
            remedy='use "0.0.0.0" for every interface, or one of this box\'s addresses',
        )


def _check_ports(ports: PortsSection) -> None:
    used: dict[int, str] = {}
    for field, port in msgspec.structs.asdict(ports).items():
        if port in used:
            raise ConfigError(
                f"{port} is already ports.{used[port]}",
                key=f"ports.{field}",
                remedy="give each its own",
            )
        used[port] = field


def _check_unique(names: list[str], key: str) -> None:
    for number, name in enumerate(names):
        if name in names[:number]:
            raise ConfigError(
                f"{name!r} is used twice", key=f"{key}[{number}].name", remedy="rename one"
            )


def _check_time_zone(name: str) -> None:
    try:
        known = not name or bool(zoneinfo.ZoneInfo(name))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = False
    if not known:
        raise ConfigError(
            f"{name!r} is not a time zone of this box",
            key="site.time_zone",
            remedy="use an IANA name, such as Europe/Dublin (package tzdata)",
        )


def _check_quiet(quiet: QuietSection, key: str) -> None:
    for field, value in (("start", quiet.start), ("end", quiet.end)):
        if not _TIME.match(value):
            raise ConfigError(
                f"{value!r} is not a time of day", key=f"{key}.{field}", remedy='write "22:00"'
            )
    if quiet.start == quiet.end:
        raise ConfigError(
            f"{quiet.end!r} is also the start",
            key=f"{key}.end",
            remedy='for the whole day write start = "00:00", end = "23:59"',
        )
    if not quiet.days:
        raise ConfigError("names no day", key=f"{key}.days", remedy='write ["mon", "tue"] or none')

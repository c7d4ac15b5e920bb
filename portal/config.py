"""`portal.toml` as frozen sections. Every error names the dotted key, the value and the remedy."""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import socket
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from portal.errors import ConfigError

DEFAULT_PATH = Path("/etc/portal/portal.toml")
DEFAULT_STATE_DIR = Path("/var/lib/portal")

# RFC 1035 2.3.1, lower case: the name becomes `<name>.local` and a MediaMTX user.
DNS_LABEL = re.compile(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
_HOST = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Text = Annotated[str, msgspec.Meta(max_length=64)]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every section."""


def _default_name() -> str:
    label = re.sub(r"[^a-z0-9-]+", "-", socket.gethostname().split(".")[0].lower()).strip("-")
    return label[:63].strip("-") or "portal"


class SiteSection(Section, frozen=True):
    """`[site]`: who this box is and what it listens on."""

    name: str = msgspec.field(default_factory=_default_name)
    title: Text = ""
    # Loopback until pairing protects what is behind it: a wider address is a person's choice.
    address: str = "127.0.0.1"


class PortsSection(Section, frozen=True):
    """`[ports]`: the same on every box unless something else holds one."""

    kiosk: Port = 8080
    admin: Port = 8443
    whep: Port = 8889
    media: Port = 8189
    rtsp: Port = 8554
    api: Port = 9997


class VideoSection(Section, frozen=True):
    """`[video]`: what is asked of the camera and the encoder."""

    width: Annotated[int, msgspec.Meta(ge=64, le=3840, multiple_of=2)] = 1280
    height: Annotated[int, msgspec.Meta(ge=64, le=2160, multiple_of=2)] = 720
    fps: Annotated[int, msgspec.Meta(ge=1, le=60)] = 30
    bitrate_kbps: Annotated[int, msgspec.Meta(ge=100, le=20000)] = 2500
    ffmpeg: str = ""  # path of the program; empty: found on PATH, else imageio-ffmpeg's


class CameraSection(Section, frozen=True):
    """`[[cameras]]`: candidates in order of preference; the first that is present is published."""

    name: Text
    source: Literal["usb", "pattern", "ffmpeg"] = "usb"
    match: str = ""  # usb: serial, vendor:product, port path or camera id; empty: any
    input: tuple[str, ...] = ()  # ffmpeg: its input arguments, "-i" included


class PeerSection(Section, frozen=True):
    """`[[peers]]`: the first is shown."""

    name: str
    address: str
    title: Text = ""
    link_port: Port = 8443
    whep_port: Port = 8889


class DiscoverySection(Section, frozen=True):
    """`[discovery]`: zeroconf."""

    enabled: bool = True


class MediaServerSection(Section, frozen=True):
    """`[media_server]`: MediaMTX."""

    binary: str = ""  # path of the program; empty: what `portal media-server install` would use


class KioskSection(Section, frozen=True):
    """`[kiosk]`: the page on the screen."""

    latency: Literal["auto", "lowest", "smooth"] = "auto"
    self_view: bool = False


class Config(Section, frozen=True):
    """The whole file."""

    site: SiteSection = SiteSection()
    ports: PortsSection = PortsSection()
    video: VideoSection = VideoSection()
    cameras: tuple[CameraSection, ...] = ()
    peers: tuple[PeerSection, ...] = ()
    discovery: DiscoverySection = DiscoverySection()
    media_server: MediaServerSection = MediaServerSection()
    kiosk: KioskSection = KioskSection()

    @property
    def title(self) -> str:
        """What the other side reads."""
        return self.site.title or self.site.name.replace("-", " ").title()

    @property
    def loopback(self) -> str:
        """Where what only this box may reach listens: the site's own loopback address if it has
        one (two sites on one machine), else 127.0.0.1."""
        return self.site.address if _is_loopback(self.site.address) else "127.0.0.1"

    @property
    def is_exposed(self) -> bool:
        """Whether others on the network can reach this box."""
        return not _is_loopback(self.site.address)

    @property
    def local_host(self) -> str:
        """An address by which this box reaches its own public listeners."""
        return self.loopback if self.site.address in {"0.0.0.0", "::"} else self.site.address  # noqa: S104 - compared, not bound

    @property
    def whep_url(self) -> str:
        """WHEP of our own `cam`, from this box."""
        return f"http://{_bracketed(self.local_host)}:{self.ports.whep}/cam/whep"

    @property
    def kiosk_url(self) -> str:
        return f"http://{_bracketed(self.loopback)}:{self.ports.kiosk}/kiosk/"

    @property
    def api_url(self) -> str:
        """MediaMTX's control API."""
        return f"http://{_bracketed(self.loopback)}:{self.ports.api}"

    @property
    def rtsp_url(self) -> str:
        """Where the publisher sends `cam`."""
        return f"rtsp://{_bracketed(self.loopback)}:{self.ports.rtsp}/cam"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_loopback(address: str) -> bool:
    return _is_ip(address) and ipaddress.ip_address(address).is_loopback


def config_path() -> Path:
    return Path(os.environ.get("PORTAL_CONFIG", DEFAULT_PATH))


def state_dir() -> Path:
    return Path(os.environ.get("PORTAL_STATE_DIR", DEFAULT_STATE_DIR))


def load_config(path: Path) -> Config:
    """Read and check a file. Raises `ConfigError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as exc:
        raise ConfigError(
            f"{path} does not exist", remedy="write one, or name another with --config"
        ) from exc
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise ConfigError(
            f"{path} cannot be read: {reason}", remedy="check its owner and rights"
        ) from exc
    return parse_config(text, source=str(path))


def parse_config(text: str, *, source: str = "portal.toml") -> Config:
    """Check a file's text. Raises `ConfigError`."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"{source} is not valid TOML: {exc}") from exc
    _reject_unknown_keys(raw, Config, "")
    try:
        config = msgspec.convert(raw, Config)
    except msgspec.ValidationError as exc:
        raise _translated(exc, raw) from exc
    _check_meaning(config)
    return config


_LISTS: dict[str, type[Section]] = {"cameras": CameraSection, "peers": PeerSection}


def _reject_unknown_keys(raw: dict[str, Any], section: type[Section], prefix: str) -> None:
    fields = {field.name: field for field in msgspec.structs.fields(section)}
    for key, value in raw.items():
        dotted = f"{prefix}{key}"
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1, cutoff=0.5)
            remedy = f'did you mean "{near[0]}"?' if near else f"known: {', '.join(fields)}"
            raise ConfigError("unknown key", key=dotted, remedy=remedy)
        inner = fields[key].type
        if section is Config and key in _LISTS and isinstance(value, list):
            for number, item in enumerate(value):
                if isinstance(item, dict):
                    _reject_unknown_keys(item, _LISTS[key], f"{dotted}[{number}].")
        elif isinstance(value, dict) and isinstance(inner, type) and issubclass(inner, Section):
            _reject_unknown_keys(value, inner, f"{dotted}.")


def _translated(exc: msgspec.ValidationError, raw: dict[str, Any]) -> ConfigError:
    """msgspec says "Expected `int`, got `str` - at `$.video.width`"."""
    text = str(exc)
    found = re.search(r" - at `(?:key in )?\$\.?([^`]*)`$", text)
    reason = text[: found.start()] if found else text
    dotted = found.group(1) if found else ""
    missing = re.search(r"missing required field `(\w+)`", reason)
    if missing:
        key = f"{dotted}.{missing.group(1)}".lstrip(".")
        return ConfigError("is missing", key=key, remedy="add it")
    shown = ""
    value: Any = raw
    for step in re.findall(r"[^.\[\]]+", dotted):
        try:
            value = value[int(step)] if isinstance(value, list) else value[step]
        except (KeyError, IndexError, TypeError, ValueError):
            break
    else:
        shown = f"{value!r} cannot be used: "
    reason = reason.replace("`", "")
    return ConfigError(f"{shown}{reason[:1].lower()}{reason[1:]}", key=dotted)


def _check_meaning(config: Config) -> None:
    """What types cannot say."""
    _check_label(config.site.name, "site.name")
    _check_address(config.site.address)
    _check_ports(config.ports)
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

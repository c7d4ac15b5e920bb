"""Read and check `portal.toml`. Every error names the dotted key, the value and the remedy."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from portal.config.meaning import check_meaning
from portal.config.sections import CameraSection, PeerSection, QuietSection, Section
from portal.config.whole import Config
from portal.errors import ConfigError

DEFAULT_PATH = Path("/etc/portal/portal.toml")
DEFAULT_STATE_DIR = Path("/var/lib/portal")


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


def load_config_or_default(named: Path | None) -> Config:
    """The named file must exist; the usual one may be absent: the defaults suit a bare box. Raises
    `ConfigError`."""
    if named is None and not config_path().exists():
        return Config()
    return load_config(named or config_path())


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
    check_meaning(config)
    return config


_LISTS: dict[str, type[Section]] = {
    "cameras": CameraSection,
    "peers": PeerSection,
    "quiet_hours": QuietSection,
}


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

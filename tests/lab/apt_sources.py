"""Where this machine gets Debian from: the image takes its packages from the same place."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

_ETC_APT = Path("/etc/apt")
_Found = list[tuple[str, str, list[str]]]  # URI, suite, components

_OPTIONS = re.compile(r"\[[^]]*\]")


def debian_sources(release: str, *, etc_apt: Path = _ETC_APT) -> tuple[str, ...]:
    """One-line sources of `release` and its updates as configured here. Raises `LookupError`."""
    found: _Found = []
    for path in sorted([etc_apt / "sources.list", *etc_apt.glob("sources.list.d/*")]):
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8")
        found += _deb822(text) if path.suffix == ".sources" else _one_line(text)
    ours = tuple(
        dict.fromkeys(
            f"deb {uri} {suite} main"
            for uri, suite, components in found
            if suite.split("-")[0] == release and "main" in components
        )
    )
    if not ours:
        raise LookupError(
            f"{etc_apt} names no source of Debian {release}: add its mirror to sources.list"
        )
    return ours


def _one_line(text: str) -> _Found:
    found: _Found = []
    for line in text.splitlines():
        words = _OPTIONS.sub(" ", line.partition("#")[0]).split()
        if len(words) > 3 and words[0] == "deb":
            found.append((words[1], words[2], words[3:]))
    return found


def _deb822(text: str) -> _Found:
    found: _Found = []
    text = re.sub(r"^#.*\n?", "", text, flags=re.MULTILINE)
    for stanza in re.split(r"\n\s*\n", text):
        unfolded = re.sub(r"\n[ \t]+", " ", stanza)
        fields = dict(re.findall(r"^([A-Za-z-]+):[ \t]*(.*)$", unfolded, flags=re.MULTILINE))
        if "deb" not in fields.get("Types", "").split() or fields.get("Enabled") == "no":
            continue
        found += [
            (uri, suite, fields.get("Components", "").split())
            for uri in fields.get("URIs", "").split()
            for suite in fields.get("Suites", "").split()
        ]
    return found


def proxy_options() -> tuple[str, ...]:
    """This machine's apt settings for reaching its mirror (proxy, certificates)."""
    dump = subprocess.run(
        ["apt-config", "dump", "Acquire::http", "Acquire::https"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return tuple(re.findall(r'^Acquire::https?::\S* ".+";$', dump, flags=re.MULTILINE))

"""The compositors that a screen can have: which one, its command line and its settings. Pure but
for looking for the programs."""

from __future__ import annotations

import os
import shlex
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from portal.config import KioskSection
from portal.errors import KioskError
from portal.kiosk.launching import dies_with_us

# In this order when nobody chose: cage shows one window and nothing else; labwc and weston's kiosk
# shell do the same when told so.
KNOWN = ("cage", "labwc", "weston")
# A compositor's first client tells where it listens. cage ends with it, so there it stays.
_ANNOUNCE = "PORTAL-DISPLAY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What to run. `files` go into the folder that `argv` names."""

    name: str
    argv: tuple[str, ...]
    files: dict[str, str] = field(default_factory=dict)
    # True where the command line or a file already says how the screen is turned.
    is_turned: bool = False


def choose_compositor(wanted: str) -> str:
    """Its name. Raises `KioskError` when it is not installed."""
    for name in KNOWN if wanted == "auto" else (wanted,):
        if shutil.which(name):
            return name
    what = "no compositor is" if wanted == "auto" else f"the compositor {wanted} is not"
    raise KioskError(
        f"{what} installed", remedy=f"apt-get install {'cage' if wanted == 'auto' else wanted}"
    )


def launch_of(
    name: str,
    kiosk: KioskSection,
    folder: Path,
    *,
    cage_help: str = "",
    outputs: tuple[str, ...] = (),
) -> Launch:
    """`folder` takes its settings; `cage_help` is what `cage -h` prints; `outputs` are the names
    of the connectors that the machine has."""
    if name == "cage":
        return _cage(kiosk, cage_help)
    if name == "labwc":
        return _labwc(folder)
    return _weston(kiosk, folder, (kiosk.output,) if kiosk.output else outputs)


_TELL = f'echo "{_ANNOUNCE} $WAYLAND_DISPLAY"'
# Not in the compositor's session: it would end with it twice, and cage trips over that.
_STAY = shlex.join(["setsid", *dies_with_us(), "sleep", "infinity"])


def announced(line: str) -> str:
    """The display's name in a line of output, or an empty string."""
    words = line.split()
    return words[1] if len(words) == 2 and words[0] == _ANNOUNCE else ""


def _cage(kiosk: KioskSection, cage_help: str) -> Launch:
    # Until 0.1.4 (Debian 12) cage turns the screen itself; later ones leave it to wlr-randr.
    turns_itself = "-r\t" in cage_help
    turns = ["-r"] * (kiosk.rotate // 90) if turns_itself else []
    return Launch(
        name="cage",
        argv=("cage", "-d", *turns, "--", "sh", "-c", f"{_TELL}; exec {_STAY}"),
        is_turned=turns_itself,
    )


# Chromium asks for the full screen itself. No keys and no buttons that would take it away.
_LABWC_RC = """<?xml version="1.0"?>
<labwc_config>
  <core><decoration>client</decoration><gap>0</gap></core>
  <keyboard/>
  <mouse/>
</labwc_config>
"""


def _labwc(folder: Path) -> Launch:
    return Launch(
        name="labwc",
        argv=("labwc", "-C", str(folder), "-s", f"sh -c {shlex.quote(_TELL)}"),
        # The empty environment file keeps the system's from being read in its place.
        files={"rc.xml": _LABWC_RC, "environment": "", "autostart": ""},
    )


def _weston(kiosk: KioskSection, folder: Path, outputs: tuple[str, ...]) -> Launch:
    lines = [
        *("[core]", "idle-time=0", "require-input=false"),
        *("[shell]", "locking=false", "animation=none", "startup-animation=none"),
        *("close-animation=none", "focus-animation=none", "panel-position=none"),
    ]
    mode = kiosk.mode.partition("@")[0] or "preferred"
    turned = f"rotate-{kiosk.rotate}" if kiosk.rotate else "normal"
    for name in outputs:
        is_wanted = kiosk.output in {"", name}
        lines += ["[output]", f"name={name}", f"mode={mode if is_wanted else 'off'}"]
        lines += [f"transform={turned}"]
    # weston chooses its backend by itself; a desk or a machine without a screen names another.
    more = os.environ.get("PORTAL_WESTON_OPTIONS", "").split()
    return Launch(
        name="weston",
        argv=(
            *("weston", f"--config={folder / 'weston.ini'}", "--shell=kiosk-shell.so"),
            *("--socket=portal-kiosk", *more),
        ),
        files={"weston.ini": "\n".join([*lines, ""])},
        is_turned=True,
    )

"""Programs run by an ordinary user, as on a box: cage and Chromium's sandbox refuse root."""

from __future__ import annotations

import os
import shlex
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parents[2]
# Of nobody's: no account is made for a test.
_UID = 64321
# Made at boot by systemd-tmpfiles; Xwayland, which cage needs, has its sockets in it.
_X_SOCKETS = Path("/tmp/.X11-unix")


@dataclass(frozen=True, slots=True)
class OrdinaryUser:
    """`home` is its own, also its runtime directory. `words` go before a command."""

    home: Path
    words: tuple[str, ...]

    @property
    def env(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in {"DISPLAY", "WAYLAND_DISPLAY"} and not name.startswith("XDG_")
        }
        return {**kept, "HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home)}

    def give(self, name: str, text: str) -> Path:
        """A file that it can read."""
        path = self.home / name
        path.write_text(text)
        path.chmod(0o644)
        return path


@contextmanager
def ordinary_user() -> Iterator[OrdinaryUser]:
    """This one, or one that root makes up for the test."""
    # In memory, as /run/user is; short, because a socket's path may have 107 characters.
    with tempfile.TemporaryDirectory(prefix="kiosk-", dir="/dev/shm") as name:
        home = Path(name)
        if os.geteuid() != 0:
            yield OrdinaryUser(home, ())
            return
        os.chown(home, _UID, _UID)
        _X_SOCKETS.mkdir(exist_ok=True)
        _X_SOCKETS.chmod(0o1777)
        become = ["setpriv", f"--reuid={_UID}", f"--regid={_UID}", "--clear-groups"]
        become += ["--inh-caps=-all", "--bounding-set=-all", "--"]
        yield OrdinaryUser(home, (*_reaching_our_files(), *become))


def _reaching_our_files() -> list[str]:
    """In a mount namespace of its own, what the tests run from is reachable although it lies in a
    home that is closed to others, such as root's."""
    needed = sorted({_REPOSITORY, Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()})
    script = []
    for closed in {one for path in needed if (one := _closed_above(path)) is not None}:
        inside = [path for path in needed if path.is_relative_to(closed)]
        held = [(path, f"$hold/{number}") for number, path in enumerate(inside)]
        script.append("hold=$(mktemp -d)")
        script += [
            f'mkdir "{place}"; mount --rbind {shlex.quote(str(path))} "{place}"'
            for path, place in held
        ]
        script.append(f"mount -t tmpfs -o mode=755 none {shlex.quote(str(closed))}")
        script += [
            f'mkdir -p {shlex.quote(str(path))}; mount --rbind "{place}" {shlex.quote(str(path))}'
            for path, place in held
        ]
    if not script:
        return []
    # The directory that held them is empty again outside of this namespace.
    script += ['rmdir "$hold"/* "$hold" 2>/dev/null || true', 'exec "$@"']
    return ["unshare", "--mount", "--propagation=private", "sh", "-ec", "\n".join(script), "sh"]


def _closed_above(path: Path) -> Path | None:
    """The topmost directory of `path` that others cannot pass."""
    for folder in reversed([path, *path.parents]):
        if not folder.stat().st_mode & stat.S_IXOTH:
            return folder
    return None

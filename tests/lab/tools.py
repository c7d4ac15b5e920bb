"""The programs that the lab needs on the host."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence

# program: the Debian package that has it
_PACKAGES = {
    "apt-config": "apt",
    "chromium": "chromium",
    "mke2fs": "e2fsprogs",
    "mmdebstrap": "mmdebstrap",
    "qemu-system-x86_64": "qemu-system-x86",
    "rm": "coreutils",
    "setpriv": "util-linux",
}


def tool(name: str) -> str:
    """Its path. Raises `LookupError` naming the package to install."""
    # /usr/sbin is not on everybody's PATH, and mke2fs is there.
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if path is None:
        raise LookupError(
            f"{name} is not installed: the lab needs it, apt-get install {_PACKAGES[name]}"
        )
    return path


def run_tool(argv: Sequence[str], *, timeout_s: float) -> str:
    """Run to the end. Raises `RuntimeError` with what it said when it fails."""
    done = subprocess.run(
        [tool(argv[0]), *argv[1:]],
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout_s,
    )
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-40:])
        raise RuntimeError(f"{' '.join(argv[:3])} … ended with {done.returncode}:\n{said}")
    return done.stdout


def check_host() -> None:
    """Raises `LookupError` naming the first thing that is missing, before minutes are spent."""
    if os.geteuid() != 0:
        raise LookupError("the lab builds a root file system: run it as root")
    for name in _PACKAGES:
        tool(name)

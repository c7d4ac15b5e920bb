"""The product on a drive of its own: a virtual environment for /opt/portal, and MediaMTX in it.

Two layers, each kept until what it is made of changes: the dependencies, then the project's wheel
on top. pip installs both, from wheels, with this Python; the guest's own 3.11 runs them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from portal.mediamtx.install import find_media_server
from tests.lab.cache import CHECKOUT, cached, digest
from tests.lab.tools import run_tool

MOUNT_POINT = Path("/opt/portal")
# Debian 12's. Wheels with compiled parts and .pyc files are for one minor version.
_GUEST_PYTHON = (3, 11)
_PYVENV_CFG = "home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11\n"
_SOURCES = ("portal", "kiosk", "mediamtx.yml", "pyproject.toml", "README.md", "LICENSE")


def ensure_payload() -> Path:
    """The drive's image, ext4, to be mounted read-only at `MOUNT_POINT`."""
    if sys.version_info[:2] != _GUEST_PYTHON:
        raise LookupError(
            f"this is Python {sys.version_info[0]}.{sys.version_info[1]}; the lab needs 3.11, "
            "as its machine has: make the checkout's .venv with it"
        )
    media_server = find_media_server("").path
    dependencies = ensure_dependencies()
    key = digest(
        [Path(__file__), dependencies.name, media_server, *(CHECKOUT / name for name in _SOURCES)]
    )

    def build(folder: Path) -> None:
        _pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(CHECKOUT))
        [wheel] = folder.glob("*.whl")
        root = folder / "root"
        shutil.copytree(dependencies / "root", root, symlinks=True)
        _install(root, [str(wheel), "--no-deps"])
        shutil.copy2(media_server, _tree(root) / "bin" / "mediamtx")
        run_tool(
            ["mke2fs", "-q", "-t", "ext4", "-d", str(_tree(root)), str(folder / "drive"), "1G"],
            timeout_s=120,
        )
        shutil.rmtree(root)

    return cached("payload", key, build) / "drive"


def ensure_dependencies() -> Path:
    """A folder with `root/opt/portal`: the environment without the project itself."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    dependencies: list[str] = project["dependencies"]

    def build(folder: Path) -> None:
        tree = _tree(folder / "root")
        (tree / "bin").mkdir(parents=True)
        (tree / "pyvenv.cfg").write_text(_PYVENV_CFG, encoding="utf-8")
        for name in ("python", "python3"):
            (tree / "bin" / name).symlink_to("/usr/bin/python3")
        _install(folder / "root", dependencies)

    return cached("dependencies", digest([Path(__file__), *sorted(dependencies)]), build)


def _tree(root: Path) -> Path:
    return root / MOUNT_POINT.relative_to("/")


def _install(root: Path, what: list[str]) -> None:
    _pip(
        "install",
        "--ignore-installed",
        "--no-warn-script-location",
        f"--root={root}",
        f"--prefix={MOUNT_POINT}",
        *what,
    )
    # pip writes the interpreter that ran it into each script.
    for script in (_tree(root) / "bin").iterdir():
        if script.is_symlink() or not script.read_bytes().startswith(b"#!"):
            continue
        _, _, rest = script.read_text(encoding="utf-8").partition("\n")
        script.write_text(f"#!{MOUNT_POINT}/bin/python\n{rest}", encoding="utf-8")


def _pip(*arguments: str) -> None:
    argv = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(
        argv, check=False, capture_output=True, text=True, timeout=300, cwd=CHECKOUT
    )
    if done.returncode != 0:
        raise RuntimeError(f"pip {arguments[0]} failed:\n{(done.stdout + done.stderr)[-3000:]}")

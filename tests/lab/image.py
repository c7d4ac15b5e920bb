"""The lab's machine: Debian 12 with its own kernel, as a disk that QEMU boots.

Everything in it is Debian's, plus the files under `guest/`. The product comes on a drive of its
own (payload.py), because it changes at each run and this does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.lab.apt_sources import debian_sources, proxy_options
from tests.lab.cache import cached, digest
from tests.lab.tools import run_tool

RELEASE = "bookworm"
GUEST_FILES = Path(__file__).parent / "guest"
PACKAGES = (
    "dbus",
    "ffmpeg",
    "initramfs-tools",
    "iproute2",
    "kmod",
    "linux-image-amd64",
    "nftables",
    "python3",
    "systemd",
    "systemd-sysv",
    "udev",
    "v4l-utils",
)
# The guest boots off a file that only holds what it was built with: room for logs and state.
_DISK_SIZE = "3G"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What QEMU boots. The disk is read through a throw-away overlay and never written."""

    disk: Path
    kernel: Path
    initrd: Path


# What makes one image differ from another, together with `GUEST_FILES`.
_RECIPE = (
    "--mode=root",
    "--variant=minbase",
    f"--include={','.join(PACKAGES)}",
    *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale", "info")),
    # Before the packages: the kernel's own postinst then makes the small initrd at once.
    f"--essential-hook=cp -a {GUEST_FILES}/. $1/",
    "--customize-hook=mkdir -p $1/opt/portal && passwd --root $1 --delete root",
    "--customize-hook=chroot $1 useradd --system --groups video"
    " --home-dir /var/lib/portal --create-home portal",
    RELEASE,
)


def ensure_image() -> Image:
    """Build it (about two minutes) or take the one of last time."""
    folder = cached("image", digest([*_RECIPE, _DISK_SIZE, GUEST_FILES]), _build)
    return Image(disk=folder / "root.ext4", kernel=folder / "vmlinuz", initrd=folder / "initrd.img")


def _build(folder: Path) -> None:
    root = folder / "root"
    options = (f"--aptopt={option}" for option in proxy_options())
    run_tool(["mmdebstrap", *options, *_RECIPE, str(root), *debian_sources(RELEASE)], timeout_s=900)
    # mke2fs -d fills the file system itself: no mount, no loop device.
    disk = folder / "root.ext4"
    run_tool(["mke2fs", "-q", "-t", "ext4", "-d", str(root), str(disk), _DISK_SIZE], timeout_s=300)
    for name in ("vmlinuz", "initrd.img"):
        (folder / name).write_bytes((root / name).read_bytes())
    run_tool(["rm", "-rf", "--one-file-system", str(root)], timeout_s=60)

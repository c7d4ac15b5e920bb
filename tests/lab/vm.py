"""One virtual machine under QEMU's software emulation, and the way to run commands in it."""

from __future__ import annotations

import shlex
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.lab.control import AGENT_PORT, USB_PORT, Result, ask
from tests.lab.image import Image
from tests.lab.tools import tool

_SITE_MAC, _CONTROL_MAC = "52:54:00:00:00:01", "52:54:00:00:00:02"
_SITE_NET, _SITE_GUEST = "10.0.2.0/24", "10.0.2.15"
_CONTROL_NET, _CONTROL_GUEST = "10.0.3.0/24", "10.0.3.15"
# Booting takes 9 s on an idle machine with two cores; a loaded one gets its time.
_BOOT_S = 300.0
# Emulated seconds are dear: no self-tests, no drivers of what a modern box has not.
_KERNEL_COMMAND_LINE = (
    "console=ttyS0 root=/dev/vda rw quiet panic=-1 mitigations=off cryptomgr.notests"
    " module_blacklist=ata_generic,ata_piix,cfg80211,floppy,i2c_piix4,pcspkr,psmouse,rfkill"
)


@dataclass(frozen=True, slots=True)
class Forward:
    """A port of the guest, reachable under the machine's own loopback address on the host."""

    protocol: str  # "tcp" or "udp"
    port: int


class GuestCommandError(AssertionError):
    """A command in the guest failed that had to work."""


class VirtualMachine:
    """A booted machine. Its disk is as the image has it: what it writes is gone at the end."""

    def __init__(
        self, process: subprocess.Popen[bytes] | None, *, address: str, serial_log: Path
    ) -> None:
        self._process = process  # None: somebody else's, running for as long as we need it
        self._serial_log = serial_log
        self.address = address

    def run(
        self,
        command: str | Sequence[str],
        *,
        check: bool = True,
        timeout_s: float = 30.0,
        stdin: str = "",
    ) -> Result:
        """Run as root. A string goes through the guest's shell. Raises `GuestCommandError`."""
        argv = ["sh", "-c", command] if isinstance(command, str) else list(command)
        try:
            result = ask(self.address, argv, timeout_s=timeout_s, stdin=stdin)
        except (OSError, ValueError) as exc:
            raise GuestCommandError(
                f"the guest does not answer ({exc}):\n{self.serial_tail()}"
            ) from exc
        if check and result.code != 0:
            ended = "took too long" if result.code is None else f"ended with {result.code}"
            said = (result.stdout + result.stderr)[-2000:]
            raise GuestCommandError(f"in the guest, {shlex.join(argv)} {ended}:\n{said}")
        return result

    def output(self, command: str | Sequence[str], *, timeout_s: float = 30.0) -> str:
        """What it printed, without the last line's end."""
        return self.run(command, timeout_s=timeout_s).stdout.rstrip("\n")

    def write(self, path: str, text: str) -> None:
        """Make or replace a file, and the folders it stands in."""
        quoted = shlex.quote(path)
        self.run(f"mkdir -p $(dirname {quoted}) && cat > {quoted}", stdin=text)

    def wait_for(self, command: str, *, timeout_s: float) -> Result:
        """Run again and again until it ends with 0. Raises `GuestCommandError` with its words."""
        deadline = time.monotonic() + timeout_s
        while (result := self.run(command, check=False)).code != 0:
            if time.monotonic() > deadline:
                said = (result.stdout + result.stderr)[-2000:]
                raise GuestCommandError(f"not true within {timeout_s:g} s: {command}\n{said}")
            time.sleep(0.1)
        return result

    def serial_tail(self, lines: int = 60) -> str:
        """What the kernel and systemd said last."""
        text = self._serial_log.read_text(errors="replace") if self._serial_log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    @property
    def is_running(self) -> bool:
        return self._process is None or self._process.poll() is None

    def _wait_for_boot(self) -> None:
        """Until systemd has started everything. Forwarded ports accept before anybody listens
        inside, so an answer counts, not a connection; and a connection made too early is offered
        to the guest again only after seconds, so each knock is a short one."""
        deadline = time.monotonic() + _BOOT_S
        while True:
            if not self.is_running:
                raise RuntimeError("QEMU ended")
            try:
                ask(self.address, ["true"], timeout_s=0.5, patience_s=0.5)
                break
            except (OSError, ValueError) as exc:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"no answer within {_BOOT_S:g} s") from exc
                time.sleep(0.2)
        state = self.run("systemctl is-system-running --wait", check=False, timeout_s=_BOOT_S)
        if state.stdout.strip() != "running":
            failed = self.output("systemctl --failed --no-legend; systemctl list-jobs")
            raise RuntimeError(f"systemd says {state.stdout.strip()!r}: {failed}")


@contextmanager
def booted(
    image: Image,
    *,
    address: str,
    forwards: Sequence[Forward],
    work_dir: Path,
    drives: Sequence[Path] = (),
    memory_mb: int = 1024,
) -> Iterator[VirtualMachine]:
    """A machine from power-on to power-off, `forwards` bound to `address` alone.

    `drives` are ext4 images that appear after the root disk: /dev/vdb, … It ends with the
    block: nothing in it is worth an orderly shutdown. It also ends when this process is killed.
    """
    _check_free(address)
    serial_log, qemu_log = work_dir / "serial.log", work_dir / "qemu.log"
    argv = [
        tool("setpriv"), "--pdeathsig", "TERM", "--",
        tool("qemu-system-x86_64"),
        # Hardware virtualisation is not there on build machines. Nehalem: what compiled wheels ask
        # for (SSE 4.2), without the AVX that costs more to emulate than it saves.
        "-accel", "tcg,thread=multi", "-cpu", "Nehalem", "-smp", "2", "-m", str(memory_mb),
        "-nodefaults", "-display", "none", "-no-reboot",
        "-serial", f"file:{serial_log}",
        "-kernel", str(image.kernel), "-initrd", str(image.initrd),
        "-append", _KERNEL_COMMAND_LINE,
        "-device", "virtio-rng-pci",
        *_drive_arguments([image.disk, *drives]),
        *_network_arguments(address, forwards),
    ]  # fmt: skip
    with qemu_log.open("wb") as log:
        process = _spawn(argv, log)
    machine = VirtualMachine(process, address=address, serial_log=serial_log)
    try:
        try:
            machine._wait_for_boot()
        except RuntimeError as exc:
            said = qemu_log.read_text(errors="replace")
            raise RuntimeError(
                f"the machine did not boot: {exc}\n{said}\n{machine.serial_tail()}"
            ) from exc
        yield machine
    finally:
        _end(process)


def _check_free(address: str) -> None:
    """Another machine there would answer in this one's place."""
    try:
        socket.create_connection((address, AGENT_PORT), timeout=1).close()
    except OSError:
        return
    raise RuntimeError(f"a machine is up at {address} already: take another address")


def _spawn(argv: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _drive_arguments(drives: Sequence[Path]) -> Iterator[str]:
    for drive in drives:
        yield "-drive"
        yield f"file={drive},if=virtio,format=raw,snapshot=on,cache=unsafe"


def _network_arguments(address: str, forwards: Sequence[Forward]) -> Iterator[str]:
    site = "".join(
        f",hostfwd={forward.protocol}:{address}:{forward.port}-{_SITE_GUEST}:{forward.port}"
        for forward in forwards
    )
    control = ",restrict=on" + "".join(
        f",hostfwd=tcp:{address}:{port}-{_CONTROL_GUEST}:{port}" for port in (AGENT_PORT, USB_PORT)
    )
    yield from ("-netdev", f"user,id=site,net={_SITE_NET}{site}")
    yield from ("-device", f"virtio-net-pci,netdev=site,mac={_SITE_MAC}")
    yield from ("-netdev", f"user,id=control,net={_CONTROL_NET}{control}")
    yield from ("-device", f"virtio-net-pci,netdev=control,mac={_CONTROL_MAC}")

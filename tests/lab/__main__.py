"""The lab by hand.

python -m tests.lab                          build what the tests boot (they would, without a word)
python -m tests.lab boot 127.9.9.9           boot it with the package installed, until Ctrl-C
python -m tests.lab run 127.9.9.9 'uname -a' run a command in it, from another terminal
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import tempfile
from pathlib import Path

from portal.errors import PortalError
from tests.lab.control import ask
from tests.lab.guest_site import FORWARDS, GuestSite
from tests.lab.image import ensure_image
from tests.lab.payload import ensure_payload
from tests.lab.tools import check_host
from tests.lab.vm import booted


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.lab",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(action=_build)
    commands = parser.add_subparsers()
    boot = commands.add_parser("boot")
    boot.add_argument("address", help="a loopback address that nothing else uses")
    boot.set_defaults(action=_boot)
    run = commands.add_parser("run")
    run.add_argument("address")
    run.add_argument("command", help="for the machine's shell")
    run.set_defaults(action=_run)
    arguments = parser.parse_args()
    try:
        code: int = arguments.action(arguments)
    except (LookupError, OSError, RuntimeError, PortalError) as exc:
        print(f"lab: {exc}", file=sys.stderr)
        return 1
    return code


def _build(_arguments: argparse.Namespace) -> int:
    check_host()
    ensure_image()
    ensure_payload()
    return 0


def _boot(arguments: argparse.Namespace) -> int:
    check_host()
    with (
        tempfile.TemporaryDirectory() as folder,
        booted(
            ensure_image(),
            address=arguments.address,
            forwards=FORWARDS,
            drives=[ensure_payload()],
            work_dir=Path(folder),
        ) as machine,
    ):
        GuestSite(machine).install()
        print(f"lab: up at {machine.address}; systemctl start portal, modprobe vivid", flush=True)
        # Also where it was started in the background, which ignores Ctrl-C, or by a service.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
    return 0


def _run(arguments: argparse.Namespace) -> int:
    result = ask(arguments.address, ["sh", "-c", arguments.command], timeout_s=600)
    sys.stdout.write(result.stdout)
    sys.stderr.write(result.stderr)
    return 1 if result.code is None else result.code


if __name__ == "__main__":
    sys.exit(main())

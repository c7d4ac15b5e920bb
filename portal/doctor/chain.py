"""The checks in the order of the chain, run side by side, each with its own time limit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

import msgspec

from portal.config import Config
from portal.doctor import cameras, listeners, machine, network, pictures, programs
from portal.doctor.finding import Finding, fail
from portal.doctor.subject import Subject, meet
from portal.errors import PortalError
from portal.model import Value

Look = Callable[[Subject], Awaitable[Finding]]


class Check(Value, frozen=True):
    """One link of the chain. `look` returns a finding without a name, or raises."""

    name: str
    look: Look
    limit_s: float = 4.0


CHECKS = (
    Check(name="python", look=programs.check_python),
    Check(name="ffmpeg", look=programs.check_ffmpeg),
    Check(name="mediamtx", look=programs.check_media_server),
    Check(name="chromium", look=programs.check_chromium),
    Check(name="state directory", look=machine.check_state_dir),
    Check(name="ports", look=listeners.check_ports),
    Check(name="clock", look=machine.check_clock),
    Check(name="udev", look=cameras.check_udev),
    Check(name="camera rights", look=cameras.check_rights),
    Check(name="cameras", look=cameras.check_cameras),
    Check(name="service", look=machine.check_service),
    Check(name="picture", look=pictures.check_own, limit_s=pictures.LIMIT_S),
    Check(name="discovery", look=network.check_discovery),
    Check(name="peer", look=network.check_peer),
    Check(name="peer's picture", look=pictures.check_peers, limit_s=pictures.LIMIT_S),
)


async def run_checks(config: Config, *, state_dir: Path) -> list[Finding]:
    """Look at the box, and at its daemon if it runs."""
    return await examine(await meet(config, state_dir), CHECKS)


async def examine(subject: Subject, checks: Iterable[Check]) -> list[Finding]:
    """Findings in the order of `checks`. Never raises for what is wrong with the box."""
    return list(await asyncio.gather(*(_run(check, subject) for check in checks)))


async def _run(check: Check, subject: Subject) -> Finding:
    try:
        async with asyncio.timeout(check.limit_s):
            found = await check.look(subject)
    except PortalError as fault:
        found = fail(fault.message, fault.remedy)
    except TimeoutError:
        found = fail(f"no answer within {check.limit_s:g} s", "try again when the box is less busy")
    except Exception as exc:  # noqa: BLE001 - one check's bug must not hide what others found
        found = fail(f"the check itself failed: {type(exc).__name__}: {exc}", "report this")
    return msgspec.structs.replace(found, check=check.name)

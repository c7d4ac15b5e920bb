"""The faults: each does its harm, and says from when on the picture is expected back."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from tests.faults.world import World

Harm = Callable[[World], Awaitable[float]]


@dataclass(frozen=True, slots=True)
class Fault:
    """`harm` returns when the clock of recovery starts: at the blow, or when a lasting fault ended.
    `within_s` is what the product allows itself, on a machine that does nothing else."""

    name: str
    harm: Harm
    within_s: float


def _signalled(site: str, process: str, number: signal.Signals) -> Harm:
    async def harm(world: World) -> float:
        began = time.time()
        await getattr(world, site).signal(process, number)
        return began

    return harm


def _lasting(seconds: float, fault: Callable[[World], AbstractContextManager[None]]) -> Harm:
    async def harm(world: World) -> float:
        with fault(world):
            await asyncio.sleep(seconds)
        return time.time()

    return harm


def _with_the_publisher_stopped(number: signal.Signals) -> Harm:
    """Nobody is left who would end ffmpeg, or start it anew."""

    async def harm(world: World) -> float:
        began = time.time()
        await world.dublin.signal("publisher", signal.SIGSTOP)
        await world.dublin.signal("ffmpeg", number)
        return began

    return harm


async def _freeze(world: World) -> float:
    world.camera.freeze()
    return time.time()


async def _reboot(world: World) -> float:
    await world.dublin.power_off()
    await asyncio.sleep(5)
    world.dublin.power_on()
    return time.time()


def _cut(seconds: float) -> Fault:
    return Fault(
        f"cable pulled for {seconds:g} s",
        _lasting(seconds, lambda world: world.dublin.machine.unplugged()),
        within_s=2.0,
    )


def _of_screen(process: str, number: signal.Signals) -> Harm:
    async def harm(world: World) -> float:
        began = time.time()
        await world.kiosk.signal(process, number)
        return began

    return harm


_KILL, _STOP = signal.SIGKILL, signal.SIGSTOP

PROCESSES = (
    Fault("ffmpeg killed", _signalled("dublin", "ffmpeg", _KILL), 1.5),
    Fault("ffmpeg stopped", _signalled("dublin", "ffmpeg", _STOP), 5.0),
    Fault("publisher killed", _signalled("dublin", "publisher", _KILL), 1.5),
    Fault("publisher stopped", _signalled("dublin", "publisher", _STOP), 0.5),
    Fault("publisher stopped and ffmpeg killed", _with_the_publisher_stopped(_KILL), 10.0),
    Fault("publisher and ffmpeg stopped", _with_the_publisher_stopped(_STOP), 10.0),
    Fault("MediaMTX killed", _signalled("dublin", "mediamtx", _KILL), 3.0),
    Fault("MediaMTX stopped", _signalled("dublin", "mediamtx", _STOP), 10.0),
    Fault("daemon with the camera killed", _signalled("dublin", "daemon", _KILL), 0.0),
    Fault("daemon with the screen killed", _signalled("new_york", "daemon", _KILL), 0.0),
    Fault("daemon with the camera stopped", _signalled("dublin", "daemon", _STOP), 0.0),
    Fault("daemon with the screen stopped", _signalled("new_york", "daemon", _STOP), 0.0),
    Fault("the screen's own MediaMTX killed", _signalled("new_york", "mediamtx", _KILL), 0.0),
)

NETWORK = (
    _cut(1),
    _cut(10),
    Fault(
        "nothing arrives at the screen for 10 s",
        _lasting(10, lambda world: world.new_york.machine.dropping("")),
        within_s=2.0,
    ),
    Fault(
        "nothing arrives at the camera's site for 10 s",
        _lasting(10, lambda world: world.dublin.machine.dropping("")),
        within_s=2.0,
    ),
    Fault(
        "UDP dropped for 20 s while TCP works",
        _lasting(20, lambda world: world.new_york.machine.dropping("meta l4proto udp")),
        within_s=2.0,
    ),
)

SOURCE = (Fault("camera frozen while ffmpeg lives", _freeze, 5.0),)
SITES = (Fault("the camera's site rebooted", _reboot, 10.0),)

LONG_CUTS = (_cut(60), _cut(600))  # all timeouts and pauses between attempts are at their longest

# Of a world with `portal kiosk`. What hangs is told from what is busy by patience.
SCREEN = (
    Fault("renderer killed", _of_screen("renderer", _KILL), 6.0),
    Fault("renderer stopped", _of_screen("renderer", _STOP), 20.0),
    Fault("GPU process killed", _of_screen("gpu-process", _KILL), 6.0),
    Fault("GPU process stopped", _of_screen("gpu-process", _STOP), 25.0),
    Fault("browser killed", _of_screen("browser", _KILL), 6.0),
    Fault("browser stopped", _of_screen("browser", _STOP), 30.0),
    Fault("compositor killed", _of_screen("compositor", _KILL), 10.0),
    Fault("compositor stopped", _of_screen("compositor", _STOP), 30.0),
)

ALL = (*PROCESSES, *NETWORK, *SOURCE, *SITES)

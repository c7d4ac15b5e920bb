"""The way to a device: opened, asked in a thread of its own, given up when it does not answer."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import Structure
from functools import partial
from typing import Protocol, TypeVar

from portal.cameras.v4l2.explain import explained
from portal.errors import CameraError

Answer = TypeVar("Answer")

# Formats come from the driver, controls from the camera: 20 of them take it some 100 ms. uvcvideo
# itself waits 5 s for an answer over USB.
_ANSWER_WITHIN_S = 6.0

_unanswered: set[str] = set()  # nodes with a question that nobody waits for any more


class Device(Protocol):
    """Something to ask."""

    def ask(self, request: int, data: Structure, /) -> None:
        """Fill `data` with the answer. Raises `OSError`."""


class OpenedNode:
    """A `Device` by its file descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def ask(self, request: int, data: Structure, /) -> None:
        # Structs of up to 1 KB, which all of ours are, are asked with the interpreter unlocked.
        while True:
            with contextlib.suppress(InterruptedError):
                fcntl.ioctl(self._descriptor, request, data)
                return


@contextmanager
def opened(node: str) -> Iterator[OpenedNode]:
    """Without taking it from whoever streams. Every `OSError` in the block becomes a
    `CameraError`."""
    try:
        descriptor = os.open(node, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            yield OpenedNode(descriptor)
        finally:
            os.close(descriptor)
    except OSError as exc:
        raise explained(exc, node) from exc


def found(device: Device, request: int, data: Structure) -> bool:
    """Ask for one of an enumeration: False is its end. Raises `OSError`."""
    try:
        device.ask(request, data)
    except OSError as exc:
        if exc.errno in {errno.EINVAL, errno.ENOTTY}:
            return False
        raise
    return True


async def answer(
    node: str, question: Callable[[str], Answer], *, within_s: float = _ANSWER_WITHIN_S
) -> Answer:
    """`question(node)`, which may block. Raises `CameraError`, also when it takes too long.

    A thread that hangs in the kernel cannot be ended: it is a daemon thread outside the pool that
    everything else shares, and until it returns the node is not asked again.
    """
    if node in _unanswered:
        raise _silent(node)
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[Answer] = loop.create_future()
    has_returned = False

    def deliver(give: Callable[[], None]) -> None:
        nonlocal has_returned
        has_returned = True
        _unanswered.discard(node)
        if not answered.done():
            give()

    def ask() -> None:
        try:
            give = partial(answered.set_result, question(node))
        except BaseException as exc:  # noqa: BLE001 - raised where it is awaited
            give = partial(answered.set_exception, exc)
        try:
            loop.call_soon_threadsafe(deliver, give)
        except RuntimeError:  # the loop has ended meanwhile
            _unanswered.discard(node)

    threading.Thread(target=ask, name=f"asking {node}", daemon=True).start()
    try:
        # Not wait_for(): in Python 3.11 it forgets that it was cancelled when the answer is there.
        async with asyncio.timeout(within_s):
            return await answered
    except TimeoutError as exc:
        if not has_returned:
            _unanswered.add(node)
        raise _silent(node) from exc


def _silent(node: str) -> CameraError:
    return CameraError(f"{node} gives no answer", remedy="unplug the camera and plug it in again")

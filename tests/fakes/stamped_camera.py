"""A camera with a stamp in each corner: `python -m tests.fakes.stamped_camera SOCKET WIDTH HEIGHT
FPS`. The first holds the time of the frame, the others their corner's number; all between moves.

Serves raw frames as `bench.source` does, whose stamps and ffmpeg arguments it uses.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench import stamp
from bench.source import Mode


def _number(corner: int) -> int:
    """One whose stamp is white at the picture's very corner."""
    row, column = (0 if corner < 2 else -1), (-1 if corner % 2 else 0)
    return next(
        number
        for number in range(corner << 32 | 1 << 32, 1 << 48)
        if stamp.encode(number)[row, column] == stamp.WHITE
    )


# Top right, bottom left, bottom right. The top left one is the clock.
CORNERS = {corner: _number(corner) for corner in (1, 2, 3)}


def place(corner: int, width: int, height: int) -> tuple[slice, slice]:
    """Rows and columns of a corner's stamp in a picture of that size."""
    top = 0 if corner < 2 else height - stamp.HEIGHT_PX
    left = width - stamp.WIDTH_PX if corner % 2 else 0
    return slice(top, top + stamp.HEIGHT_PX), slice(left, left + stamp.WIDTH_PX)


def _draw(frame: NDArray[np.uint8], mode: Mode, tick: int) -> None:
    frame[..., 0] = 60 + tick * 3 % 60  # what compares thumbnails sees it move, too
    frame[..., 1] = 128
    column = tick * 8 % mode.width
    frame[mode.height // 3 : mode.height // 2, column : column + 40, 0] = 200
    stamps = {0: time.time_ns() // 1000, **CORNERS}
    for corner, number in stamps.items():
        rows, columns = place(corner, mode.width, mode.height)
        frame[rows, columns, 0] = stamp.encode(number)


def _serve(connection: socket.socket, mode: Mode) -> None:
    frame = np.empty((mode.height, mode.width, 2), dtype=np.uint8)
    started = time.monotonic()
    tick = 0
    while True:
        wait_s = started + tick / mode.fps - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)
        _draw(frame, mode, tick)
        connection.sendall(frame.data)
        tick = max(tick + 1, int((time.monotonic() - started) * mode.fps))


def main() -> None:
    mode = Mode(*map(int, sys.argv[2:]))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(Path(sys.argv[1])))
        listener.listen()
        while True:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                _serve(connection, mode)


if __name__ == "__main__":
    main()

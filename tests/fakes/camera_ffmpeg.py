#!/usr/bin/env python3
"""An ffmpeg for which fake cameras deliver pictures: name it in `video.ffmpeg`.

What reads a V4L2 node reads a moving test picture of the asked size and rate instead, for as long
as the node answers; when it is pulled this ends with exit code 0, as ffmpeg does. Everything else
goes to the ffmpeg on PATH as it is.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

VIDIOC_QUERYCAP = 0x80685600
ASKED = ("-input_format", "-video_size", "-framerate", "-thread_queue_size")


def failure(node: Path) -> str:
    """What the device answers when it is asked who it is; "" when all is well."""
    try:
        descriptor = os.open(node, os.O_RDWR | os.O_NONBLOCK)
        try:
            fcntl.ioctl(descriptor, VIDIOC_QUERYCAP, bytearray(104))
        finally:
            os.close(descriptor)
    except OSError as exc:
        return exc.strerror or str(exc)
    return ""


def main() -> int:
    ffmpeg = shutil.which("ffmpeg")
    assert ffmpeg, "ffmpeg is not installed"
    arguments = sys.argv[1:]
    if "v4l2" not in arguments:
        os.execv(ffmpeg, [ffmpeg, *arguments])  # noqa: S606 - no shell is wanted
    asked: dict[str, str] = {}
    for name in ASKED:
        if name in arguments:
            place = arguments.index(name)
            asked[name] = arguments[place + 1]
            del arguments[place : place + 2]
    place = arguments.index("-i") + 1
    node = Path(arguments[place])
    if why := failure(node):
        print(f"{node}: {why}", file=sys.stderr)
        return 1
    size, rate = asked.get("-video_size", "640x480"), asked.get("-framerate", "30")
    arguments[place] = f"testsrc2=s={size}:r={rate}"
    arguments[arguments.index("v4l2") - 1 : arguments.index("v4l2") + 1] = ["-re", "-f", "lavfi"]
    child = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", ffmpeg, *arguments])
    while child.poll() is None and not failure(node):
        time.sleep(0.02)
    if child.returncode is not None:
        return child.returncode
    why = failure(node)
    child.terminate()
    child.wait()
    if node.exists():
        print(f"{node}: {why}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""An ffmpeg for which a camera of the tests delivers H.264: name it in `video.ffmpeg`.

The camera's node is a file that says how it encodes: one line of x264's options, such as
"-profile:v baseline -g 30". It can be opened once at a time. Asked for another format, it delivers
a test picture. Everything that reads no V4L2 node goes to the ffmpeg on PATH as it is. Each opening
is written down beside the node.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

ASKED = ("-input_format", "-video_size", "-framerate", "-thread_queue_size")


def main() -> NoReturn:
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
    if not node.exists():
        sys.exit(f"{node}: No such file or directory")
    held = node.open()
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit(f"{node}: Device or resource busy")
    os.set_inheritable(held.fileno(), True)
    with node.with_suffix(".opened").open("a") as log:
        log.write(f"{asked['-input_format']} {shlex.join(arguments)}\n")
    picture = f"testsrc2=s={asked['-video_size']}:r={asked['-framerate']}"
    format_place = arguments.index("v4l2") - 1
    if asked["-input_format"] != "h264":
        arguments[place] = picture
        arguments[format_place : format_place + 2] = ["-re", "-f", "lavfi"]
        os.execv(ffmpeg, [ffmpeg, *arguments])  # noqa: S606 - no shell is wanted
    own = shlex.split(node.read_text())
    camera = subprocess.Popen(
        [
            *("setpriv", "--pdeathsig", "KILL", ffmpeg, "-v", "error", "-re", "-f", "lavfi"),
            *("-i", picture, "-c:v", "libx264", "-preset", "ultrafast", *own),
            *("-f", "nut", "-flush_packets", "1", "-"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert camera.stdout
    os.dup2(camera.stdout.fileno(), 0)
    arguments[place] = "pipe:0"
    arguments[format_place : format_place + 2] = ["-f", "nut"]
    arguments.remove("-nostdin")
    os.execv(ffmpeg, [ffmpeg, *arguments])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()

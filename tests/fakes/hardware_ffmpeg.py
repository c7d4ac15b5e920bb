#!/usr/bin/env python3
"""An ffmpeg that believes in a VAAPI encoder: `hardware_ffmpeg.py HOW LOG ARGUMENTS…`.

x264 does the work, as a chip would that works "well", or has the fault that HOW names. Each use is
written to the file LOG. Everything else goes to the ffmpeg on PATH as it is.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

FAULTS = {
    "well": ["-tune", "zerolatency", "-profile:v", "baseline"],
    "tired": ["-tune", "zerolatency", "-profile:v", "baseline"],  # the first time
    "busy at first": ["-tune", "zerolatency", "-profile:v", "baseline"],
    "late": ["-tune", "film", "-profile:v", "main", "-bf", "2", "-b_strategy", "0"],
    "high": ["-preset", "medium", "-tune", "zerolatency", "-profile:v", "high"],
    "colour": ["-tune", "zerolatency", "-pix_fmt", "yuv444p"],
    "sparse": ["-tune", "zerolatency", "-profile:v", "baseline", "-g", "999"],
    "torn": ["-tune", "zerolatency", "-profile:v", "baseline", "-bsf:v", "noise=amount=20"],
}


def main() -> NoReturn:
    how, log, *arguments = sys.argv[1:]
    ffmpeg = shutil.which("ffmpeg")
    assert ffmpeg, "ffmpeg is not installed"
    if "h264_vaapi" not in arguments:
        os.execv(ffmpeg, [ffmpeg, *arguments])  # noqa: S606 - no shell is wanted
    with Path(log).open("a") as file:
        file.write(f"{how}\n")
    if how == "tired" and len(Path(log).read_text().splitlines()) > 1:
        sys.exit("[h264_vaapi @ 0x5581] Failed to upload encode parameters: 18 (invalid parameter)")
    if how == "busy" or (how == "busy at first" and len(Path(log).read_text().splitlines()) == 1):
        sys.exit("[h264_vaapi @ 0x5581] Failed to create a surface: Device or resource busy")
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "hangs":
        time.sleep(60)
    if how == "fails":
        sys.exit("[h264_vaapi] No usable encoding entrypoint found for profile")
    for name in ("-vaapi_device", "-rc_mode", "-async_depth", "-coder", "-profile:v"):
        place = arguments.index(name)
        del arguments[place : place + 2]
    filters = arguments.index("-vf") + 1
    arguments[filters] = arguments[filters].replace("format=nv12,hwupload", "null")
    own = FAULTS[how]
    if how == "sparse":
        place = arguments.index("-force_key_frames")
        del arguments[place : place + 2]
    for name in own[::2]:
        if name in arguments:
            place = arguments.index(name)
            del arguments[place : place + 2]
    place = arguments.index("h264_vaapi")
    arguments[place : place + 1] = ["libx264", "-preset", "ultrafast", *own]
    os.execv(ffmpeg, [ffmpeg, *arguments])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()

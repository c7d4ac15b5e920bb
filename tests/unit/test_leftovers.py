"""What power cuts leave in the state directory does not pile up."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from portal.leftovers import remove_leftovers

LIVES_ON = "import sys; sys.stdin.read()"


def written(path: Path, text: str = "", *, age_s: float = 3600.0) -> Path:
    path.write_text(text)
    os.utime(path, (time.time() - age_s,) * 2)
    return path


def test_what_nobody_owns_is_removed(tmp_path: Path) -> None:
    for name in (
        ".privacy.k3x_9abc",
        ".mediamtx-credentials.json.abcdefgh",
        ".mediamtx.json.4711",
        "publisher.cam.4711",
        "publisher.camera-usb-046d-0825.4711",
    ):
        written(tmp_path / name)
    written(tmp_path / "publisher.camera-old", f"pid {os.getpid()}\n")
    written(tmp_path / ".h264.abcd1234", age_s=-3600)  # the clock was ahead
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_somebody_owns_or_writes_just_now_stays(tmp_path: Path) -> None:
    preview = tmp_path / "publisher.camera-usb-046d-0825"
    publisher = subprocess.Popen(
        [sys.executable, "-c", LIVES_ON, "--status", str(preview)], stdin=subprocess.PIPE
    )
    try:
        kept = {
            written(preview, f"pid {publisher.pid}\n"),
            written(tmp_path / "publisher.cam"),
            written(tmp_path / "publisher.sound"),
            written(tmp_path / "privacy.json"),
            written(tmp_path / "privacy.json.broken"),
            written(tmp_path / "mediamtx.log.1"),
            written(tmp_path / ".bash_history"),
            written(tmp_path / ".privacy.abcd1234", age_s=1),
            written(tmp_path / "publisher.camera-other.4711", age_s=1),
        }
        (tmp_path / "bin").mkdir()
        (tmp_path / ".cache.abcd1234").mkdir()
        remove_leftovers(tmp_path)
        assert kept <= set(tmp_path.iterdir())
        assert (tmp_path / ".cache.abcd1234").is_dir()
    finally:
        publisher.communicate()

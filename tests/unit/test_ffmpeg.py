"""Which ffmpeg is used."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from portal.errors import ProcessError
from portal.publish.ffmpeg import find_ffmpeg


def program(folder: Path, name: str = "ffmpeg") -> str:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_the_configured_one_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "path").mkdir()
    program(tmp_path / "path")
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    configured = program(tmp_path, "my-ffmpeg")
    assert find_ffmpeg(configured) == configured


def test_the_one_on_path_comes_before_the_bundled_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = program(tmp_path)
    assert find_ffmpeg() == found


def test_a_configured_one_that_is_missing_is_not_replaced_silently() -> None:
    with pytest.raises(ProcessError, match=r"/opt/no/ffmpeg.*name another"):
        find_ffmpeg("/opt/no/ffmpeg")


def test_without_any_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(ProcessError, match="apt install ffmpeg"):
        find_ffmpeg()
